"""What a portal that others can reach must not be started with: system checks of level ERROR."""

import sys
from collections.abc import Sequence
from io import StringIO
from typing import Any
from urllib.parse import urlsplit

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import OperationalError

SHORTEST_KEY = 50  # characters, as in check --deploy; 48 random bytes in base64 have 64
SHORTEST_LEASE = (
    60  # seconds: two thirds of it are one act in a directory whose every answer comes at the last moment
)
KEY_HINT = "Make one: python -c 'import secrets; print(secrets.token_urlsafe(48))'"
REDIS = ("redis://", "rediss://", "redis+socket://")


def check_settings(app_configs: Sequence[AppConfig] | None = None, **_options: Any) -> list[CheckMessage]:
    """Name everything unsafe in a portal in production: one whose `BASE_URL` is not on the loopback interface."""
    address = urlsplit(settings.BASE_URL)
    if address.scheme not in ("http", "https") or not address.hostname or address.path:
        hint = "Name scheme and host, nothing after them: https://pim.example.com"
        return [Error("BASE_URL is not the address of a portal.", hint=hint, id="pim_portal.E001")]
    if not settings.PRODUCTION:
        return []
    hosts, database = settings.ALLOWED_HOSTS, settings.DATABASES["default"]["ENGINE"]
    secret_key, journal_key = _setting("SECRET_KEY"), _setting("JOURNAL_KEY")
    broker = settings.CELERY_BROKER_URL
    findings = [
        ("E002", not settings.SECURE, "BASE_URL is plain http, off the loopback interface.", "Use https."),
        ("E003", settings.DEBUG, "DEBUG shows source code and settings to strangers.", "Remove it."),
        ("E004", {"*", ""} & set(hosts), "ALLOWED_HOSTS allows every host.", "Name the portal's own."),
        ("E005", not _is_key(secret_key), "SECRET_KEY is missing or too short.", KEY_HINT),
        ("E006", not _is_key(journal_key), "JOURNAL_KEY is missing or too short.", KEY_HINT),
        ("E007", journal_key == secret_key != "", "JOURNAL_KEY and SECRET_KEY are the same.", KEY_HINT),
        (
            "E008",
            "postgresql" not in database,
            "The database is not PostgreSQL.",
            "Name one in DATABASE_URL.",
        ),
        ("E009", not broker.startswith(REDIS), "The broker is not Redis.", "Name one in CELERY_BROKER_URL."),
        (
            "E010",
            min(settings.LEASE_SECONDS, settings.RECONCILE_LEASE_SECONDS) < SHORTEST_LEASE,
            "LEASE_SECONDS or RECONCILE_LEASE_SECONDS is shorter than a directory may take: two workers could meet there.",
            f"Name {SHORTEST_LEASE} or more.",
        ),
    ]
    return [
        Error(what, hint=hint, id=f"pim_portal.{number}") for number, wrong, what, hint in findings if wrong
    ]


def refuse_unsafe_start() -> None:
    """Run every system check, then those of the database, before a long-running process begins its work.

    Raises:
        SystemExit: at least one check reports an error, or the database cannot be asked; why stands on stderr.
    """
    nobody = StringIO()  # findings go to stderr; "no issues" need not be said
    try:
        call_command("check", stdout=nobody)
        call_command("check", "--tag", Tags.database, databases=["default"], stdout=nobody)
    except (SystemCheckError, OperationalError) as reason:
        # An exit, not an exception: Celery survives exceptions of whoever listens to its signals.
        sys.exit(f"PIM Portal does not start: {reason}")


def _is_key(value: str) -> bool:
    return len(value) >= SHORTEST_KEY and len(set(value)) >= 5


def _setting(name: str) -> str:
    """Read a setting that Django refuses to hand out while it is empty."""
    try:
        return str(getattr(settings, name))
    except ImproperlyConfigured:
        return ""
