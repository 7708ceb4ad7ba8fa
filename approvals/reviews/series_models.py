"""What is reviewed, how often and by whom.

A run copies the terms of its series when it opens, so that changing the series changes the runs to come alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from accounts.models import Group
from roles.models import Directory, Risk, Role, Scope

LONGEST_TEXT = 2_000


class Verdict(models.TextChoices):
    """What a reviewer answers."""

    APPROVE = "approve", _("Keep")
    DENY = "deny", _("Remove")
    UNKNOWN = "unknown", _("Don’t know")


NOT_ANSWERED = "none"  # beside the verdicts, where somebody chooses among what may have been said
ANSWERS = [*Verdict.choices, (NOT_ANSWERED, _("Not answered"))]


def kept_as(answers: Iterable[str]) -> list[str]:
    """Those of ``ANSWERS`` as items keep them: nothing where nobody answered."""
    return ["" if one == NOT_ANSWERED else one for one in answers]


class Terms(models.Model):
    """What a series says and each of its runs keeps."""

    class What(models.TextChoices):
        ELIGIBLE = "eligible", _("Eligible assignments")
        ACTIVE = "active", _("Active assignments")
        ALL = "all", _("Both")

    class Silence(models.TextChoices):
        KEEP = "keep", _("Change nothing")
        REMOVE = "remove", _("Remove access")
        APPROVE = "approve", _("Approve access")
        RECOMMENDATION = "recommendation", _("Follow the recommendation")

    name = models.CharField(_("Name"), max_length=150)
    description = models.TextField(_("What it is for"), blank=True, max_length=LONGEST_TEXT)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("Owner"), on_delete=models.PROTECT, related_name="+"
    )
    directory = models.ForeignKey(
        Directory,
        verbose_name=_("Directory"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
    )
    risk = models.CharField(_("Risk"), max_length=10, choices=Risk.choices, blank=True)
    scope = models.ForeignKey(
        Scope, verbose_name=_("Scope"), null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    what = models.CharField(_("Assignments"), max_length=10, choices=What.choices, default=What.ALL)
    of_people = models.BooleanField(_("People"), default=True)
    of_groups = models.BooleanField(_("Groups"), default=True)
    of_services = models.BooleanField(_("Service principals"), default=False)
    inactive_days = models.PositiveSmallIntegerField(
        _("Only who has not used it for so many days"), null=True, blank=True
    )
    recommends = models.BooleanField(_("Recommend an answer"), default=True)
    look_back_days = models.PositiveSmallIntegerField(_("Days that a recommendation looks back"), default=30)
    why_on_approval = models.BooleanField(_("Ask for a reason to keep"), default=True)
    own_allowed = models.BooleanField(_("People may review their own access"), default=False)
    on_silence = models.CharField(
        _("When nobody answers"), max_length=16, choices=Silence.choices, default=Silence.KEEP
    )
    most_percent = models.PositiveSmallIntegerField(
        _("Ask before more than this share of a role’s holders loses it"), default=50
    )
    applies_itself = models.BooleanField(_("Carry out by itself"), default=False)
    reminds = models.BooleanField(_("Remind reviewers"), default=True)
    extra_text = models.TextField(_("In the invitation"), blank=True, max_length=LONGEST_TEXT)

    class Meta:
        abstract = True

    def terms(self) -> dict[str, Any]:
        """All of these fields by name, as another of them takes them."""
        return {field.attname: getattr(self, field.attname) for field in Terms._meta.local_fields}


class ReviewSeries(Terms):
    """What is reviewed, how often and by whom. Without lines in ``roles`` it is every role that its filter meets."""

    class Frequency(models.TextChoices):
        ONCE = "once", _("Once")
        WEEKLY = "weekly", _("Weekly")
        MONTHLY = "monthly", _("Monthly")
        QUARTERLY = "quarterly", _("Quarterly")
        HALF_YEARLY = "half_yearly", _("Every half year")
        YEARLY = "yearly", _("Yearly")

    roles = models.ManyToManyField(Role, verbose_name=_("Roles"), related_name="+", blank=True)
    told = models.ManyToManyField(
        settings.AUTH_USER_MODEL, verbose_name=_("Told of the result"), related_name="+", blank=True
    )
    told_groups = models.ManyToManyField(
        Group, verbose_name=_("Groups told of the result"), related_name="+", blank=True
    )
    frequency = models.CharField(
        _("How often"), max_length=12, choices=Frequency.choices, default=Frequency.ONCE
    )
    starts_at = models.DateTimeField(_("First start"), default=timezone.now)
    begun_before = models.PositiveSmallIntegerField(
        default=0, editable=False, help_text="the runs that had begun when the first start was last changed"
    )
    until = models.DateTimeField(_("No run starts after"), null=True, blank=True)
    times = models.PositiveSmallIntegerField(_("Number of runs"), null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, editable=False, help_text="the record of its runs stays")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    history = HistoricalRecords(m2m_fields=[roles, told, told_groups])

    class Meta:
        ordering = ["name", "pk"]
        default_permissions = ()
        verbose_name_plural = "review series"

    def __str__(self) -> str:
        return self.name


class ReviewStage(models.Model):
    """Who answers, one after the other: for a series, or as a run has copied it."""

    class Who(models.TextChoices):
        CHOSEN = "chosen", _("Chosen reviewers")
        THEMSELVES = "themselves", _("Everyone for themselves")
        MANAGER = "manager", _("Their manager")
        OWNERS = "owners", _("Owners of the role")

    series = models.ForeignKey(ReviewSeries, null=True, on_delete=models.CASCADE, related_name="stages")
    review = models.ForeignKey("AccessReview", null=True, on_delete=models.PROTECT, related_name="stages")
    number = models.PositiveSmallIntegerField(default=1)
    who = models.CharField(_("Reviewers"), max_length=12, choices=Who.choices, default=Who.CHOSEN)
    days = models.PositiveSmallIntegerField(_("Days"), default=14)
    moves_on = models.JSONField(
        default=list, help_text="the answers that the next stage looks at again; empty is all"
    )

    class Meta:
        ordering = ["number"]
        default_permissions = ()
        constraints = [
            models.CheckConstraint(
                condition=Q(series__isnull=False, review__isnull=True)
                | Q(series__isnull=True, review__isnull=False),
                name="review_stage_is_of_one",
            ),
            models.CheckConstraint(condition=Q(number__gte=1, number__lte=3), name="review_has_three_stages"),
            models.CheckConstraint(condition=Q(days__gte=1), name="review_stage_lasts_a_day"),
            models.UniqueConstraint(fields=["series", "number"], name="one_review_stage_of_a_series"),
            models.UniqueConstraint(fields=["review", "number"], name="one_review_stage_of_a_run"),
        ]

    def __str__(self) -> str:
        return f"{self.number}: {self.get_who_display()}"


class Reviewer(models.Model):
    """Who answers at a stage: a person, or the members of a group; for one role alone where ``role`` says so."""

    stage = models.ForeignKey(ReviewStage, on_delete=models.CASCADE, related_name="reviewers")
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    group = models.ForeignKey(Group, null=True, on_delete=models.PROTECT, related_name="+")
    role = models.ForeignKey(
        Role,
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="whose owner they were at the start",
    )
    is_fallback = models.BooleanField(default=False)

    class Meta:
        default_permissions = ()
        constraints = [
            models.CheckConstraint(
                condition=Q(person__isnull=False, group__isnull=True)
                | Q(person__isnull=True, group__isnull=False),
                name="reviewer_is_one_principal",
            )
        ]

    def __str__(self) -> str:
        return str(self.person or self.group)
