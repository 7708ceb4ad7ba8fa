"""Where a directory's secret is read from; it is never kept in the portal."""

from pathlib import Path

import pytest
from django.core.exceptions import ValidationError
from pytest_django import Settings

from audit.journal.actor import PORTAL
from roles.cataloguing import open_directory
from roles.connectors.base import AuthenticationFailed, Unsupported
from roles.models import Directory
from roles.reaching import connector_for, read_secret


def test_a_secret_is_read_from_the_environment_or_from_a_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, settings: Settings
) -> None:
    settings.SECRET_FOLDERS = [str(tmp_path)]
    monkeypatch.setenv("DIRECTORY_LEDGER_SECRET", "from the environment")
    (tmp_path / "secret").write_text("from a file\n", encoding="utf-8")

    assert read_secret("env:DIRECTORY_LEDGER_SECRET") == "from the environment"
    assert read_secret(f"file:{tmp_path}/secret") == "from a file"
    assert read_secret("") == ""


@pytest.mark.parametrize("reference", ["env:NOT_THERE", "file:/not/there", "hunter2", "https://example.test"])
def test_a_secret_that_is_not_there_is_said_without_guessing(reference: str) -> None:
    with pytest.raises(AuthenticationFailed, match="is not at"):
        read_secret(reference)


def test_no_secret_of_the_portals_own_is_ever_read_for_a_directory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, settings: Settings
) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "secret").write_text("the portal's own", encoding="utf-8")
    (tmp_path / "kept" / "link").symlink_to(tmp_path / "secret")
    settings.SECRET_FOLDERS = [str(tmp_path / "kept")]
    monkeypatch.setenv("SECRET_KEY", "the portal's own")

    for reference in (
        "env:SECRET_KEY",
        f"file:{tmp_path}/secret",
        f"file:{tmp_path}/kept/../secret",
        f"file:{tmp_path}/kept/link",
    ):
        with pytest.raises(AuthenticationFailed) as refusal:
            read_secret(reference)
        assert "the portal's own" not in str(refusal.value)


def test_a_kind_that_does_not_exist_is_said_when_it_is_reached_for() -> None:
    with pytest.raises(Unsupported, match="no connector of the kind"):
        connector_for(Directory(name="Somewhere", kind="carrier pigeon"))


@pytest.mark.django_db
@pytest.mark.parametrize(
    "fields",
    [
        {"connection": {"host": "localhost", "Password": "hunter2"}},
        {"connection": {"api_key": "hunter2"}},
        {"secret": "hunter2"},
        {"secret": "env:lower_case"},
        {"secret": "env:A\nfile:/etc/passwd"},
    ],
)
def test_I6_a_directory_takes_no_secret_only_the_place_where_one_is(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        open_directory("Somewhere", actor=PORTAL, kind="postgresql", **fields)

    assert not Directory.objects.exists()
