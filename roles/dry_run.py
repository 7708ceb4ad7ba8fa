"""What the portal would do in a directory that it only observes, and what waits in one that it manages. Writes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from roles.drifting import too_many
from roles.health import drifts_in
from roles.models import Assignment, Directory, Drift
from roles.planning import Act
from roles.reconciling import PLANNED

Answer, Kind = Directory.Answer, Drift.Kind

WORDS = {
    (Kind.FOUND_OUTSIDE, Answer.REPORT): lambda: _("An alert is raised, and they wait for a person."),
    (Kind.FOUND_OUTSIDE, Answer.CORRECT): lambda: _("They are taken away in the directory."),
    (Kind.FOUND_OUTSIDE, Answer.ADOPT): lambda: _("They are taken over for some days, then taken away."),
    (Kind.MISSING, Answer.REPORT): lambda: _("An alert is raised, and they wait for a person."),
    (Kind.MISSING, Answer.CORRECT): lambda: _("They are given again."),
    (Kind.MISSING, Answer.ADOPT): lambda: _("They end in the portal."),
    (Kind.OTHER_END, Answer.REPORT): lambda: _("An alert is raised, and they wait for a person."),
    (Kind.OTHER_END, Answer.CORRECT): lambda: _("The directory is told the portal’s end."),
    (Kind.OTHER_END, Answer.ADOPT): lambda: _("An end that comes sooner is taken over."),
}


@dataclass(frozen=True)
class Planned:
    """One thing the portal would do: an act, an account, a role, a place and an end."""

    act: str
    account: str
    role: str
    place: str
    until: datetime | None


@dataclass(frozen=True)
class Consequence:
    """What would come by itself of the open differences of one kind.

    Args:
        answer: one of ``Directory.Answer``.
        waits: whether they are so many that a person is asked whatever the settings say.
    """

    kind: Drift.Kind
    count: int
    answer: str
    waits: bool

    @property
    def words(self) -> str:
        """What would happen to them."""
        if self.waits:
            return _("So many at once wait for a person, whatever the settings say.")
        return WORDS[self.kind, Answer(self.answer)]()


def consequences_in(shown: Directory, *, rights: int) -> list[Consequence]:
    """What the settings of ``shown`` say of the open differences, kind by kind."""
    says = {
        Kind.FOUND_OUTSIDE: shown.on_found_outside,
        Kind.MISSING: shown.on_missing,
        Kind.OTHER_END: shown.on_other_end,
    }
    counts = drifts_in(shown)
    return [
        Consequence(
            kind,
            count := counts.get((Drift.Status.OPEN, kind), 0),
            says[kind],
            says[kind] != Answer.REPORT and too_many(count, of=rights),
        )
        for kind in Kind
    ]


def waiting_in(shown: Directory) -> list[list[str]]:
    """What a managed directory is still to be told, as ``Reconciliation.planned`` says it of an observed one."""
    moving = Assignment.objects.filter(
        role__directory=shown, status__in=[Assignment.Status.PROVISIONING, Assignment.Status.ENDING]
    )
    rows = moving.order_by("next_try_at", "pk").values_list(
        "status", "account", "role__entitlement", "scope__path", "ends_at"
    )
    acts = {Assignment.Status.PROVISIONING: Act.GRANT, Assignment.Status.ENDING: Act.REVOKE}
    return [
        [
            acts[Assignment.Status(status)].value,
            account,
            entitlement,
            path,
            until.isoformat() if until else "",
        ]
        for status, account, entitlement, path, until in rows[:PLANNED]
    ]


def named(shown: Directory, lines: list[list[str]]) -> list[Planned]:
    """Planned acts with the names of roles and places, where the portal knows any."""
    roles = dict(
        shown.roles.filter(entitlement__in={line[2] for line in lines}).values_list("entitlement", "name")
    )
    places = dict(shown.scopes.filter(path__in={line[3] for line in lines}).values_list("path", "name"))
    return [
        Planned(
            act,
            account,
            roles.get(entitlement, entitlement),
            "" if path == "/" else places.get(path, path),
            parse_datetime(until) if until else None,
        )
        for act, account, entitlement, path, until in lines
    ]
