"""The portal's own settings, as the tests see them: fixed keys, a state folder of the run's own, a chosen database.

`PORTAL_TEST_DATABASE` says which: `sqlite` (the default) or `postgresql`, an embedded server of this run.
"""

import os

from tests.servers import run_folder, run_postgresql

_process = os.environ.get("PYTEST_XDIST_WORKER", "main")
os.environ |= {
    "ENV_FILE": os.devnull,
    "PORTAL_VAR": str(run_folder() / _process),
    "SECRET_KEY": "a-fixed-key-for-the-tests-that-guards-nothing-at-all-1234567890",
    "JOURNAL_KEY": "a-fixed-journal-key-for-the-tests-that-guards-nothing-1234567890",
    "BASE_URL": "http://localhost:8000",
    "STATICFILES_MANIFEST": "false",
    "LOG_LEVEL": "WARNING",
}
for _name in ("DATABASE_URL", "CELERY_BROKER_URL", "EMAIL_URL", "DEBUG", "ALLOWED_HOSTS"):
    os.environ.pop(_name, None)
if os.environ.get("PORTAL_TEST_DATABASE", "sqlite") == "postgresql":
    os.environ["DATABASE_URL"] = run_postgresql()

from pim_portal.settings import *  # noqa: E402, F403
from pim_portal.settings import DATABASES, PASSWORD_HASHERS, STATIC_ROOT  # noqa: E402

# Nobody needs this data after a crash, and a password need not cost an attacker anything here.
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATABASES["default"]["OPTIONS"]["init_command"] += "; PRAGMA synchronous=OFF"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher", *PASSWORD_HASHERS]
STATIC_ROOT.mkdir(parents=True, exist_ok=True)

# Every question that is put into words once is compared with the same one in full; in the long races twenty rounds did that.
CHECK_WORDING = "RACE_ROUNDS" not in os.environ
