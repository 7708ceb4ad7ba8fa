"""Addresses of pages, found once for each kind of page: a list would else look for hundreds of them."""

from __future__ import annotations

from functools import lru_cache

from django.urls import get_script_prefix, reverse

#: stands for a key until there is one
ANY_KEY = 10**18


def address_of(name: str, *keys: int) -> str:
    """The address of the page ``name`` for the rows with these keys.

    Raises:
        NoReverseMatch: there is no such page.
    """
    return _pattern(name, len(keys), get_script_prefix()) % keys


@lru_cache(maxsize=1024)
def _pattern(name: str, keys: int, prefix: str) -> str:
    """The address with a place for each of the keys."""
    address = reverse(name, args=[ANY_KEY] * keys)
    return address.replace("%", "%%").replace(str(ANY_KEY), "%d")
