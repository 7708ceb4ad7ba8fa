"""Addresses of pages, found once for each kind of page: a list of fifty rows would else look for two hundred of them."""

from __future__ import annotations

from functools import lru_cache

from django.urls import get_script_prefix, get_urlconf, reverse

#: stands for a key until there is one
ANY_KEY = 10**18


def address_of(name: str, *keys: int) -> str:
    """The address of the page ``name`` for the rows with these keys.

    Raises:
        NoReverseMatch: there is no such page.
    """
    parts = _around_keys(name, len(keys), get_script_prefix(), get_urlconf())
    if not keys:
        return parts[0]
    return "".join([*(f"{part}{key}" for part, key in zip(parts, keys, strict=False)), parts[-1]])


@lru_cache(maxsize=1024)
def _around_keys(name: str, keys: int, prefix: str, urlconf: str | None) -> list[str]:
    """What stands before, between and after the keys."""
    return reverse(name, urlconf, args=[ANY_KEY] * keys).split(str(ANY_KEY))
