"""Saying what shall come of a difference between the book and a directory: by a person, or as the settings say."""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from audit.journal.actor import Actor
from audit.journal.lifecycle import move_to
from audit.journal.recording import journaled
from audit.journal.refusing import NotAllowed, Overtaken, Refused
from roles.models import Assignment, Drift, EndCause, Origin
from roles.permissions import check_may_manage
from roles.provisioning import begin_assignment, change_assignment, end_assignment, give_again
from roles.reaching import capabilities_of

Kind, Status = Drift.Kind, Drift.Status


@journaled
def accept_drift(drift: Drift, *, actor: Actor, justification: str = "") -> None:
    """Leave it as it is, and speak of it no more until it is gone.

    Raises:
        NotAllowed: neither a duty nor the directory is theirs, or the right is their own.
        Overtaken: somebody has said something of it in between.
    """
    check_may_manage(drift.directory, actor)
    _check_may_become(drift, Status.ACCEPTED)
    _check_not_ones_own(drift, actor)
    move_to(drift, Status.ACCEPTED, actor=actor, action="drift.accepted", justification=justification)


@journaled
def correct_drift(drift: Drift, *, actor: Actor, justification: str = "") -> None:
    """Make the directory as the book says: take away what was given there, give again what was taken away.

    A right that was given outside goes with the next reconciliation, and is tried until it is gone.

    Raises:
        NotAllowed: neither a duty nor the directory is theirs.
        Overtaken: somebody has said something of it in between, or the assignment is no longer in force.
        Refused: the portal only observes the directory, or somebody has the same right through the portal now.
    """
    check_may_manage(drift.directory, actor)
    _check_may_become(drift, Status.CORRECTING)
    if drift.directory.is_observed:
        raise Refused(_("The portal only observes this directory: nothing is changed there."))
    if drift.kind == Kind.FOUND_OUTSIDE and is_held_through_portal(drift):
        raise Refused(_("They hold the same right through the portal now: end that first."))
    if drift.kind != Kind.FOUND_OUTSIDE:
        give_again(_assignment_of(drift), actor=actor)
    move_to(
        drift,
        Status.CORRECTING,
        actor=actor,
        action="drift.corrected",
        justification=justification,
        attempts=0,
        next_try_at=timezone.now(),
        last_error="",
    )


@journaled
def adopt_drift(
    drift: Drift, *, actor: Actor, until: datetime | None = None, justification: str = ""
) -> None:
    """Make the book as the directory says.

    What was given outside becomes an assignment that ends, and is taken away then; what was taken away is ended; an
    end that comes sooner there counts.

    Args:
        until: for a right that was given outside, how long it shall be held: there is no adopting for good.

    Raises:
        NotAllowed: neither a duty nor the directory is theirs, or the right is their own.
        Overtaken: it was settled in between.
        Refused: it cannot be told whose the account is or where the right counts, or the end is missing or over.
        Separated: they hold a role that may not be held together with this one.
    """
    check_may_manage(drift.directory, actor)
    _check_may_become(drift, Status.RESOLVED)
    if drift.kind == Kind.FOUND_OUTSIDE:
        _check_not_ones_own(drift, actor)
        _take_over(drift, actor=actor, until=until, justification=justification)
    elif drift.kind == Kind.MISSING:
        held = _assignment_of(drift)
        end_assignment(held, actor=actor, cause=EndCause.TAKEN_OUTSIDE, justification=justification)
    else:
        _take_its_end(drift, actor=actor, justification=justification)
    resolve_drift(drift, actor=actor, how="adopted", justification=justification)


def resolve_drift(drift: Drift, *, actor: Actor, how: str, justification: str = "") -> None:
    """Write down that a difference is no more.

    Args:
        how: ``adopted``, ``removed``, or ``gone`` by itself.

    Raises:
        Overtaken: it was settled in between.
    """
    move_to(
        drift,
        Status.RESOLVED,
        actor=actor,
        action=f"drift.{how}",
        justification=justification,
        settled_as=how,
        resolved_at=timezone.now(),
        lease_until=None,
        lease_token="",
    )


def is_held_through_portal(drift: Drift) -> bool:
    """Whether an assignment that is due carries the very right of ``drift``."""
    same = Assignment.objects.due().filter(role=drift.role_id, scope__path=drift.place)
    # A difference is noted in one case where the directory ignores it; an assignment keeps the name as it was listed.
    alike = "account__iexact" if capabilities_of(drift.directory).ignores_case else "account"
    return same.filter(**{alike: drift.account}).exists()


def _take_over(drift: Drift, *, actor: Actor, until: datetime | None, justification: str) -> None:
    if drift.person is None:
        raise Refused(
            _("It cannot be told whose account %(account)s is: list it under the directory’s accounts first.")
            % {"account": drift.account}
        )
    if drift.scope is None:
        raise Refused(
            _("%(place)s is not among the scopes of this directory: add it first.") % {"place": drift.place}
        )
    now = timezone.now()
    if until is None or until <= now:
        raise Refused(
            _("Say until when: a right that was found is never taken over for good."), field="until"
        )
    begin_assignment(
        drift.role,
        actor=actor,
        person=drift.person,
        scope=drift.scope,
        starts_at=now,
        ends_at=until,
        origin=Origin.FOUND_OUTSIDE,
        justification=justification,
    )


def _take_its_end(drift: Drift, *, actor: Actor, justification: str) -> None:
    held, end = _assignment_of(drift), drift.ends_there
    if end is None or end <= timezone.now() or (held.ends_at and held.ends_at < end):
        raise Refused(
            _("Only an end that comes sooner can be taken over: a longer time has to be asked for.")
        )
    change_assignment(held, actor=actor, starts_at=held.starts_at, ends_at=end, justification=justification)


def _check_may_become(drift: Drift, status: str) -> None:
    if drift.status == Status.RESOLVED:
        raise Overtaken(_("This is settled already."))
    if status not in Drift.NEXT[drift.status]:
        raise Overtaken


def _check_not_ones_own(drift: Drift, actor: Actor) -> None:
    """Refuse to let somebody keep what was given to themselves past the portal, under whatever account of theirs.

    Raises:
        NotAllowed: it is theirs, or that of a program they answer for.
    """
    if actor.person is None or drift.person is None or drift.kind != Kind.FOUND_OUTSIDE:
        return
    mine = set(User.objects.all().same_human_as(actor.person).values_list("pk", flat=True))
    if drift.person.pk in mine or (drift.person.is_service and drift.person.manager_id in mine):
        raise NotAllowed(
            _("This right is your own: somebody else must say whether it stays."), code="own_request"
        )


def _assignment_of(drift: Drift) -> Assignment:
    """What the book says of it, if that is still in force.

    Raises:
        Overtaken: it is not.
    """
    active = Assignment.objects.filter(status=Assignment.Status.ACTIVE)
    found = active.select_related("role__directory", "scope", "person")
    held = found.filter(pk=drift.assignment_id).first() if drift.assignment_id else None
    if held is None:
        raise Overtaken(_("The assignment is no longer in force."))
    return held
