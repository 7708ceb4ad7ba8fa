"""Activating several roles in one go: one justification, one ticket, one second factor; each keeps its own limits.

Each role is asked for by ``request_activation`` in a transaction of its own: one that is refused undoes no other. The
second factor is given for all of it at once, and divided into one for each role that asks for one every time: what was
proved for this very choice of roles, durations and words does for nothing else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.mfa.dividing import divide_factor, was_given
from accounts.mfa.freshness import PHISHING_RESISTANT, StepUpRequired, act_digest, fresh_factor
from accounts.mfa.verifying import has_passkey
from accounts.models import User
from approvals.mine import Choice, choices_of
from approvals.models import AccessRequest
from approvals.requesting import RequirementsUnmet, act_of, request_activation, standing_of
from approvals.separated import activation_of
from approvals.starring import MOST_TOGETHER
from audit.journal.actor import Actor
from audit.journal.refusing import Overtaken, Refused
from roles.models import EffectiveSettings, Eligibility, Factor
from roles.requirements import Asked, Standing, Unmet, unmet_requirements
from roles.separation import conflicts_of


@dataclass(frozen=True)
class Prospect:
    """What would happen to one of several roles.

    Args:
        choice: how it stands for the person.
        asked: what would be asked for it: cut to its own longest duration, and the ticket only where it asks for one.
        standing: what is so for the person, the second factor given.
        blocked: why it cannot be asked for at all now; "" when it can.
        is_cut: whether the duration was cut.
    """

    choice: Choice
    asked: Asked
    standing: Standing
    blocked: str = ""
    is_cut: bool = False

    @property
    def eligibility(self) -> Eligibility:
        """What would be activated."""
        return self.choice.eligibility

    @property
    def role_settings(self) -> EffectiveSettings:
        """What an activation must satisfy."""
        return self.choice.role_settings

    @property
    def unmet(self) -> list[Unmet]:
        """What its role settings ask and is not there, the second factor apart."""
        return unmet_requirements(self.role_settings, self.asked, self.standing)

    @property
    def is_decided_on(self) -> bool:
        """Whether anything decides on it: people, a web hook, or a rule."""
        asked = self.role_settings
        return bool(asked.approval_required or asked.hook or asked.automatic_rules)

    @property
    def waits_for_approval(self) -> bool:
        """Whether somebody decides on it first."""
        return self.role_settings.approval_required

    @property
    def why_not(self) -> str:
        """Why it would be refused; "" when it would not."""
        return self.blocked or " ".join(one.message for one in self.unmet)


@dataclass(frozen=True)
class Outcome:
    """What became of one of several roles: the request that was filed, or why there is none."""

    eligibility: Eligibility
    access_request: AccessRequest | None = None
    refusal: str = ""


def prospects_of(
    eligibilities: Iterable[Eligibility],
    *,
    person: User,
    asked: Asked,
    choices: Sequence[Choice] | None = None,
) -> list[Prospect]:
    """What would happen to each of ``eligibilities`` if ``person`` asked for ``asked`` now.

    Args:
        choices: what ``choices_of`` the person says, where that was just asked already.
    """
    known = {one.eligibility.pk: one for one in (choices_of(person) if choices is None else choices)}
    found = []
    for eligibility in eligibilities:
        choice = known.get(eligibility.pk, Choice(eligibility))
        own = asked_of(choice.role_settings, asked)
        gone = "" if eligibility.pk in known else _("You are not eligible for this role any more.")
        found.append(
            Prospect(
                choice,
                own,
                standing_of(eligibility, person=person, factor_is_fresh=True),
                blocked=gone or choice.in_the_way,
                is_cut=own.minutes < asked.minutes,
            )
        )
    return _kept_apart(found, person)


def _kept_apart(prospects: Sequence[Prospect], person: User) -> list[Prospect]:
    """The same, those blocked which a rule keeps apart from what ``person`` holds, or from another of them.

    Whoever starts at once is asked for first: only what comes after it is in its way.
    """
    able = sorted((one for one in prospects if not one.blocked), key=lambda one: one.waits_for_approval)
    wanted = [activation_of(one.eligibility.role, person, one.asked) for one in able]
    held = {id(holding) for one, holding in zip(able, wanted, strict=True) if not one.waits_for_approval}
    why: dict[int, str] = {}
    for one, conflicts in zip(able, conflicts_of(wanted), strict=True):
        real = [each for each in conflicts if each.held.assignment is not None or id(each.held) in held]
        why[one.eligibility.pk] = real[0].told_to(person) if real else ""
    return [replace(one, blocked=one.blocked or why.get(one.eligibility.pk, "")) for one in prospects]


def asked_of(settings: EffectiveSettings, asked: Asked) -> Asked:
    """What is asked of one role where ``asked`` is asked of several: no more than it allows, no more than it wants."""
    ticket = asked.ticket if settings.ticket_required else ""
    system = asked.ticket_system if ticket and settings.systems else ""
    return replace(
        asked, minutes=min(asked.minutes, settings.max_minutes), ticket=ticket, ticket_system=system
    )


def joint_act(prospects: Iterable[Prospect], *, person: User) -> str:
    """Digest of activating exactly these roles, each for exactly this."""
    parts = sorted(act_of(one.eligibility, one.asked, person) for one in prospects)
    return act_digest(verb="activate together", person=person.pk, parts=parts)


def part_key(idempotency_key: str, eligibility: Eligibility) -> str:
    """The idempotency key of one role's request, from that of the form."""
    said = f"{idempotency_key} {eligibility.pk}"
    return hashlib.sha256(said.encode()).hexdigest() if idempotency_key else ""


def activate_together(
    eligibilities: Sequence[Eligibility], *, actor: Actor, asked: Asked, idempotency_key: str = ""
) -> list[Outcome]:
    """Ask to activate each of ``eligibilities``, and say of each what became of it.

    Args:
        asked: for how long, why, from when; each role's own longest duration cuts it.
        idempotency_key: from the form; sending the same form twice asks for nothing twice.

    Raises:
        RequirementsUnmet: none of them has what its role settings ask.
        Refused: none is chosen, too many are, or none of them can be asked for.
        StepUpRequired: only the second factor is missing; one for all of it.
    """
    if not eligibilities:
        raise Refused(_("Choose the roles first."), field="pick")
    if len(eligibilities) > MOST_TOGETHER:
        raise Refused(_("At most %(n)s roles in one go.") % {"n": MOST_TOGETHER}, field="pick")
    send = partial(_send, eligibilities, actor=actor, asked=asked, idempotency_key=idempotency_key)
    for _role in eligibilities:
        try:
            return send()
        except StepUpRequired as question:
            if not idempotency_key or not was_given(actor, act=question.act):
                raise  # else the same form was sent twice at once, and the other one has used it for what it files
    return send()


def _send(
    eligibilities: Sequence[Eligibility], *, actor: Actor, asked: Asked, idempotency_key: str
) -> list[Outcome]:
    person: User = actor.person
    prospects = prospects_of(eligibilities, person=person, asked=asked)
    keys = {one.eligibility.pk: part_key(idempotency_key, one.eligibility) for one in prospects}
    mine = AccessRequest.objects.filter(requester=person, idempotency_key__in=filter(None, keys.values()))
    sent = {one.idempotency_key: one for one in mine.select_related("role__directory", "assignment")}
    left = [one for one in prospects if keys[one.eligibility.pk] not in sent]
    able = [one for one in left if not one.why_not]
    if left and not able and not sent:
        unmet = [each for one in left if not one.blocked for each in one.unmet]
        raise RequirementsUnmet(list(dict.fromkeys(unmet))) if unmet else Refused(left[0].blocked)
    _prove(able, act=joint_act(prospects, person=person), actor=actor)
    outcomes = {}
    for one in sorted(prospects, key=lambda one: one.waits_for_approval):
        filed = sent.get(keys[one.eligibility.pk])
        if filed is not None:
            outcomes[one.eligibility.pk] = Outcome(one.eligibility, filed)
        elif one not in able:
            outcomes[one.eligibility.pk] = Outcome(one.eligibility, refusal=one.why_not)
        else:
            outcomes[one.eligibility.pk] = _ask(one, actor=actor, key=keys[one.eligibility.pk])
    return [outcomes[one.eligibility.pk] for one in prospects]


def _ask(one: Prospect, *, actor: Actor, key: str) -> Outcome:
    try:
        filed = request_activation(one.eligibility, actor=actor, asked=one.asked, idempotency_key=key)
    except StepUpRequired as question:
        asks_for_passkey = bool(question.methods) and not has_passkey(actor.person)
        words = _("This role asks for a passkey, and you have none.") if asks_for_passkey else ""
        return Outcome(one.eligibility, refusal=words or str(question.message))
    except Refused as refused:
        return Outcome(one.eligibility, refusal=str(refused.message))
    return Outcome(one.eligibility, filed)


def _prove(prospects: Sequence[Prospect], *, act: str, actor: Actor) -> None:
    """Ask once for a second factor that does for all of them, and divide it among those that want one of their own.

    Raises:
        StepUpRequired: there is none.
    """
    able = bool(actor.person) and has_passkey(actor.person)
    # Whoever has no passkey cannot have what asks for one: that role is refused by itself, the others go on.
    asking = [one for one in prospects if one.role_settings.factor != Factor.PASSKEY or able]
    missing = [one for one in asking if _lacks_factor(one, actor)]
    if not missing:
        return
    minutes = min(one.role_settings.oldest_factor or 0 for one in missing)
    methods = (
        PHISHING_RESISTANT if any(one.role_settings.factor == Factor.PASSKEY for one in missing) else None
    )
    evidence = fresh_factor(actor, act=act, minutes=minutes, methods=methods)
    if evidence is None:
        count = len(prospects)
        what_for = ngettext("Activate %(n)s role", "Activate %(n)s roles", count) % {"n": count}
        raise StepUpRequired(act=act, what_for=what_for, minutes=minutes, methods=methods)
    every_time = [
        act_of(one.eligibility, one.asked, actor.person)
        for one in missing
        if one.role_settings.oldest_factor == 0
    ]
    if every_time:
        with suppress(Overtaken):  # the same form was sent twice, and the other one has divided it
            divide_factor(evidence, act=act, among=every_time)


def _lacks_factor(one: Prospect, actor: Actor) -> bool:
    minutes = one.role_settings.oldest_factor
    if minutes is None:
        return False
    methods = PHISHING_RESISTANT if one.role_settings.factor == Factor.PASSKEY else None
    act = act_of(one.eligibility, one.asked, actor.person)
    return fresh_factor(actor, act=act, minutes=minutes, methods=methods) is None
