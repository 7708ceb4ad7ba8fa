"""Addresses of pages, found once for each kind of page: a list would else look for hundreds of them."""

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
    before, *after = _around_keys(name, len(keys), get_script_prefix(), get_urlconf())
    return before + "".join(f"{key}{part}" for key, part in zip(keys, after, strict=True))


@lru_cache(maxsize=1024)
def _around_keys(name: str, keys: int, prefix: str, urlconf: str | None) -> list[str]:
    """What stands before the keys, and after each of them."""
    return reverse(name, urlconf, args=[ANY_KEY] * keys).split(str(ANY_KEY))
