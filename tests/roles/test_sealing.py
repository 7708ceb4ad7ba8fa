"""Secrets at rest: sealed for one place, under a ring of keys."""

import pytest
from pytest_django import Settings

from roles.sealing import CannotOpen, seal, unseal

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
