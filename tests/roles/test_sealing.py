"""Secrets at rest: sealed for one place, under a ring of keys."""

import pytest
from django.core.management import call_command
from pytest_django import Settings

from roles.sealing import CannotOpen, seal, seal_for_worker, unseal

pytestmark = pytest.mark.one_database


def test_what_is_sealed_opens_for_its_own_place_and_for_no_other() -> None:
    sealed = seal("whsec_ö", bound_to="hook:one")

    assert "whsec" not in sealed
    assert unseal(sealed, bound_to="hook:one") == "whsec_ö"
    with pytest.raises(CannotOpen):
        unseal(sealed, bound_to="hook:two")
    assert seal("whsec_ö", bound_to="hook:one") != sealed, "the same secret twice does not look the same"


@pytest.mark.parametrize(
    "broken", ["", "a.b.c", "sealed1.x", "sealed2.{1}.{2}", "{0}.{1}.AAAA", "{0}.{1}.{2}A="]
)
def test_what_was_changed_does_not_open(broken: str) -> None:
    parts = seal("whsec_", bound_to="hook:one").split(".")
    with pytest.raises(CannotOpen):
        unseal(broken.format(*parts), bound_to="hook:one")


def test_a_new_key_seals_and_the_old_ones_go_on_opening(settings: Settings) -> None:
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS, settings.SEALING_KEYS = "first", [], []
    first = seal("one", bound_to="here")
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "second", ["first"]
    second = seal("two", bound_to="here")
    settings.SEALING_KEYS = ["ring"]
    third = seal("three", bound_to="here")

    assert [unseal(one, bound_to="here") for one in (first, second, third)] == ["one", "two", "three"]
    settings.SECRET_KEY_FALLBACKS = []
    with pytest.raises(CannotOpen):
        unseal(first, bound_to="here")


def test_what_the_web_process_seals_for_the_worker_it_cannot_open_itself(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.SECRET_KEY, settings.SEALING_KEYS = "shared by both", ["the worker's alone"]
    call_command("sealing_key")
    settings.SEALING_PUBLIC_KEY, settings.SEALING_KEYS = capsys.readouterr().out.strip(), []

    sealed = seal_for_worker("hunter2", bound_to="directory:7")
    with pytest.raises(CannotOpen):
        unseal(sealed, bound_to="directory:7")
    settings.SEALING_PUBLIC_KEY, settings.SEALING_KEYS = "", ["the worker's alone"]
    assert unseal(sealed, bound_to="directory:7") == "hunter2"
    with pytest.raises(CannotOpen):
        unseal(sealed, bound_to="directory:8")
    settings.SEALING_KEYS = ["a new one", "the worker's alone"]
    assert unseal(sealed, bound_to="directory:7") == "hunter2", "a ring may be turned"


def test_a_public_key_that_is_none_is_said(settings: Settings) -> None:
    for key in ("!", "c2hvcnQ="):
        settings.SEALING_PUBLIC_KEY = key
        with pytest.raises(CannotOpen, match="SEALING_PUBLIC_KEY"):
            seal_for_worker("hunter2", bound_to="directory:7")
