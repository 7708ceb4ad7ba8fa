"""What a series means, in words: whom it touches now, who is asked, when it starts, and what comes of silence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from itertools import islice

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import Group, Membership, User
from approvals.reviews.keeping import StageWish
from approvals.reviews.models import Reviewer, ReviewSeries, ReviewStage
from approvals.reviews.opening import next_slot, number_begun
from approvals.reviews.scoping import held_of, roles_meant
from approvals.reviews.series_fields import PICKED
from approvals.reviews.series_forms import SeriesForm
from roles.models import Role

Who, Silence = ReviewStage.Who, ReviewSeries.Silence
SHOWN_STARTS = 3
SHOWN_NAMES = 4
#: fields of which each part of the aside speaks
ABOUT = {
    "about",
    "roles",
    "directory",
    "risk",
    "scope",
    "what",
    "of_people",
    "of_groups",
    "of_services",
    "inactive_days",
}
TIMES = {"frequency", "starts_at", "ends", "until", "times"}


@dataclass(frozen=True)
class Touched:
    """What a series would look at, if it began now.

    Args:
        roles: how many it is about. items: how many lines. people, groups: of how many.
    """

    roles: int
    items: int
    people: int
    groups: int


@dataclass(frozen=True)
class Meaning:
    """A series as it may not be saved yet, and what it means.

    Args:
        series: its terms. roles: those it names.
        stages: who answers; None while that cannot be read.
        is_about_known: whether it can be said what it looks at; is_time_known: whether when.
    """

    series: ReviewSeries
    roles: Sequence[Role]
    stages: Sequence[StageWish] | None
    is_about_known: bool = True
    is_time_known: bool = True

    @cached_property
    def touched(self) -> Touched | None:
        """How much it touches at this moment, counted by the database."""
        if not self.is_about_known:
            return None
        roles = roles_meant(self.series, [role.pk for role in self.roles])
        items, people, groups = 0, Q(pk__in=[]), Q(pk__in=[])
        for _kind, rows, *who in held_of(self.series, roles, timezone.now()):
            items += rows.count()
            if "person" in who:
                people |= Q(pk__in=rows.order_by().exclude(person=None).values("person"))
            if "group" in who:
                groups |= Q(pk__in=rows.order_by().exclude(group=None).values("group"))
        return Touched(
            roles.count(), items, User.objects.filter(people).count(), Group.objects.filter(groups).count()
        )

    @property
    def about(self) -> list[str]:
        """What it looks at, in words."""
        if (found := self.touched) is None:
            return []
        said = [self._roles_in_words(found), *self._items_in_words(found)]
        if self.series.inactive_days is not None:
            words = ngettext(
                "Of these only what was not used for %(n)s day, so it will be fewer.",
                "Of these only what was not used for %(n)s days, so it will be fewer.",
                self.series.inactive_days,
            )
            said.append(words % {"n": self.series.inactive_days})
        if not self.roles:
            said.append(_("At each start it is looked up anew which roles these are."))
        return said

    def _roles_in_words(self, found: Touched) -> str:
        words = ngettext("%(n)s role at this moment.", "%(n)s roles at this moment.", found.roles)
        return words % {"n": found.roles}

    def _items_in_words(self, found: Touched) -> Iterator[str]:
        if not found.items:
            yield _("Nobody may or does hold any of it now: there would be nothing to answer.")
            return
        words = ngettext("%(n)s line to answer.", "%(n)s lines to answer.", found.items)
        yield words % {"n": found.items}
        people = ngettext("%(n)s person", "%(n)s people", found.people) % {"n": found.people}
        groups = ngettext("%(n)s group", "%(n)s groups", found.groups) % {"n": found.groups}
        if found.people and found.groups:
            yield _("They are about %(people)s and %(groups)s.") % {"people": people, "groups": groups}
        else:
            yield _("They are about %(who)s.") % {"who": people if found.people else groups}

    @property
    def asked(self) -> list[str]:
        """Who answers, stage by stage, in words."""
        said: list[str] = []
        for number, stage in enumerate(self.stages or (), start=1):
            of_group = self.series.of_groups and (number == 1 or stage.who in (Who.THEMSELVES, Who.MANAGER))
            said += _stage_in_words(stage, of_group=of_group)
        return said

    @property
    def days(self) -> int | None:
        """How long a run lasts."""
        return sum(stage.days for stage in self.stages) if self.stages else None

    @cached_property
    def starts(self) -> list[tuple[datetime, datetime | None]]:
        """Start and end of the next three."""
        if not self.is_time_known:
            return []
        lasts = timedelta(days=self.days) if self.days else None
        return [(at, at + lasts if lasts else None) for at in islice(self._coming(), SHOWN_STARTS)]

    def _coming(self) -> Iterator[datetime]:
        """The starts from now on, as ``opening`` plans them: the first is held, however late."""
        now, number = timezone.now(), number_begun(self.series) if self.series.pk else 0
        while slot := next_slot(self.series, number):
            number, start = slot
            yield max(start, now)

    @property
    def silence(self) -> str:
        """What comes of what nobody answers."""
        return {
            Silence.KEEP: _("What nobody answers stays as it is."),
            Silence.REMOVE: _("What nobody answers is removed."),
            Silence.APPROVE: _("What nobody answers counts as approved."),
            Silence.RECOMMENDATION: _(
                "What nobody answers follows the recommendation; where there is none it stays as it is."
            ),
        }[Silence(self.series.on_silence)]

    @property
    def at_end(self) -> list[str]:
        """What is carried out, and what stops that."""
        words = (
            _("What is to be removed is removed at the end, by itself.")
            if self.series.applies_itself
            else _("Nothing is removed before whoever leads it has looked at the result and said so.")
        )
        guard = _(
            "Should a role lose more than %(percent)s % of its holders, or fall below its least number, it stops and asks."
        ).replace("%(percent)s %", f"{self.series.most_percent} %")
        return [self.silence, words, guard]

    @property
    def is_risky(self) -> bool:
        """Whether silence alone would take access away with nobody looking."""
        takes = self.series.on_silence in (Silence.REMOVE, Silence.RECOMMENDATION)
        return bool(takes and self.series.applies_itself)


def meaning_of(form: SeriesForm) -> Meaning:
    """What stands in the form, as far as it can be read; of one that was not sent, what is kept."""
    if not form.is_bound:
        return meaning_of_kept(form.series)
    wrong = set(form.errors)
    stages = None if any(set(one.errors) & {"who", "days"} for one in form.stages) else form.wishes()
    return Meaning(
        form.filled(),
        form.shown_roles if form["about"].value() == PICKED else [],
        stages,
        is_about_known=not wrong & ABOUT,
        is_time_known=not wrong & TIMES,
    )


def meaning_of_kept(series: ReviewSeries) -> Meaning:
    """What a series means that was saved; nothing yet of one that nobody has filled in."""
    if not series.pk:
        return Meaning(series, [], None, is_about_known=False, is_time_known=False)
    stages = series.stages.prefetch_related("reviewers__person", "reviewers__group")
    return Meaning(series, list(series.roles.all()), [_kept(stage) for stage in stages])


def _kept(stage: ReviewStage) -> StageWish:
    lines = list(stage.reviewers.all())
    return StageWish(
        who=stage.who,
        days=stage.days,
        moves_on=stage.moves_on,
        reviewers=_named_in(line for line in lines if not line.is_fallback),
        in_turn=_named_in(line for line in lines if line.is_fallback),
    )


def _named_in(lines: Iterable[Reviewer]) -> list[User | Group]:
    named = [line.person or line.group for line in lines]
    return [one for one in named if one is not None]


def _stage_in_words(stage: StageWish, *, of_group: bool) -> Iterator[str]:
    """
    Args:
        of_group: whether the owners of groups are asked first, as ``Panel.asks_group_owners`` has it.
    """
    days = ngettext("%(n)s day", "%(n)s days", stage.days) % {"n": stage.days}
    words = {
        Who.CHOSEN: _("%(who)s, within %(days)s."),
        Who.THEMSELVES: _("Everyone for themselves, within %(days)s."),
        Who.MANAGER: _("The manager of each person, within %(days)s."),
        Who.OWNERS: _("The owners of each role, within %(days)s."),
    }[Who(stage.who)]
    yield words % {"who": _names_of(stage.reviewers), "days": days}
    if of_group:
        yield _("For a group first its owners.")
    if stage.in_turn:
        yield _("Where none of them can: %(who)s, and else whoever leads the review.") % {
            "who": _names_of(stage.in_turn)
        }
    else:
        yield _("Where none of them can: whoever leads the review.")


def _names_of(those: Sequence[User | Group]) -> str:
    """ "Kim, Operations (4 members)": the first few, and how many more."""
    names = [_name_of(one) for one in those[:SHOWN_NAMES]]
    if (more := len(those) - SHOWN_NAMES) > 0:
        names.append(ngettext("%(n)s more", "%(n)s more", more) % {"n": more})
    return ", ".join(names) or _("nobody yet")


def _name_of(one: User | Group) -> str:
    if isinstance(one, User):
        return str(one)
    members = Membership.objects.in_force().filter(
        group=one, kind=Membership.Kind.MEMBER, person__is_active=True
    )
    n = members.count()
    return ngettext("%(group)s (%(n)s member)", "%(group)s (%(n)s members)", n) % {"group": one, "n": n}
