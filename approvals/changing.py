"""Those who manage a role change what was given: another end, another start, another kind, once more after its end."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import FactorUse, User
from approvals.filing import (
    NOUNS,
    Act,
    Held,
    check_may_manage,
    check_not_oneself,
    check_wishes,
    file_all,
    is_over,
    kind_of,
    wish_about,
)
from approvals.granting import assignment_of, check_none_holds_it
from approvals.models import AccessRequest
from approvals.removing import check_unchanged, close_extensions_of
from audit.journal.actor import Actor
from audit.journal.recording import journaled
from audit.journal.refusing import Overtaken, Refused
from roles.announcing import tell_changed
from roles.assigning import (
    Wish,
    change_eligibility,
    change_group_assignment,
    end_eligibility,
    make_all_eligible,
    renew_eligibility,
)
from roles.effective import settings_at
from roles.models import (
    Assignment,
    EffectiveSettings,
    Eligibility,
    EndCause,
    GroupAssignment,
    Origin,
)
from roles.provisioning import begin_assignments, change_assignment, end_assignment
from roles.requirements import ACTIVE, ELIGIBLE, AskedAssignment
from roles.spreading import begin_group_assignment, end_group_assignment


@dataclass(frozen=True)
class Change:
    """What shall become of something that was given.

    Args:
        held: what it is about, as it was read.
        asked: kind, start and end it shall have. A start is ignored once it has started.
        act: one of ``AccessRequest.Act``: UPDATE, EXTEND or RENEW.
        seen: ``version_of`` it when the page was made, if there was one.
    """

    held: Held
    asked: AskedAssignment
    act: str = Act.UPDATE
    seen: str = ""


@journaled
def change(changes: Sequence[Change], *, actor: Actor) -> list[Held]:
    """Bring about all of ``changes``, or none.

    Returns:
        What is held afterwards, in their order.

    Raises:
        NotAllowed: one of the roles is not theirs to give, or it would be for oneself.
        RequirementsUnmet: role settings allow less.
        StepUpRequired: only the second factor is missing.
        Overtaken: one of them has ended, or somebody changed it.
        Refused: it cannot be changed in this way, or nothing would change.
    """
    check_may_manage((one.held.role for one in changes), actor=actor)
    check_not_oneself((one.held.principal for one in changes), actor=actor)
    changes = [judged(one) for one in changes]
    wishes = [wish_about(one.held, one.asked) for one in changes]
    evidence = check_wishes(wishes, actor=actor, verb="change")
    return file_and_bring_about(changes, actor=actor, evidence=evidence)


def judged(change: Change) -> Change:
    """``change`` with what cannot change left out, when it is possible at all.

    Raises:
        Overtaken, Refused: it is not.
    """
    held, asked = change.held, change.asked
    check_unchanged(held, change.seen)
    check_is_given_by_hand(held)
    if change.act == Act.RENEW:
        check_may_be_renewed(held)
        return change
    if is_over(held):
        raise Overtaken(_("This has ended already."))
    if held.starts_at <= timezone.now() or asked.kind != kind_of(held):
        asked = replace(asked, starts_at=None)
    later = asked.ends_at is None or (held.ends_at is not None and asked.ends_at > held.ends_at)
    if change.act == Act.EXTEND and (held.ends_at is None or not later):
        raise Refused(_("Extending needs an end that is later than the present one."), field="ends_at")
    same_start = asked.starts_at is None or asked.starts_at == held.starts_at
    if asked.kind == kind_of(held) and same_start and asked.ends_at == held.ends_at:
        raise Refused(_("Nothing would change."), code="unchanged")
    return replace(change, asked=asked)


def check_is_given_by_hand(held: Held) -> None:
    """Refuse to change what follows from something else.

    Raises:
        Refused: it was activated, or comes through a group.
    """
    if isinstance(held, Assignment) and held.origin == Origin.ACTIVATED:
        raise Refused(_("%(what)s was activated: it ends by itself, and can be removed.") % {"what": held})
    if isinstance(held, Assignment) and held.through is not None:
        raise Refused(
            _("%(what)s comes through the group %(group)s; change what the group holds.")
            % {"what": held, "group": held.through.group}
        )


def check_may_be_renewed(held: Held) -> None:
    """Refuse to renew what is not over, or what somebody removed.

    Raises:
        Overtaken: so it is.
    """
    removed = (
        held.status == Eligibility.Status.REMOVED
        if isinstance(held, Eligibility)
        else held.end_cause not in ("", EndCause.EXPIRED)
    )
    if not is_over(held):
        raise Overtaken(_("This has not ended."))
    if removed:
        raise Overtaken(_("This did not expire, it was ended. Assign it anew."))


def file_and_bring_about(
    changes: Sequence[Change], *, actor: Actor, evidence: FactorUse | None
) -> list[Held]:
    """File judged changes, decide them by duty and bring them about. For verbs, inside their transaction."""
    close_extensions_of([one.held for one in changes], why=_("Somebody who manages the role has changed it."))
    done: dict[int, Held] = {}
    together: dict[str, list[int]] = defaultdict(list)
    for place, one in enumerate(changes):
        together[one.act].append(place)
    for act, places in together.items():
        some = [changes[place] for place in places]
        filed = file_all(
            act,
            [wish_about(one.held, one.asked) for one in some],
            actor=actor,
            approved_as=f"{NOUNS[Act(act)]}.approved",
            evidence=evidence,
            held=[one.held for one in some],
        )
        for place, one, access_request in zip(places, some, filed, strict=True):
            done[place] = bring_about(one.held, one.asked, actor=actor, filed=access_request)
    held = [done[place] for place in range(len(changes))]
    tell_changed([one for one in held if not isinstance(one, GroupAssignment)], actor=actor)
    return held


def bring_about(held: Held, asked: AskedAssignment, *, actor: Actor, filed: AccessRequest) -> Held:
    """Let ``held`` become what is asked: changed, renewed, or of the other kind.

    Args:
        filed: the approved request behind it.
    """
    if asked.kind != kind_of(held):
        return _turn(held, asked, actor=actor, filed=filed)
    if is_over(held):
        if not isinstance(held, Eligibility):
            return _begin_active(wish_about(held, asked), actor=actor, filed=filed)
        times = {"starts_at": asked.starts_at, "ends_at": asked.ends_at}
        renew_eligibility(held, actor=actor, justification=asked.justification, **times)
        return held
    starts_at = asked.starts_at or held.starts_at
    said = {"starts_at": starts_at, "ends_at": asked.ends_at, "justification": asked.justification}
    if isinstance(held, Eligibility):
        change_eligibility(held, actor=actor, **said)  # type: ignore[arg-type]
    elif isinstance(held, GroupAssignment):
        change_group_assignment(held, actor=actor, **said)  # type: ignore[arg-type]
    else:
        change_assignment(held, actor=actor, **said)  # type: ignore[arg-type]
    return held


def _turn(held: Held, asked: AskedAssignment, *, actor: Actor, filed: AccessRequest) -> Held:
    """Make eligible what was active, or active what was eligible; the new first, so that the right never lapses."""
    wish, why = wish_about(held, asked), asked.justification
    made: Held
    if asked.kind == ELIGIBLE:
        [made] = make_all_eligible([wish], actor=actor)
    else:
        made = _begin_active(wish, actor=actor, filed=filed)
    if is_over(held):
        return made
    if isinstance(held, Eligibility):
        end_eligibility(held, actor=actor, justification=why)
    elif isinstance(held, GroupAssignment):
        end_group_assignment(held, actor=actor, cause=EndCause.REMOVED, justification=why)
    else:
        end_assignment(held, actor=actor, cause=EndCause.REMOVED, justification=why)
    return made


def _begin_active(wish: Wish, *, actor: Actor, filed: AccessRequest) -> Held:
    """Begin the active assignment that a change comes to."""
    if isinstance(wish.principal, User):
        check_none_holds_it([wish])
        assignment = assignment_of(wish, number=filed.number)
        begin_assignments([assignment], actor=actor, justifications=[wish.asked.justification])
        return assignment
    return begin_group_assignment(
        wish.role,
        actor=actor,
        group=wish.principal,
        scope=wish.scope,
        starts_at=wish.asked.starts_at or timezone.now(),
        ends_at=wish.asked.ends_at,
        request_number=filed.number,
        justification=wish.asked.justification,
    )


def usual_end(held: Held, kind: str, *, under: EffectiveSettings | None = None) -> datetime | None:
    """An end to begin with: as long again as it was given for, cut to what role settings allow.

    Args:
        kind: what it shall be afterwards.
        under: the role settings to judge by; those of now when left out.
    """
    role_settings = under or settings_at(held.role, held.scope)
    days = role_settings.eligible_days if kind == ELIGIBLE else role_settings.active_days
    permanent = role_settings.eligible_permanent if kind == ELIGIBLE else role_settings.active_permanent
    now = timezone.now()
    longest = now + timedelta(days=days)
    if held.ends_at is None:
        return None if permanent else longest
    end = max(held.ends_at, now) + (held.ends_at - held.starts_at)
    return end if permanent else min(end, longest)


def turned(held: Held, *, ends_at: datetime | None = None, justification: str) -> Change:
    """The change that makes what is active eligible, or what is eligible active."""
    kind = ACTIVE if kind_of(held) == ELIGIBLE else ELIGIBLE
    asked = AskedAssignment(kind, None, ends_at, justification)
    return Change(held, asked)
