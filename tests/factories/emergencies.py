"""Activations in an emergency, made as people make them: with a passkey for exactly this act."""

from __future__ import annotations

from typing import Any

from accounts.mfa.freshness import StepUpRequired
from accounts.models import FactorUse, User
from approvals.emergency.activating import activate_in_emergency
from approvals.emergency.models import EmergencyUse
from audit.journal.actor import PORTAL, Actor
from roles.models import Eligibility, EndCause
from roles.provisioning import end_assignment
from tests.factories.roles import acting, asked, now


def give_passkey_evidence(actor: Actor, *, act: str = "") -> FactorUse:
    """What is kept after a passkey was verified in the actor's session."""
    return FactorUse.objects.create(
        person=actor.person,
        method=FactorUse.Method.PASSKEY,
        device="passkey/1",
        device_name="Laptop",
        session=actor.session,
        act=act,
    )


def rush(eligibility: Eligibility, person: User, **what: Any) -> EmergencyUse:
    """Activate in an emergency, with the passkey when it is asked for."""
    actor, wanted = acting(person), asked(**what)
    try:
        return activate_in_emergency(eligibility, actor=actor, asked=wanted)
    except StepUpRequired as question:
        give_passkey_evidence(actor, act=question.act)
        return activate_in_emergency(eligibility, actor=actor, asked=wanted)


def end(use: EmergencyUse) -> EmergencyUse:
    """Let what came of it be over."""
    assignment = now(use).access_request.assignment
    assert assignment is not None
    end_assignment(assignment, actor=PORTAL, cause=EndCause.REMOVED)
    return now(use)
