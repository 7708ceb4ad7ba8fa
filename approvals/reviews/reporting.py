"""What a run was about and what came of it, in the words and rows that pages, files and reports share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from django.db.models import Count, Q
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import User
from approvals.reviews.models import AccessReview, ReviewDecision, ReviewItem, ReviewStage, Verdict
from approvals.reviews.series_models import ANSWERS
from audit.journal.models import AuditEvent
from roles.models import Role

#: what a row of results shows of others
RELATED = (
    "review__owner",
    "review__released_by",
    "role__directory",
    "scope",
    "person",
    "group",
    "reviewer",
)
MOST_NAMES = 8
WHOLE_REPORT = 1_000  # rows; of more, those that were denied, and the rest counted by role
MOST_DENIED = 10_000
AT_A_TIME = 1_000
Silence, Done = AccessReview.Silence, ReviewItem.Done
OVER = (AccessReview.Status.CLOSED, AccessReview.Status.STOPPED, AccessReview.Status.APPLIED)


# --- What it is about ---


def roles_named(review: AccessReview) -> list[Role]:
    """The roles that its series named when it began; none where it is about all that a filter meets."""
    if review.opened_at is None:
        return list(review.series.roles.select_related("directory"))
    versions = review.series.history.filter(history_date__lte=review.opened_at)
    then = versions.order_by("-history_date", "-history_id").first()
    if then is None:
        return []
    return [line.role for line in then.roles.select_related("role__directory").order_by("role__name")]


def scope_words(review: AccessReview) -> list[tuple[str, str]]:
    """What it is about, as pairs of a name and words."""
    return [
        (_("Roles"), _role_words(review, roles_named(review))),
        (_("Scope"), str(review.scope) if review.scope else _("Everywhere")),
        (_("Assignments"), str(review.get_what_display())),
        (_("Of"), ", ".join(_holders(review))),
        *([(_("Only"), _idle_words(review.inactive_days))] if review.inactive_days is not None else []),
    ]


def _role_words(review: AccessReview, named: Sequence[Role]) -> str:
    if named:
        return listed(
            [_("%(role)s on %(directory)s") % {"role": one, "directory": one.directory} for one in named]
        )
    said = {"directory": review.directory, "risk": review.get_risk_display()}
    if review.directory and review.risk:
        return _("Every role of %(directory)s with the risk “%(risk)s”") % said
    if review.directory:
        return _("Every role of %(directory)s") % said
    return _("Every role with the risk “%(risk)s”") % said if review.risk else _("Every role")


def _holders(review: AccessReview) -> Iterable[str]:
    if review.of_people:
        yield _("people")
    if review.of_groups:
        yield _("groups")
    if review.of_services:
        yield _("service principals")


def _idle_words(days: int) -> str:
    return ngettext("what was not used for %(n)s day", "what was not used for %(n)s days", days) % {"n": days}


class StageWords(NamedTuple):
    """Who answers at a stage, in words."""

    number: int
    who: str
    days: int
    names: str
    in_turn: str
    hands_on: str


def stages_of(review: AccessReview) -> list[ReviewStage]:
    """Its stages; those of its series as long as it has not begun."""
    rows = review.stages if review.opened_at else review.series.stages
    return list(rows.order_by("number"))


def stage_words(stages: Sequence[ReviewStage]) -> list[StageWords]:
    """Who answers, stage by stage."""
    words = []
    answers = dict(ANSWERS)
    for stage in stages:
        lines = stage.reviewers.filter(role=None).select_related("person", "group").order_by("pk")
        first = [str(one) for one in lines if not one.is_fallback]
        in_turn = [str(one) for one in lines if one.is_fallback]
        is_last = stage.number == len(stages)
        hands_on = (
            "" if is_last else ", ".join(str(answers.get(one, one)) for one in stage.moves_on) or _("All")
        )
        words.append(
            StageWords(
                stage.number,
                str(stage.get_who_display()),
                stage.days,
                listed(first),
                listed(in_turn),
                hands_on,
            )
        )
    return words


def listed(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    if len(names) <= MOST_NAMES:
        return ", ".join(names)
    said = {"names": ", ".join(names[:MOST_NAMES]), "n": len(names) - MOST_NAMES}
    return _("%(names)s and %(n)s more") % said


# --- What came of it ---


class Result(NamedTuple):
    """One row of the results.

    Args:
        said: the outcome; as long as there is none, the last answer.
        by_silence: whether nobody answered, and the outcome comes of that.
        reason: of the last answer.
        applied_by: whoever let it be carried out; "" where there was nothing to carry out.
    """

    item: ReviewItem
    said: str
    by_silence: bool
    reason: str
    applied_by: User | None
    is_applied: bool

    @property
    def said_key(self) -> str:
        """The look of the outcome."""
        return f"verdict.{self.said}"

    @property
    def done_key(self) -> str:
        """The look of what was done."""
        return f"done.{self.item.done}"


def results_of(items: Sequence[ReviewItem]) -> list[Result]:
    """The rows about ``items``, which were read with ``RELATED``. One question more, whatever they are."""
    reasons: dict[int, str] = {}
    keys = [item.pk for item in items]
    for first in range(0, len(keys), AT_A_TIME):
        answers = ReviewDecision.objects.filter(item__in=keys[first : first + AT_A_TIME], void_at=None)
        reasons |= dict(answers.order_by("at", "pk").values_list("item", "justification"))
    rows = []
    for item in items:
        is_over = item.review.status in OVER
        is_applied = item.done in (Done.ENDING, Done.APPLIED, Done.GONE, Done.FAILED)
        rows.append(
            Result(
                item,
                item.outcome if is_over else item.verdict,
                is_over and not item.verdict and bool(item.outcome),
                reasons.get(item.pk, ""),
                item.review.released_by if is_applied else None,
                is_applied,
            )
        )
    return rows


class Report(NamedTuple):
    """The rows of a report.

    Args:
        rows: all, or of a large run those that were denied.
        is_whole: whether it is all of them.
        rest: of those that are not listed: role, how many were kept, and how many nobody decided on.
        is_cut: whether even of those that were denied there are more than are listed.
    """

    rows: list[Result]
    is_whole: bool
    rest: list[tuple[Role, int, int]]
    is_cut: bool


def report_of(review: AccessReview, items: int) -> Report:
    """What a report of ``review`` lists.

    Args:
        items: how many it has.
    """
    column = "outcome" if review.status in OVER else "verdict"
    rows = ReviewItem.objects.filter(review=review).select_related(*RELATED)
    order = ("role__name", "role", "pk")
    if items <= WHOLE_REPORT:
        return Report(results_of(list(rows.order_by(*order))), True, [], False)
    denied = list(rows.filter(**{column: Verdict.DENY}).order_by(*order)[: MOST_DENIED + 1])
    others = review.items.exclude(**{column: Verdict.DENY}).order_by()
    counted = others.values_list("role").annotate(
        kept=Count("pk", filter=Q(**{column: Verdict.APPROVE})),
        rest=Count("pk", filter=~Q(**{column: Verdict.APPROVE})),
    )
    counts = {role: (kept, rest) for role, kept, rest in counted}
    roles = Role.objects.filter(pk__in=counts).select_related("directory").order_by("name", "pk")
    return Report(
        results_of(denied[:MOST_DENIED]),
        False,
        [(role, *counts[role.pk]) for role in roles],
        len(denied) > MOST_DENIED,
    )


def entry_of_end(review: AccessReview) -> AuditEvent | None:
    """The journal's entry about the end of ``review``; its digest stands for everything that went before."""
    return _entry(review, "review.closed", "review.stopped")


def entry_of_release(review: AccessReview) -> AuditEvent | None:
    """The journal's entry about letting it be carried out, with the reason; None where nobody had to."""
    return _entry(review, "review.released")


def _entry(review: AccessReview, *actions: str) -> AuditEvent | None:
    entries = AuditEvent.objects.filter(subject_kind=review._meta.label_lower, subject_key=str(review.pk))
    return entries.filter(action__in=actions).order_by("-number").first()
