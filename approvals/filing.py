"""What every act of those who manage a role has in common: may they, does it fit the role settings, and what is filed.

Each act is a request that their duty decides at once, and none gives anything to themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import timedelta

from django.conf import settings as configuration
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.duties import ROLE_ADMINISTRATORS, require
from accounts.mfa.freshness import StepUpRequired, act_digest, fresh_factor, use_factor
from accounts.models import FactorUse, Group, Membership, User
from approvals.models import AccessRequest
from approvals.permissions import roles_managed_by
from approvals.requesting import RequirementsUnmet
from approvals.separated import check_wishes_not_separated
from audit.journal.actor import PORTAL, Actor
from audit.journal.lifecycle import begin_lives, move_all_to
from audit.journal.plain import storable
from audit.journal.refusing import NotAllowed, Refused
from roles.assigning import Wish
from roles.effective import layers_for
from roles.models import Assignment, EffectiveSettings, Eligibility, GroupAssignment, Role
from roles.reaching import check_scope
from roles.requirements import (
    ACTIVE,
    ELIGIBLE,
    AskedAssignment,
    Unmet,
    unmet_for_assignment,
)

Act = AccessRequest.Act
Held = Eligibility | Assignment | GroupAssignment

NOUNS = {
    Act.ASSIGN: "assignment",
    Act.UPDATE: "change",
    Act.EXTEND: "extension",
    Act.RENEW: "renewal",
    Act.REMOVE: "removal",
}


def shortest_assignment() -> int:
    """In minutes: what ends sooner is not given (five in Microsoft Entra PIM; a portal setting here)."""
    minutes: int = configuration.MINIMUM_ASSIGNMENT_MINUTES
    return minutes


def kind_of(held: Held) -> str:
    """``ELIGIBLE`` or ``ACTIVE``."""
    return ELIGIBLE if isinstance(held, Eligibility) else ACTIVE


def version_of(held: Held) -> str:
    """What a page compares to know that nobody changed ``held`` since it was made."""
    return "|".join([held.status, *(at.isoformat() if at else "" for at in (held.starts_at, held.ends_at))])


def is_over(held: Held) -> bool:
    """Whether its life or its time has come to the end."""
    live = [*Assignment.LIVE, "failed", "in_force"]
    return held.status not in live or (held.ends_at is not None and held.ends_at <= timezone.now())


def check_may_manage(roles: Iterable[Role], *, actor: Actor) -> None:
    """Refuse unless the actor is the portal, or may assign each of ``roles``.

    Raises:
        NotAllowed: one of them is not theirs to give.
    """
    asked = {role.pk for role in roles}
    if actor.person is not None and roles_managed_by(actor.person).filter(
        pk__in=asked
    ).distinct().count() != len(asked):
        require(actor, *ROLE_ADMINISTRATORS)
        raise NotAllowed  # a role that is gone


def check_not_oneself(principals: Iterable[User | Group], *, actor: Actor) -> None:
    """Refuse what would give the actor something, under whatever account, or through a group.

    Raises:
        NotAllowed: one of ``principals`` is the actor, or a group they are in.
    """
    if actor.person is None:
        return
    me = User.objects.all().same_human_as(actor.person)
    mine = set(me.values_list("pk", flat=True))
    groups = set(Membership.objects.in_force().filter(person__in=me).values_list("group", flat=True))
    for principal in principals:
        if isinstance(principal, User):
            if principal.pk in mine:
                raise NotAllowed(_("Nobody assigns a role to themselves."), code="own_request")
            if principal.is_service and principal.manager_id in mine:
                raise NotAllowed(
                    _("You answer for %(who)s: somebody else must assign it.") % {"who": principal},
                    code="own_request",
                )
        elif principal.pk in groups:
            raise NotAllowed(
                _("You are in this group; nobody assigns a role to themselves."), code="own_request"
            )


def check_wishes(
    wishes: Sequence[Wish], *, actor: Actor, verb: str, under: EffectiveSettings | None = None
) -> FactorUse | None:
    """Judge all of ``wishes`` by the role settings, and ask once for a second factor where one of them asks for it.

    Args:
        verb: what the act is called, for the digest a second factor is bound to.
        under: the role settings to judge by; those of now, of each role at its scope, when left out.

    Returns:
        The evidence, used up; None where none is asked.

    Raises:
        RequirementsUnmet: what one of them lacks; the message names whom it is about where there are several.
        StepUpRequired: only the second factor is missing.
        Refused: one of them is disabled.
        Separated: one of them, or a member of a group, holds what may not be held together with it.
    """
    check_enabled(wishes)
    check_wishes_not_separated(wishes)
    layers = layers_for((wish.role, wish.scope) for wish in wishes)
    now, asks_for_factor = timezone.now(), False
    for wish in wishes:
        settings = under or layers[wish.role.pk, wish.scope.pk].effective
        unmet = unmet_for_assignment(
            settings, wish.asked, now=now, shortest=shortest_assignment(), factor_is_fresh=True
        )
        if unmet:
            raise RequirementsUnmet(unmet if len(wishes) == 1 else named(unmet, wish))
        asks_for_factor |= wish.asked.kind == ACTIVE and settings.active_factor
    if not asks_for_factor or actor.person is None:
        return None
    return prove(actor, act=digest_of(wishes, verb=verb, person=actor.person), wishes=wishes)


def check_enabled(wishes: Sequence[Wish]) -> None:
    """Refuse what would be given to somebody who is disabled, or of a kind that cannot have it.

    Raises:
        Refused: one of them cannot have it; the message names who.
    """
    people = {wish.principal.pk for wish in wishes if isinstance(wish.principal, User)}
    enabled = set(User.objects.enabled().filter(pk__in=people).values_list("pk", flat=True))
    for wish in wishes:
        who = wish.principal
        if isinstance(who, User) and who.pk not in enabled:
            raise Refused(_("%(who)s is disabled.") % {"who": who}, field="principal")
        check_scope(wish.role, wish.scope)


def named(unmet: Sequence[Unmet], wish: Wish) -> list[Unmet]:
    """The same, each sentence beginning with whom it is about."""
    return [replace(one, message=f"{wish.principal}, {wish.role}: {one.message}") for one in unmet]


def digest_of(wishes: Sequence[Wish], *, verb: str, person: User) -> str:
    """Digest of this very act, which a second factor is bound to."""
    said = [
        [
            wish.role.pk,
            wish.scope.pk,
            f"{type(wish.principal).__name__} {wish.principal.pk}",
            wish.asked.kind,
            wish.asked.starts_at,
            wish.asked.ends_at,
            wish.asked.justification.replace("\r\n", "\n"),
            wish.asked.ticket,
            wish.asked.ticket_system,
        ]
        for wish in wishes
    ]
    return act_digest(verb=verb, person=person.pk, wishes=said)


def prove(actor: Actor, *, act: str, wishes: Sequence[Wish]) -> FactorUse:
    """The evidence that whoever acts has proved themselves for this very act, used up.

    Raises:
        StepUpRequired: there is none.
    """
    evidence = fresh_factor(actor, act=act, minutes=0)
    if evidence is None:
        first = wishes[0]
        what_for = (
            _("Giving %(role)s to %(who)s") % {"role": first.role, "who": first.principal}
            if len(wishes) == 1
            else _("Giving roles to %(n)s people and groups") % {"n": len(wishes)}
        )
        raise StepUpRequired(act=act, what_for=what_for, minutes=0)
    use_factor(evidence, act=act)
    return evidence


def file_all(
    act: str,
    wishes: Sequence[Wish],
    *,
    actor: Actor,
    approved_as: str,
    evidence: FactorUse | None = None,
    held: Sequence[Held] = (),
) -> list[AccessRequest]:
    """File a request for each of ``wishes`` and close it in the same breath: the duty of who acts decides.

    Args:
        act: one of ``AccessRequest.Act``.
        approved_as: the journal's word for the decision, for instance ``eligibility.approved``.
        evidence: the second factor that was given for all of it.
        held: what each of them is about, in their order, where it exists already.
    """
    now = timezone.now()
    about: Sequence[Held | None] = held or [None] * len(wishes)
    requests = [
        AccessRequest(
            act=act,
            requester=actor.person,
            holder=wish.principal if isinstance(wish.principal, User) else None,
            holder_group=wish.principal if isinstance(wish.principal, Group) else None,
            role=wish.role,
            scope=wish.scope,
            eligibility=one if isinstance(one, Eligibility) else None,
            assignment=one if isinstance(one, Assignment) else None,
            asked_start=wish.asked.starts_at,
            asked_end=wish.asked.ends_at,
            justification=storable(wish.asked.justification.strip()),
            ticket=storable(wish.asked.ticket.strip()),
            ticket_system=storable(wish.asked.ticket_system),
            factor_use=evidence,
            created_at=now,
            deadline=now + timedelta(hours=1),
        )
        for wish, one in zip(wishes, about, strict=True)
    ]
    for some in _in_rounds(requests):
        whys = [one.justification for one in some]
        begin_lives(some, actor=actor, action=f"{NOUNS[Act(act)]}.requested", justifications=whys)
        move_all_to(
            some,
            AccessRequest.Status.APPROVED,
            actor=PORTAL,
            action=approved_as,
            detail={"by": "duty"},
            closed_at=now,
        )
    return requests


def _in_rounds(requests: Sequence[AccessRequest]) -> list[list[AccessRequest]]:
    """The same, so divided that no two of a round are about one holder, role and scope: only one may wait at a time."""
    rounds: list[dict[tuple[int | None, ...], AccessRequest]] = []
    for one in requests:
        key = (one.holder_id, one.holder_group_id, one.role_id, one.scope_id)
        free = next((some for some in rounds if key not in some), None)
        if free is None:
            rounds.append(free := {})
        free[key] = one
    return [list(some.values()) for some in rounds]


def wish_about(held: Held, asked: AskedAssignment) -> Wish:
    """What is asked about something that exists."""
    return Wish(held.role, held.scope, held.principal, asked)
