"""Settings of PIM Portal: one file, read from top to bottom.

Every value that may differ between two portals comes from the environment, or from a file `.env` beside
`manage.py`; `.env.example` documents all of them. Without any of them the portal runs *embedded*: SQLite, a
broker made of files, mail written to files, all under `var/`.

A portal that others can reach (its `BASE_URL` is not on the loopback interface) is in *production*: what would
be unsafe there is an error of `pim_portal/checks.py` and stops the start.
"""

from pathlib import Path
from urllib.parse import quote, urlsplit

import environ
from csp.constants import NONE, SELF

from pim_portal.embedded.keys import kept_key
from pim_portal.hosts import is_address, is_loopback, origin_of

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()
env.read_env(env.str("ENV_FILE", default=str(BASE_DIR / ".env")))

# --- Where this portal stands -----------------------------------------------------------------------------------

PORTAL_NAME = env.str("PORTAL_NAME", default="PIM Portal")
ORGANISATION = env.str("ORGANISATION", default="Example Organisation")

# Links in mail are built from this address alone, never from the Host header of some request.
BASE_URL = env.str("BASE_URL", default="http://localhost:8000").rstrip("/")
BASE_HOST = urlsplit(BASE_URL).hostname or ""
PRODUCTION = not is_loopback(BASE_HOST)
SECURE = urlsplit(BASE_URL).scheme == "https"

# Everything the portal writes by itself when nothing else is named: database, broker, mail, keys, static files.
VAR = Path(env.str("PORTAL_VAR", default=str(BASE_DIR / "var"))).resolve()

DEBUG = env.bool("DEBUG", default=False)
ALLOWED_HOSTS = env.list(
    "ALLOWED_HOSTS", default=[BASE_HOST] if PRODUCTION else ["localhost", ".localhost", "127.0.0.1", "[::1]"]
)
# How many reverse proxies of our own stand in front (0: none). Decides whether X-Forwarded-* is believed.
TRUSTED_PROXIES = env.int("TRUSTED_PROXIES", default=0)

# --- Keys: named by the operator in production, made once per machine otherwise ----------------------------------

SECRET_KEY = env.str("SECRET_KEY", default="") or ("" if PRODUCTION else kept_key(VAR / "keys" / "secret"))
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
JOURNAL_KEY = env.str("JOURNAL_KEY", default="") or ("" if PRODUCTION else kept_key(VAR / "keys" / "journal"))
# Seal the secrets of others (of web hooks) in the database: the first one seals, all of them open, and so does SECRET_KEY.
SEALING_KEYS = env.list("SEALING_KEYS", default=[])
SEALING_PUBLIC_KEY = env.str("SEALING_PUBLIC_KEY", default="")  # seals what only the worker opens

# Where secrets of directories may lie as files (file:/path); variables for them begin with DIRECTORY_ (env:NAME).
SECRET_FOLDERS = env.list(
    "SECRET_FOLDERS", default=["/run/secrets", *([] if PRODUCTION else [str(VAR / "secrets")])]
)

# --- What the portal may call: public addresses by https, and these host names and networks, by http too -----------

OUTBOUND_ALLOWED = env.list("OUTBOUND_ALLOWED", default=[])

# --- What the portal asks everywhere (floors below any role's own settings) --------------------------------------

MINIMUM_ACTIVE_MINUTES = env.int("MINIMUM_ACTIVE_MINUTES", default=5)  # before one may deactivate
MINIMUM_DURATION_MINUTES = env.int("MINIMUM_DURATION_MINUTES", default=30)
MINIMUM_ASSIGNMENT_MINUTES = env.int("MINIMUM_ASSIGNMENT_MINUTES", default=5)
DURATION_STEP_MINUTES = env.int("DURATION_STEP_MINUTES", default=30)
FOUR_EYES = env.bool(
    "FOUR_EYES", default=True
)  # weakening a privileged role's settings takes two administrators
MUTUAL_APPROVALS = env.int(
    "MUTUAL_APPROVALS", default=5
)  # each way, from which on an alert is raised; 0: none
SWEEP_SECONDS = env.float("SWEEP_SECONDS", default=1.0)  # 0: no sweep thread in the worker
RECONCILE_SECONDS = env.float(
    "RECONCILE_SECONDS", default=60.0
)  # how often each directory is compared with the book
# After so long what a killed worker had taken is taken again: longer than any work in a directory may take, of which
# a third is the time within which the next call is still begun.
LEASE_SECONDS = env.float("LEASE_SECONDS", default=60.0)
RECONCILE_LEASE_SECONDS = env.float(
    "RECONCILE_LEASE_SECONDS", default=300.0
)  # the same of comparing: listing a large directory may take minutes
DEAD_MAN_SECONDS = env.int("DEAD_MAN_SECONDS", default=60)  # no sweep for this long: /health turns red
SESSION_IDLE_SECONDS = env.int("SESSION_IDLE_SECONDS", default=60 * 60)
SESSION_ABSOLUTE_SECONDS = env.int("SESSION_ABSOLUTE_SECONDS", default=12 * 60 * 60)

# --- Apps: a module may import only from what stands above it ----------------------------------------------------

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
    "guardian",
    "simple_history",
    "django_htmx",
    "csp",
    "django.forms",  # for the templates of its controls, one of which is our own
    "audit.journal",
    "accounts",
    "django_otp_webauthn",  # below the people: it asks for their model as soon as it is imported
    "audit",
    "roles",
    "approvals",
    "pim_portal",
]

MIDDLEWARE = [
    "csp.middleware.CSPMiddleware",  # outermost, so that errors, redirects and files carry the policy too
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "accounts.middleware.ActorMiddleware",
    "accounts.middleware.SessionLimitsMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "pim_portal.middleware.RefusalMiddleware",
    "accounts.mfa.middleware.StepUpMiddleware",  # last: exceptions meet it first, and its question is a refusal too
]

ROOT_URLCONF = "pim_portal.urls"
WSGI_APPLICATION = "pim_portal.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "pim_portal.navigation.navigation",
            ],
        },
    },
]

FORM_RENDERER = "django.forms.renderers.TemplatesSetting"

# --- Data ---------------------------------------------------------------------------------------------------------

DATABASES = {"default": env.db("DATABASE_URL", default=f"sqlite:///{quote(str(VAR / 'portal.sqlite3'))}")}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    VAR.mkdir(parents=True, exist_ok=True, mode=0o700)
    # Immediate transactions take the write lock at once instead of failing half-way; the busy handler of SQLite
    # is unfair, so the wait is long. A file for the tests: the default, shared memory, knows no locks.
    DATABASES["default"] |= {
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL",
        },
        "TEST": {"NAME": str(VAR / "test.sqlite3")},
    }
else:
    # Bound by the server, so that it can keep the plans of what every page asks (decision 20).
    DATABASES["default"]["OPTIONS"] = {"server_side_binding": True} | DATABASES["default"].get("OPTIONS", {})
    DATABASES["default"] |= {"CONN_MAX_AGE": 600, "CONN_HEALTH_CHECKS": True}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Who signs in -------------------------------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "sign_in"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "sign_in"
OTP_LOGIN_URL = "sign_in"
OTP_TOTP_ISSUER = PORTAL_NAME
OTP_TOTP_SYNC = False  # a code counts one step before and after now, and the window never wanders

# Passkeys sign for this host name alone: with another one everybody adds theirs anew. No passkey knows an IP address.
OTP_WEBAUTHN_RP_ID = "localhost" if is_address(BASE_HOST) else BASE_HOST or "localhost"
OTP_WEBAUTHN_RP_NAME = PORTAL_NAME
OTP_WEBAUTHN_ALLOWED_ORIGINS = [origin_of(BASE_URL, host=OTP_WEBAUTHN_RP_ID)]
OTP_WEBAUTHN_CREDENTIAL_MODEL = "accounts.Passkey"
OTP_WEBAUTHN_TIMEOUT_SECONDS = 5 * 60
OTP_WEBAUTHN_ALLOW_PASSWORDLESS_LOGIN = False

# guardian keeps who owns and reads which directory and role; every decision asks a question of ours over its
# rows, so its own backend, its anonymous user and its methods on User stay out.
ANONYMOUS_USER_NAME = None
GUARDIAN_MONKEY_PATCH_USER = False
GUARDIAN_MONKEY_PATCH_GROUP = False
SIMPLE_HISTORY_REVERT_DISABLED = True  # the admin site must not turn back what a verb has done

# --- Sessions, cookies, headers -----------------------------------------------------------------------------------

SESSION_ENGINE = "accounts.sessions"  # sessions that know whose they are
SESSION_COOKIE_AGE = SESSION_ABSOLUTE_SECONDS
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = SECURE
SESSION_COOKIE_NAME = "__Host-session" if SECURE else "session"
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SECURE = SECURE
CSRF_COOKIE_NAME = "__Host-csrf" if SECURE else "csrf"
CSRF_TRUSTED_ORIGINS = [BASE_URL] if SECURE else []
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"

SECURE_SSL_REDIRECT = SECURE
SECURE_REDIRECT_EXEMPT = [r"^health$"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXIES else None
SECURE_HSTS_SECONDS = env.int("HSTS_SECONDS", default=365 * 24 * 60 * 60) if SECURE else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}

SILENCED_SYSTEM_CHECKS = [
    "guardian.W001",  # its backend is left out on purpose, see above
    "otp_webauthn.E031",  # asks for https; so does our own E002, which knows every name of the loopback interface
    "security.W021",  # joining the browsers' HSTS preload list is a decision of the domain's owner, not of one portal
]

# --- Static files: served by the portal itself --------------------------------------------------------------------

STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = VAR / "static"
STATICFILES_MANIFEST = env.bool("STATICFILES_MANIFEST", default=not DEBUG)
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"
        if STATICFILES_MANIFEST
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}

# --- Language and time --------------------------------------------------------------------------------------------

LANGUAGE_CODE = "en"
USE_I18N = False  # every string is marked, but no other language ships yet: looking each up is a tenth of a page's time
USE_TZ = True
TIME_ZONE = "UTC"

# --- Mail: files under var/ unless a server is named --------------------------------------------------------------

vars().update(env.email("EMAIL_URL", default=f"filemail:///{quote(str(VAR / 'mail'))}"))
EMAIL_TIMEOUT = 10  # seconds
DEFAULT_FROM_EMAIL = env.str("MAIL_FROM", default=f"{PORTAL_NAME} <pim-portal@example.test>")
SERVER_EMAIL = DEFAULT_FROM_EMAIL

# --- Background work: Celery hurries what the database already says must happen -----------------------------------

CELERY_BROKER_URL = env.str("CELERY_BROKER_URL", default="filesystem://localhost")
if CELERY_BROKER_URL.startswith("filesystem:"):
    BROKER_FOLDER = VAR / "broker"
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(BROKER_FOLDER / "queue"),
        "data_folder_out": str(BROKER_FOLDER / "queue"),
        "control_folder": str(BROKER_FOLDER / "control"),
        "polling_interval": 0.2,
    }
    for folder in ("queue", "control"):
        (BROKER_FOLDER / folder).mkdir(parents=True, exist_ok=True, mode=0o700)
else:
    # With Redis' defaults a task of a killed worker came back after 105 s; restored on every scan it takes 10 s.
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "visibility_timeout": 3600,
        "unacked_restore_interval": 5,
        "unacked_restore_throttle": 1,
        "socket_connect_timeout": 2,
        "socket_timeout": 10,
    }
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_SERIALIZER = "json"
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_PUBLISH_RETRY = False  # the row is the queue: a page never waits for a broker that is down
CELERY_TIMEZONE = "UTC"
CELERY_WORKER_POOL = "threads"
CELERY_WORKER_CONCURRENCY = env.int("WORKER_THREADS", default=4)
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_BEAT_SCHEDULER = "celery.beat:Scheduler"  # in memory: the timetable is code and leaves no file behind
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None  # for ever

# --- Logging: readable lines to stderr ----------------------------------------------------------------------------

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {
        # A portal that is not well says so to whoever asks /health; logging every question would bury the cause.
        "not_health": {
            "()": "django.utils.log.CallbackFilter",
            "callback": lambda record: getattr(record, "status_code", None) != 503,
        },
    },
    "formatters": {"line": {"format": "{asctime} {levelname:<7} {name}: {message}", "style": "{"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": env.str("LOG_LEVEL", default="INFO")},
    "loggers": {
        "django": {"handlers": [], "level": "INFO", "propagate": True},
        "django.request": {"filters": ["not_health"]},
        "django.server": {"handlers": [], "level": "INFO", "propagate": True},
        # One line per tick and per task would bury everything else.
        "celery.beat": {"level": "WARNING"},
        "celery.worker.strategy": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
        # A line for each call of a connector, with the names asked for; what fails the connector itself says.
        "httpx": {"level": "WARNING"},
        "azure": {"level": "ERROR"},
        "msal": {"level": "ERROR"},
    },
}
