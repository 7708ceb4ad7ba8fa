"""Noting where a directory differs from the book, and what its settings say shall come of that by itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta

from django.db.models import Count
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.duties import ALERT_KEEPERS
from audit.alerts.alerting import raise_alert, resolve_alert
from audit.journal.actor import PORTAL
from audit.journal.lifecycle import amend, begin_lives
from audit.journal.refusing import NotAllowed, Overtaken, Refused
from roles.comparing import Book
from roles.connectors.base import Grant
from roles.models import Assignment, Directory, Drift
from roles.permissions import people_with_duty
from roles.planning import Act, Action, Right, is_same_end
from roles.recognising import recognise
from roles.settling import adopt_drift, correct_drift, resolve_drift

Kind, Status = Drift.Kind, Drift.Status
OUTSIDE, TAKEN = "assigned_outside", "taken_outside"  # kinds of alert
KINDS = {Act.FOUND_OUTSIDE: Kind.FOUND_OUTSIDE, Act.MISSING: Kind.MISSING, Act.SET_END: Kind.OTHER_END}
#: So many differences at once, and this share of what stands there, are more likely a fault than somebody's doing.
MANY, SHARE = 20, 0.2
Key = tuple[str, Right]


def note_drifts(
    directory: Directory, actions: Sequence[Action], grants: Mapping[Right, Grant], book: Book
) -> None:
    """Write down what differs now and what no longer does, and do what the directory's settings say.

    In a directory that is only observed nothing is done, and only what was given outside is noted.

    Args:
        actions: the differences, as ``roles.comparing.compare`` found them.
        grants: what the directory has listed.
        book: what the book says.
    """
    kinds = {Act.FOUND_OUTSIDE: Kind.FOUND_OUTSIDE} if directory.is_observed else KINDS
    found: dict[Key, Action] = {(kinds[one.act], one.right): one for one in actions if one.act in kinds}
    known: dict[Key, Drift] = {}
    for drift in directory.drifts.standing().select_related("role", "directory", "person", "scope"):
        known[drift.kind, Right(drift.account, drift.role.entitlement, drift.place)] = drift
    for key, drift in known.items():
        if key in found:
            _follow(drift, grants.get(key[1]))
        elif key[1] not in book.moving:
            _resolve(drift)
    new = _begin(directory, {key: found[key] for key in found if key not in known}, grants, book)
    if not directory.is_observed:
        open_now = [drift for key, drift in known.items() if key in found and drift.status == Status.OPEN]
        _answer(directory, [*open_now, *new], of=len(grants))


def _follow(drift: Drift, grant: Grant | None) -> None:
    """Keep up with an end that changes there."""
    ends_there = grant.not_after if grant else None
    if not is_same_end(drift.ends_there, ends_there):
        with suppress(Overtaken):
            amend(
                drift,
                actor=PORTAL,
                action="drift.changed",
                unless_changed=["ends_there"],
                ends_there=ends_there,
            )


def _resolve(drift: Drift) -> None:
    how = {(Kind.FOUND_OUTSIDE, Status.CORRECTING): "removed", (Kind.MISSING, Status.CORRECTING): "restored"}
    how[Kind.OTHER_END, Status.CORRECTING] = "restored"
    with suppress(Overtaken):  # somebody settled it in this moment
        resolve_drift(drift, actor=PORTAL, how=how.get((Kind(drift.kind), Status(drift.status)), "gone"))


def _begin(
    directory: Directory, found: Mapping[Key, Action], grants: Mapping[Right, Grant], book: Book
) -> list[Drift]:
    if not found:
        return []
    roles = {role.entitlement: role for role in directory.roles.all()}
    scopes = {scope.path: scope for scope in directory.scopes.all()}
    people = recognise(directory, {right.account for _kind, right in found})
    once = _once_given(directory, [right for kind, right in found if kind == Kind.FOUND_OUTSIDE])
    drifts = []
    for kind, right in found:
        grant = grants.get(right)
        drifts.append(
            Drift(
                directory=directory,
                role=roles[right.entitlement],
                kind=kind,
                account=right.account,
                place=right.scope,
                scope=scopes.get(right.scope),
                person=people.get(right.account),
                assignment_id=book.confirmed.get(right),
                ends_there=grant.not_after if grant else None,
                granted_by=grant.granted_by if grant else "",
                was_the_portals=right in once,
            )
        )
    begin_lives(drifts, actor=PORTAL, action="drift.found")
    return drifts


def _once_given(directory: Directory, rights: Sequence[Right]) -> set[Right]:
    """Those of ``rights`` that the portal gave before and saw gone."""
    ended = Assignment.objects.filter(
        role__directory=directory,
        status=Assignment.Status.ENDED,
        was_there_before=False,
        active_since__isnull=False,
        account__in={right.account for right in rights},
    )
    known = ended.order_by().values_list("account", "role__entitlement", "scope__path").distinct()
    return {Right(*one) for one in known}


def _answer(directory: Directory, drifts: Iterable[Drift], *, of: int) -> None:
    """Do what the settings say of these, unless they are so many that something else must be wrong."""
    by_kind: dict[str, list[Drift]] = {}
    for drift in drifts:
        by_kind.setdefault(drift.kind, []).append(drift)
    says = {
        Kind.FOUND_OUTSIDE: directory.on_found_outside,
        Kind.MISSING: directory.on_missing,
        Kind.OTHER_END: directory.on_other_end,
    }
    for kind, some in by_kind.items():
        answer = says[Kind(kind)]
        if answer == Directory.Answer.REPORT or too_many(len(some), of=of):
            continue
        for drift in some:
            _carry_out(drift, answer, days=directory.adopt_days)


def too_many(count: int, *, of: int) -> bool:
    """Whether so many differences at once wait for a person, whatever the settings say.

    Args:
        of: how many rights stand in the directory.
    """
    return count > MANY and count > SHARE * of


def _carry_out(drift: Drift, answer: str, *, days: int) -> None:
    try:
        if answer == Directory.Answer.CORRECT:
            correct_drift(drift, actor=PORTAL)
        else:
            adopt_drift(drift, actor=PORTAL, until=timezone.now() + timedelta(days=days))
    except (Refused, Overtaken, NotAllowed) as refusal:
        # It stays open, and says why: somebody has to look at it.
        Drift.objects.filter(pk=drift.pk).update(last_error=str(refusal)[:500])


def alarm_about_drift(directory: Directory) -> None:
    """Raise, or resolve, the alerts about what was given and what was taken away past the portal.

    An observed directory raises none: what stands there is being looked at already.
    """
    counts = directory.drifts.open().order_by().values_list("kind").annotate(Count("pk"))
    waiting = {} if directory.is_observed else dict(counts)
    _alarm(
        directory,
        OUTSIDE,
        waiting.get(Kind.FOUND_OUTSIDE, 0),
        severity="high",
        title=_("Given in %(directory)s past the portal: %(n)s"),
        text=_("Nobody asked for it here, nobody approved it, and it does not end by itself."),
    )
    _alarm(
        directory,
        TAKEN,
        waiting.get(Kind.MISSING, 0) + waiting.get(Kind.OTHER_END, 0),
        severity="medium",
        title=_("Changed in %(directory)s past the portal: %(n)s"),
        text=_("The portal says somebody holds it; the directory says they do not, or until another time."),
    )


def _alarm(directory: Directory, kind: str, count: int, *, severity: str, title: str, text: str) -> None:
    key = f"directory:{directory.pk}"
    if not count:
        resolve_alert(kind, key=key, actor=PORTAL)
        return
    raise_alert(
        kind,
        key=key,
        severity=severity,
        title=title % {"directory": directory, "n": count},
        text=text,
        fix=_("Say for each whether it shall go, be taken over with an end, or stay as it is."),
        url=f"/directories/{directory.pk}/drift/",
        directory=directory.name,
        tell=people_with_duty(*ALERT_KEEPERS),
        actor=PORTAL,
    )
