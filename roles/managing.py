"""What the portal may do in a directory, and what comes by itself of differences there: said by who looks after it."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.paging import Count, counted
from audit.journal.actor import Actor
from audit.journal.recording import journaled, record, save_as
from audit.journal.refusing import Overtaken, Refused, refusing_what_is_invalid
from roles.models import Assignment, Directory, Drift, Reconciliation
from roles.permissions import check_may_manage
from roles.reconciling import reconcile

Mode, Status = Directory.Mode, Assignment.Status
#: those of which the directory may know, or is being told
TOLD = (Status.PROVISIONING, Status.ACTIVE, Status.FAILED, Status.ENDING)
ANSWERS = ("on_found_outside", "on_missing", "on_other_end", "adopt_days")


@journaled
def manage_directory(directory: Directory, *, actor: Actor) -> None:
    """Let the portal give and take away rights in a directory that it has only observed.

    Raises:
        NotAllowed: neither a duty nor the directory is theirs.
        Overtaken: it is managed already.
        Refused: what stands there was never compared with the book to the end, or not the last time.
    """
    check_may_manage(directory, actor)
    state = Reconciliation.objects.filter(directory=directory).first()
    if state is None or state.done_at is None:
        raise Refused(_("It was never compared with the portal: compare it first."), code="never_compared")
    if state.failures:
        raise Refused(
            _("It could not be compared with the portal the last time: mend that and compare it first."),
            code="not_compared",
        )
    _turn(directory, Mode.MANAGE, actor=actor, action="directory.managed")
    hurry_comparison(directory)


@journaled
def observe_directory(directory: Directory, *, actor: Actor) -> None:
    """Only look at a directory from now on.

    Raises:
        NotAllowed: neither a duty nor the directory is theirs.
        Overtaken: it is observed already.
        Refused: a right of the portal stands there, or is being given or taken away: nobody would take it away then.
    """
    check_may_manage(directory, actor)
    if directory.is_inside:
        raise Refused(_("What stands in the portal itself is always managed."))
    if count := rights_of_the_portal_in(directory):
        raise Refused(
            ngettext(
                "%(n)s right of the portal stands there, or is being given or taken away: end it first.",
                "%(n)s rights of the portal stand there, or are being given or taken away: end them first.",
                count,
            )
            % {"n": count},
            code="rights_stand",
        )
    _turn(directory, Mode.OBSERVE, actor=actor, action="directory.observed")
    hurry_comparison(directory)


def rights_of_the_portal_in(directory: Directory) -> Count:
    """How many rights in ``directory`` stand, are being given or are being taken away by the portal, as far as is cheap."""
    given = Assignment.objects.filter(role__directory=directory, status__in=TOLD)
    going = directory.drifts.filter(status=Drift.Status.CORRECTING, kind=Drift.Kind.FOUND_OUTSIDE)
    return counted(given, going)


def _turn(directory: Directory, mode: str, *, actor: Actor, action: str) -> None:
    """Change the mode from the other one. The verb holds the pen: nobody else does so meanwhile."""
    current = Directory.objects.get(pk=directory.pk)
    if current.mode == mode:
        raise Overtaken
    current.mode = directory.mode = mode
    save_as(current, actor=actor, reason=action)
    record(action, actor=actor, subject=current, directory=current.name)


@journaled
def answer_differences(directory: Directory, *, actor: Actor, **answers: Any) -> None:
    """Say what comes by itself of what differs in a directory. What waits is answered by the next comparison.

    Args:
        answers: the columns of ``ANSWERS``.

    Raises:
        NotAllowed: neither a duty nor the directory is theirs.
        Refused: one of the answers is none.
    """
    check_may_manage(directory, actor)
    current = Directory.objects.get(pk=directory.pk)
    for name in ANSWERS:
        setattr(current, name, answers[name])
    with refusing_what_is_invalid():
        current.clean_fields(
            exclude=[field.name for field in Directory._meta.fields if field.name not in ANSWERS]
        )
    save_as(current, actor=actor, reason="directory.answered")
    hurry_comparison(directory)


@journaled
def ask_to_compare(directory: Directory, *, actor: Actor) -> None:
    """Have a directory compared with the book as soon as a worker is free.

    Raises:
        NotAllowed: neither a duty nor the directory is theirs.
        Refused: it is the portal's own, and there is nothing to compare.
    """
    check_may_manage(directory, actor)
    if directory.is_inside:
        raise Refused(_("What stands in the portal itself needs no comparing."))
    record("directory.comparison_asked", actor=actor, subject=directory, directory=directory.name)
    hurry_comparison(directory)


def hurry_comparison(directory: Directory) -> None:
    """Make it the directory's turn, and wake a worker when this commits: the loop finds it in any case."""
    Reconciliation.objects.get_or_create(directory=directory)
    Reconciliation.objects.filter(directory=directory).update(next_at=timezone.now())
    transaction.on_commit(partial(reconcile.delay, directory.pk), robust=True)
