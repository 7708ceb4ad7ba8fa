"""What somebody fills in who has access reviewed: what, by whom, how often, and what happens when nobody answers."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from datetime import date, datetime, time, timedelta
from typing import Any

from django.db.models import Q, QuerySet
from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.duties import ROLE_ADMINISTRATORS, holds
from accounts.models import Group, User
from approvals.permissions import roles_managed_by
from approvals.reviews.keeping import StageWish, version_of
from approvals.reviews.models import ReviewSeries
from approvals.reviews.opening import number_begun
from approvals.reviews.series_fields import AFTER, COLUMNS, FILTERED, NEVER, ON_A_DAY, PICKED, SeriesFields
from approvals.reviews.stage_forms import Naming, ReviewStageForm, Who, principals_of, stage_forms
from approvals.settings.approver_field import NAMED, Chip, chips_of
from approvals.settings.rules import Line
from roles.models import Directory, Role, Scope
from roles.permissions import OWN, directories_of

SHOWN_FOUND = 20
SHOWN_SCOPES = 200
YEARS_AHEAD = timedelta(days=3653)


class SeriesForm(SeriesFields):
    """A series of reviews.

    Args:
        series: what is changed, or a new one.
        person: who fills it in.
        chosen: the roles as they are picked so far.
    """

    def __init__(
        self, data: QueryDict | None = None, *, series: ReviewSeries, person: User, chosen: Sequence[Role]
    ) -> None:
        super().__init__(data, initial=shown_of(series))
        self.series, self.person, self.chosen = series, person, list(chosen)
        self.is_administrator = holds(person, *ROLE_ADMINISTRATORS)
        self.stages: list[ReviewStageForm] = stage_forms(data, series)
        self.naming: Naming | None = None
        self.begun = number_begun(series) if series.pk else 0
        if self.begun:
            self.fields["starts_at"].help_text = _(
                "It has begun. Another start counts from that day on, and the numbers of its reviews go on."
            )
        field: Any = self.fields["directory"]
        field.queryset = self.directories
        field.empty_label = _("Every directory") if self.is_administrator else "—"

    @property
    def directories(self) -> QuerySet[Directory]:
        """Those whose every role they may have reviewed."""
        if self.is_administrator:
            return Directory.objects.order_by("name")
        return directories_of(self.person, OWN).order_by("name")

    # What is judged

    def clean(self) -> dict[str, Any]:
        """What stands in one field may not fit another."""
        said = super().clean()
        self._judge_roles(said)
        self._judge_times(said)
        self._judge_told(said)
        for at, stage in enumerate(self.stages, start=1):
            if stage.is_valid() or stage.cleaned_data:
                stage.judge(is_last=at == len(self.stages))
        if any(stage.cleaned_data.get("who") == Who.THEMSELVES for stage in self.stages) and not said.get(
            "own_allowed"
        ):
            words = _("Allow it, or let others answer: a stage asks everyone about their own access.")
            self.add_error("own_allowed", words)
        return said

    def is_valid(self) -> bool:
        """Whether nothing is wrong, here and in the stages."""
        return super().is_valid() and not any(stage.errors for stage in self.stages)

    def _judge_roles(self, said: dict[str, Any]) -> None:
        if said.get("about") == PICKED:
            said["directory"], said["risk"] = None, ""
            if not self.chosen:
                self.add_error("roles", _("Pick at least one role."))
        is_missing = not said.get("directory") and "directory" not in self.errors
        if said.get("about") == FILTERED and is_missing and not self.is_administrator:
            self.add_error("directory", _("Choose a directory that you look after."))
        if not (said.get("of_people") or said.get("of_groups") or said.get("of_services")):
            self.add_error("of_people", _("Choose whose access is reviewed."))
        self._judge_scope(said)

    def _judge_scope(self, said: dict[str, Any]) -> None:
        text, self.scope_found = (said.get("scope") or "").strip(), None
        if not text or {"about", "directory"} & set(self.errors):
            return
        found = list(self.scopes_offered.filter(Q(path=text) | Q(name__iexact=text))[:2])
        if len(found) != 1:
            words = (
                _("Several go by this: enter the whole path.")
                if found
                else _("There is no scope of this name.")
            )
            self.add_error("scope", words)
            return
        [self.scope_found] = found
        if self.scope_found.is_root:
            self.scope_found = None
        elif said.get("about") == PICKED:
            if {role.directory_id for role in self.chosen} - {found[0].directory_id}:
                self.add_error("scope", _("The roles are of several directories, and this scope of one."))
            said["directory"] = found[0].directory

    def _judge_times(self, said: dict[str, Any]) -> None:
        starts_at, until = said.get("starts_at"), said.get("until")
        if starts_at is None and "starts_at" not in self.errors:
            self.add_error("starts_at", _("Say when it starts."))
        elif starts_at is not None and starts_at > timezone.now() + YEARS_AHEAD:
            self.add_error("starts_at", _("This is more than ten years ahead."))
        elif starts_at is not None and self._is_past(starts_at):
            self.add_error("starts_at", _("This day is over. Choose a start that is still to come."))
        if said.get("frequency") == ReviewSeries.Frequency.ONCE:
            said["ends"] = NEVER
        if said.get("ends") == ON_A_DAY and "until" not in self.errors:
            if until is None:
                self.add_error("until", _("Say on which day."))
            elif not 2000 < until.year < 2200:
                self.add_error("until", _("Choose a day within this century."))
            elif starts_at is not None and until < timezone.localdate(starts_at):
                self.add_error("until", _("This day comes before the first start."))
        if said.get("ends") == AFTER and said.get("times") is None and "times" not in self.errors:
            self.add_error("times", _("Say how many."))

    def _is_past(self, starts_at: datetime) -> bool:
        return not self._is_kept(starts_at) and timezone.localdate(starts_at) < timezone.localdate()

    def _is_kept(self, starts_at: datetime) -> bool:
        """Whether this is the first start as it was; fields know no seconds."""
        is_old = self.series.pk is not None
        return is_old and starts_at == self.series.starts_at.replace(second=0, microsecond=0)

    def _judge_told(self, said: dict[str, Any]) -> None:
        self.naming = Naming.of(said.get("told") or [], said.get("add_told") or "")
        if fault := self.naming.fault:
            self.add_error("add_told", fault)

    # What is kept

    def filled(self) -> ReviewSeries:
        """The series with what was filled in, not saved."""
        series, said = copy(self.series), self.cleaned_data
        for name in COLUMNS:
            if name in said:
                setattr(series, name, said[name])
        series.directory, series.risk = said.get("directory"), said.get("risk", "")
        series.scope = getattr(self, "scope_found", None)
        if (starts_at := said.get("starts_at")) and not self._is_kept(starts_at):
            series.starts_at, series.begun_before = starts_at, self.begun
        series.until = end_of(said["until"]) if said.get("ends") == ON_A_DAY and said.get("until") else None
        series.times = said.get("times") if said.get("ends") == AFTER else None
        return series

    @property
    def roles_wanted(self) -> list[Role]:
        """The roles that are picked; none where a filter says which."""
        return self.chosen if self["about"].value() == PICKED else []

    def told_wanted(self) -> list[User | Group]:
        """Who shall hear of the result."""
        return principals_of(self.naming.lines if self.naming else ())

    def wishes(self) -> list[StageWish]:
        """The stages as they were filled in."""
        last = len(self.stages)
        return [stage.wish(is_last=at == last) for at, stage in enumerate(self.stages, start=1)]

    def show(self, refused: Any) -> None:
        """Put a refusal beside the field it is about; what only a duty would allow, beside the roles."""
        if refused.code == "foreign_roles":
            self.add_error("roles" if self["about"].value() == PICKED else "directory", str(refused.message))
        elif refused.field == "stages" and self.stages:
            self.stages[-1].add_error("days", str(refused.message))
        else:
            super().show(refused)

    # What the page shows

    @property
    def shown_roles(self) -> list[Role]:
        """The picked roles that they may see here: others are nobody's to name, whatever was sent."""
        if self.is_administrator:
            return self.chosen
        theirs = set(
            roles_managed_by(self.person)
            .filter(pk__in=[one.pk for one in self.chosen])
            .values_list("pk", flat=True)
        )
        kept = set(self.series.roles.values_list("pk", flat=True)) if self.series.pk else set()
        return [role for role in self.chosen if role.pk in theirs | kept]

    @property
    def found(self) -> list[Role]:
        """The roles that go by what stands in the search field, those chosen already left out."""
        words = str(self["find"].value() or "").replace("\x00", "").strip()
        if not words:
            return []
        named = roles_managed_by(self.person).exclude(pk__in=[role.pk for role in self.chosen])
        for word in words[:100].split()[:5]:
            named = named.filter(Q(name__icontains=word) | Q(directory__name__icontains=word))
        return list(named.select_related("directory")[:SHOWN_FOUND])

    @property
    def scopes_offered(self) -> QuerySet[Scope]:
        """The scopes that would fit what is chosen."""
        if self["about"].value() == PICKED:
            within = {role.directory_id for role in self.shown_roles}
        else:
            said = str(self["directory"].value() or "")
            known = (
                self.directories.filter(pk=said) if said.isdecimal() and len(said) < 19 else self.directories
            )
            within = set(known.values_list("pk", flat=True))
        return Scope.objects.filter(directory__in=within).order_by("path")

    @property
    def scopes(self) -> list[str]:
        """Paths that the browser suggests."""
        return list(
            self.scopes_offered.filter(parent__isnull=False).values_list("path", flat=True)[:SHOWN_SCOPES]
        )

    @property
    def told_chips(self) -> list[Chip]:
        """Who is told of the result."""
        return chips_of(self.naming.lines if self.naming else self["told"].value() or ())

    @property
    def adding_told(self) -> str:
        """What stands in the line where they are added: nothing, once it was understood."""
        return ", ".join(self.naming.unknown) if self.naming else str(self["add_told"].value() or "")

    def keep_errors_of(self, *names: str) -> None:
        """Forget every other error: the form was sent to go on with it, not to save it."""
        for name in set(self.errors) - set(names):
            del self.errors[name]
        for stage in self.stages:
            stage.keep_errors_of("add_reviewer", "add_in_turn")


def end_of(day: date) -> datetime:
    """The last moment of a day, where the person is."""
    return timezone.make_aware(datetime.combine(day, time.max))


def shown_of(series: ReviewSeries) -> dict[str, Any]:
    """What the fields of a series hold."""
    said = {name: getattr(series, name) for name in COLUMNS}
    ends = ON_A_DAY if series.until else AFTER if series.times else NEVER
    is_picked = not series.pk or series.roles.exists()
    return said | {
        "about": PICKED if is_picked else FILTERED,
        "directory": None if is_picked else series.directory_id,
        "risk": series.risk,
        "scope": series.scope.path if series.scope else "",
        "starts_at": series.starts_at,
        "ends": ends,
        "until": timezone.localdate(series.until) if series.until else None,
        "times": series.times,
        "told": told_by(series) if series.pk else [],
        "version": version_of(series) if series.pk else "",
    }


def told_by(series: ReviewSeries) -> list[Line]:
    """Who hears of the result of a series."""
    people, groups = NAMED
    lines = [Line(people, person=one.pk) for one in series.told.all()]
    return lines + [Line(groups, group=one.pk) for one in series.told_groups.all()]
