"""The approver rule of a request, frozen as it was when the request was filed."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from accounts.models import Group
from roles.models import Approver


class FrozenApprovers(models.QuerySet["FrozenApprover"]):
    """Questions about frozen approvers."""

    def standing(self) -> FrozenApprovers:
        """Those that still count: the role settings have the line, and it says what it said."""
        unchanged = Q(
            source__kind=F("kind"), source__stage=F("stage"), source__is_escalation=F("is_escalation")
        )
        for who in ("person", "group"):
            unchanged &= Q(**{f"source__{who}": F(who)}) | Q(**{f"source__{who}": None, who: None})
        always = Q(kind__in=[FrozenApprover.ADMINISTRATORS, FrozenApprover.MANAGERS])
        return self.filter(always | unchanged, struck_at=None)

    def asked(self, at: datetime | None = None) -> FrozenApprovers:
        """Those of the stage that waits; who may answer only after a while, once that is over."""
        late = Q(access_request__escalates_at__lte=at or timezone.now())
        return self.filter(Q(is_escalation=False) | late, stage=F("access_request__stage"))


class FrozenApprover(models.Model):
    """One line of the approver rule as it was when a request was filed.

    The rule stays; people are looked up live. Taking a line out of the role settings takes effect at once: a line
    whose ``source`` is gone, or names somebody else by now, no longer counts, nor one that was struck because another
    list took its place. ADMINISTRATORS is the fallback where the settings name nobody.
    """

    ADMINISTRATORS = "administrators"
    MANAGERS = "managers"  # whoever may assign the role: they decide on extensions and renewals

    access_request = models.ForeignKey(
        "AccessRequest", on_delete=models.CASCADE, related_name="approver_rule"
    )
    source = models.ForeignKey(Approver, null=True, on_delete=models.SET_NULL, related_name="+")
    kind = models.CharField(max_length=16)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    group = models.ForeignKey(Group, null=True, on_delete=models.PROTECT, related_name="+")
    stage = models.PositiveSmallIntegerField(default=1)
    is_escalation = models.BooleanField(default=False)
    struck_at = models.DateTimeField(null=True, help_text="when role settings stopped to name this approver")

    objects = FrozenApprovers.as_manager()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.kind} for {self.access_request}"
