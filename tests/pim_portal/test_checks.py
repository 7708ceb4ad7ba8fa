"""A portal in production does not start with anything unsafe; a safe one passes Django's own checks for deployment."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pytest_django import Settings

from pim_portal.checks import check_settings

ROOT = Path(__file__).parents[2]
KEY, OTHER_KEY = "production-key-0123456789-" * 2, "another-key-9876543210-" * 3
# What .env.example says, with keys.
SAFE = {"ENV_FILE": str(ROOT / ".env.example"), "SECRET_KEY": KEY, "JOURNAL_KEY": OTHER_KEY}


pytestmark = [pytest.mark.one_database, pytest.mark.filterwarnings("ignore:Overriding setting DATABASES")]


@pytest.fixture
def production(settings: Settings) -> Settings:
    settings.BASE_URL, settings.PRODUCTION, settings.SECURE = "https://pim.example.test", True, True
    settings.ALLOWED_HOSTS = ["pim.example.test"]
    settings.SECRET_KEY, settings.JOURNAL_KEY = KEY, OTHER_KEY
    settings.DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql"}}
    settings.CELERY_BROKER_URL = "redis://broker.example.test:6379/0"
    return settings


def found() -> list[str]:
    return [str(message.id).removeprefix("pim_portal.") for message in check_settings()]


def test_nothing_is_found_in_safe_settings(production: Settings) -> None:
    assert found() == []


@pytest.mark.parametrize(
    ("number", "unsafe"),
    [
        ("E001", {"BASE_URL": "pim.example.test"}),
        ("E001", {"BASE_URL": "https://pim.example.test/portal"}),
        ("E002", {"BASE_URL": "http://pim.example.test", "SECURE": False}),
        ("E003", {"DEBUG": True}),
        ("E004", {"ALLOWED_HOSTS": ["pim.example.test", "*"]}),
        ("E005", {"SECRET_KEY": "short"}),
        ("E005", {"SECRET_KEY": ""}),
        ("E005", {"SECRET_KEY": "a" * 80}),
        ("E006", {"JOURNAL_KEY": ""}),
        ("E007", {"JOURNAL_KEY": KEY}),
        ("E008", {"DATABASES": {"default": {"ENGINE": "django.db.backends.sqlite3"}}}),
        ("E009", {"CELERY_BROKER_URL": "filesystem://localhost"}),
        ("E009", {"CELERY_BROKER_URL": "memory://"}),
        ("E010", {"LEASE_SECONDS": 20.0}),
        ("E010", {"RECONCILE_LEASE_SECONDS": 20.0}),
    ],
)
def test_each_unsafe_setting_is_an_error(
    production: Settings, number: str, unsafe: dict[str, object]
) -> None:
    for name, value in unsafe.items():
        setattr(production, name, value)

    assert found() == [number]


def test_a_portal_on_the_loopback_interface_needs_none_of_it(settings: Settings) -> None:
    settings.SECRET_KEY = settings.JOURNAL_KEY = "x"

    assert found() == []


def run(*argv: str, **env: str) -> subprocess.CompletedProcess[str]:
    named = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "PORTAL_VAR")}
    return subprocess.run(
        [sys.executable, *argv], cwd=ROOT, env=named | SAFE | env, capture_output=True, text=True, timeout=60
    )


def test_the_example_settings_pass_the_checks_for_deployment() -> None:
    outcome = run("manage.py", "check", "--deploy", "--fail-level", "WARNING")

    assert outcome.returncode == 0, outcome.stderr
    assert "no issues" in outcome.stdout


@pytest.mark.parametrize(
    "program",
    [
        ("manage.py", "check"),
        ("-c", "import pim_portal.wsgi"),
        ("-m", "celery", "-A", "pim_portal", "worker", "--pool", "threads"),
    ],
    ids=["command", "web server", "worker"],
)
def test_no_program_starts_with_unsafe_settings(program: tuple[str, ...]) -> None:
    outcome = run(*program, DEBUG="true", JOURNAL_KEY="")

    assert outcome.returncode != 0
    assert "pim_portal.E003" in outcome.stderr
    assert "pim_portal.E006" in outcome.stderr


def test_the_embedded_portal_is_not_started_for_others() -> None:
    outcome = run("manage.py", "up")

    assert outcome.returncode == 1
    assert "docs/install.md" in outcome.stderr


@pytest.mark.parametrize(
    ("address", "production", "session_cookie"),
    [
        ("http://localhost:8000", False, "session"),
        ("http://127.0.0.1:8000", False, "session"),
        ("https://portal.localhost", False, "__Host-session"),
        ("https://pim.example.test", True, "__Host-session"),
        ("http://192.0.2.7", True, "session"),
    ],
)
def test_production_is_whatever_others_can_reach(address: str, production: bool, session_cookie: str) -> None:
    tell = "from pim_portal import settings as s; print(s.PRODUCTION, s.SESSION_COOKIE_NAME, s.SESSION_COOKIE_SECURE)"
    outcome = run("-c", tell, BASE_URL=address)

    assert outcome.stdout.split() == [str(production), session_cookie, str(address.startswith("https:"))]
