"""Who may read what of the journal."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from accounts.duties import READERS, holds
from accounts.models import User
from audit.journal.models import AuditEvent


def may_read_journal(person: User) -> bool:
    """Whether ``person`` may read the whole journal."""
    return holds(person, *READERS)


def own_events(person: User) -> QuerySet[AuditEvent]:
    """What ``person`` did, and what concerns them: their own part of the journal."""
    return AuditEvent.objects.filter(Q(actor=person) | Q(about=person))


def readable_events(person: User) -> QuerySet[AuditEvent]:
    """The entries ``person`` may read: all of them with a duty, otherwise their own part."""
    return AuditEvent.objects.all() if may_read_journal(person) else own_events(person)


def shown_body(event: AuditEvent, *, to: User | None) -> dict[str, object]:
    """The entry's body as ``to`` may see it.

    Someone's own part of the journal does not tell from where others worked: their address and browser are left
    out, and ``left_out`` says so, because such an entry cannot be checked against its digest any more.

    Args:
        to: who reads their own part; None for someone who may read the whole journal.
    """
    body: dict[str, object] = event.body()
    if to is None or event.actor_id == to.pk or not (event.actor_address or event.actor_agent):
        return body
    return body | {"actor_address": "", "actor_agent": "", "left_out": ["actor_address", "actor_agent"]}
