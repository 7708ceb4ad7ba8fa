"""Whose an account in a directory is: the other direction of ``Directory.account_of``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection

from accounts.models import User
from roles.models import Directory


def recognise(directory: Directory, accounts: Collection[str]) -> dict[str, User]:
    """The people behind ``accounts``, as far as that can be told: who is listed with one, else whose email makes it.

    What two people would go by is nobody's, as in ``account_of``; so is what follows from an email whose owner is
    listed under another name.

    Args:
        accounts: names in the directory.
    """
    if not accounts:
        return {}
    listed = dict(directory.accounts.order_by().values_list("person", "name"))
    keys = {name: person for person, name in listed.items() if name in set(accounts)}
    for name, people in _by_email(directory).items():
        if name in accounts and name not in keys and len(people) == 1 and people[0] not in listed:
            keys[name] = people[0]
    found = User.objects.in_bulk(keys.values())
    return {name: found[key] for name, key in keys.items()}


def _by_email(directory: Directory) -> dict[str, list[int]]:
    """The keys of people by the name that follows from their email."""
    found: dict[str, list[int]] = defaultdict(list)
    if directory.account_names == Directory.AccountNames.LISTED:
        return found
    whole = directory.account_names == Directory.AccountNames.EMAIL
    for key, email in User.objects.order_by().values_list("pk", "email"):
        found[email if whole else email.partition("@")[0]].append(key)
    return found
