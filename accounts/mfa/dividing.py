"""One proof for an act of several parts: it is used up, and leaves for each part a proof for that part alone."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import transaction
from django.utils import timezone

from accounts.mfa.freshness import EVIDENCE_WAITS, use_factor
from accounts.models import FactorUse
from audit.journal.actor import Actor


def divide_factor(evidence: FactorUse, *, act: str, among: Iterable[str]) -> list[FactorUse]:
    """Use up evidence given for ``act`` and leave in its place evidence for each of its parts.

    ``act`` must be a digest of all the parts, so that who proved themselves for it did so for exactly these. Each part
    says when, with what and in which session that was; it counts for its own act, once, and no longer than the whole
    would have.

    Args:
        among: the digests of the parts that ask for a proof of their own.

    Raises:
        Overtaken: it was used up a moment ago.
        ValueError: the evidence was given for something else.
    """
    if evidence.act != act or evidence.used_at is not None:
        raise ValueError("only unused evidence given for this very act can be divided")
    with transaction.atomic():
        use_factor(evidence, act=act)
        parts = [
            FactorUse(
                person_id=evidence.person_id,
                method=evidence.method,
                device=evidence.device,
                device_name=evidence.device_name,
                at=evidence.at,
                address=evidence.address,
                session=evidence.session,
                act=part,
            )
            for part in among
        ]
        return FactorUse.objects.bulk_create(parts)


def was_given(actor: Actor, *, act: str) -> bool:
    """Whether the actor proved themselves for ``act`` in this session a moment ago, and it is used up by now."""
    if actor.person is None or not actor.session:
        return False
    given = FactorUse.objects.filter(
        person=actor.person, session=actor.session, act=act, used_at__isnull=False
    )
    return given.filter(at__gt=timezone.now() - EVIDENCE_WAITS).exists()
