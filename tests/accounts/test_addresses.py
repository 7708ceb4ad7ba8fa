"""Addresses of pages, from their names and the keys of rows."""

from __future__ import annotations

import pytest
from django.test.utils import override_script_prefix
from django.urls import NoReverseMatch, reverse

from accounts.addresses import address_of


@pytest.mark.parametrize(
    ("name", "keys"), [("home", ()), ("request_page", (7,)), ("request_page", (10**18,))]
)
def test_an_address_is_the_one_that_django_finds(name: str, keys: tuple[int, ...]) -> None:
    found = [address_of(name, *keys), address_of(name, *keys)]  # looked for, then remembered

    assert found == [reverse(name, args=keys)] * 2


def test_an_address_remembered_elsewhere_is_not_given_under_another_prefix() -> None:
    before = address_of("request_page", 7)

    with override_script_prefix("/portal/"):
        under = address_of("request_page", 7)

    assert under == f"/portal{before}"


def test_a_page_that_does_not_exist_has_no_address() -> None:
    with pytest.raises(NoReverseMatch):
        address_of("nowhere", 7)
