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
        accounts: names in the directory; a name in another case is recognised where no other person has it.
    """
    if not accounts:
        return {}
    listed = dict(directory.accounts.order_by().values_list("person", "name"))
    named: dict[str, set[int]] = defaultdict(set)
    for person, name in listed.items():
        named[name.casefold()].add(person)
    for name, people in _by_email(directory).items():
        named[name].update(person for person in people if person not in listed)
    keys = {}
    for account in accounts:
        alike = named.get(account.casefold(), set())
        exact = {person for person in alike if listed.get(person) == account}
        if len(exact or alike) == 1:
            (keys[account],) = exact or alike
    found = User.objects.in_bulk(keys.values())
    return {name: found[key] for name, key in keys.items()}


def _by_email(directory: Directory) -> dict[str, list[int]]:
    """The keys of people by the name that follows from their email."""
    found: dict[str, list[int]] = defaultdict(list)
    if directory.account_names == Directory.AccountNames.LISTED:
        return found
    whole = directory.account_names == Directory.AccountNames.EMAIL
    for key, email in User.objects.order_by().values_list("pk", "email"):
        found[(email if whole else email.partition("@")[0]).casefold()].append(key)
    return found
