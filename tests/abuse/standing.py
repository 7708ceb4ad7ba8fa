"""All that stands in the database, to tell that a refusal has changed nothing but the journal."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.apps import apps
from django.db import connection

from accounts.models import User
from audit.journal.models import AuditEvent

#: what changes because somebody looks or is refused, and gives nobody anything
ASIDE = {"journal.AuditEvent", "journal.JournalHead", "accounts.Session", "sessions.Session"}

Standing = dict[str, list[tuple[Any, ...]]]


def standing() -> Standing:
    """Every row of every table, but of those ``ASIDE`` and of the histories, which only follow."""
    models = [model for model in apps.get_models() if not model.__name__.startswith("Historical")]
    return {
        model._meta.label: list(model._base_manager.order_by("pk").values_list())
        for model in models
        if model._meta.label not in ASIDE and not model._meta.proxy
    }


@contextmanager
def refused_and_recorded(person: User, *codes: str, times: int = 1) -> Iterator[None]:
    """What happens inside is refused to ``person``: it changes nothing, and is one entry of the journal that says why.

    Args:
        codes: those of which the entry has one.
        times: how often it is tried inside.
    """
    before, last = standing(), AuditEvent.objects.count()
    yield
    after = standing()
    assert {name for name in before if before[name] != after[name]} == set()
    entries = list(AuditEvent.objects.order_by("number")[last:])
    told = [(one.action, one.outcome, one.actor_id) for one in entries]
    assert told == [("portal.refused", "refused", person.pk)] * times
    assert {one.detail["code"] for one in entries} <= set(codes)
    assert all(one.detail["why"] for one in entries)


@contextmanager
def written() -> Iterator[set[str]]:
    """The tables that are written to inside."""
    tables: set[str] = set()

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if found := re.match(r"\s*(?:INSERT INTO|UPDATE|DELETE FROM)\s+\"?(\w+)", sql):
            tables.add(found[1])
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        yield tables
