"""What comes of a request before it is sent: who can decide, in which order, and how long that usually takes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from accounts.wording import worded
from approvals.models import AccessRequest, FrozenApprover
from approvals.permissions import keys_named_for
from approvals.settings.places import Line
from roles.effective import Layers
from roles.models import Approver, Eligibility, Role
from roles.models.stages import ALL
from roles.wording import in_words

NAMED = 5  # people in one line
LATELY = timedelta(days=90)
LOOKED_AT = 50  # decided requests
ENOUGH = 3  # fewer of them say nothing


@dataclass(frozen=True)
class StageAhead:
    """One stage that is still to come.

    Args:
        names: who can decide, as many as fit in a line.
        more: how many others.
        agree: how many must agree, in words; "" where any one is enough.
        later: who may decide as well after a while, in words; "" where nobody.
    """

    names: list[str]
    more: int
    agree: str
    later: str

    def __str__(self) -> str:
        names = ", ".join(self.names) or _("nobody at this moment")
        more = _(" and %(n)s others") % {"n": self.more} if self.more else ""
        return f"{names}{more}{f' ({self.agree})' if self.agree else ''}{f'; {self.later}' if self.later else ''}"


def stages_ahead(eligibility: Eligibility, person: User, layers: Layers) -> list[StageAhead]:
    """The stages a request of ``person`` would go through. One query for the lines, two for each stage at most."""
    lines = layers.approvers() or [Approver(kind=FrozenApprover.ADMINISTRATORS)]
    asked = AccessRequest(holder=person, requester=person, role=eligibility.role, scope=eligibility.scope)
    ahead = []
    for number, stage in enumerate(layers.stages(lines), 1):
        here = [line for line in lines if line.stage == number]
        names = names_for(asked, [line for line in here if not line.is_escalation])
        later = names_for(asked, [line for line in here if line.is_escalation])
        agree = ""
        if stage.quorum == ALL:
            agree = _("all of them must approve") if len(names) > 1 else ""
        elif stage.quorum > 1:
            agree = _("%(n)s of them must approve") % {"n": stage.quorum}
        said = ""
        if later and stage.escalate_after is not None:
            said = _("after %(time)s also %(who)s") % {
                "time": in_words(stage.escalate_after),
                "who": ", ".join(later[:NAMED]),
            }
        ahead.append(StageAhead(names[:NAMED], max(0, len(names) - NAMED), agree, said))
    return ahead


def names_for(access_request: AccessRequest, lines: list[Approver]) -> list[str]:
    """Who of ``lines`` can decide on a request: nobody who asks for themselves, nobody who cannot sign in."""
    if not lines:
        return []
    named = User.objects.filter(pk__in=keys_named_for(access_request, map(Line.of, lines)), is_active=True)
    asking = access_request.holder
    return [str(one) for one in named if asking is None or not one.is_same_human_as(asking)]


def usual_wait(role: Role) -> timedelta | None:
    """How long, in the middle, decisions on ``role`` took in the last 90 days; None when there are too few to say."""
    times = worded(_times_of, role.pk, timezone.now() - LATELY)
    waits = [(closed - asked).total_seconds() for asked, closed in times if closed]
    return timedelta(seconds=median(waits)) if len(waits) >= ENOUGH else None


def _times_of(role: int, since: datetime) -> QuerySet[AccessRequest, Any]:
    decided = AccessRequest.objects.filter(
        role=role,
        act=AccessRequest.Act.ACTIVATE,
        decisions__isnull=False,
        created_at__gt=since,
        closed_at__isnull=False,
    )
    return decided.order_by("-created_at").values_list("created_at", "closed_at").distinct()[:LOOKED_AT]


def wait_in_words(role: Role) -> str:
    """The same, for a sentence; "" when there are too few to say."""
    wait = usual_wait(role)
    if wait is None:
        return ""
    minutes = max(1, round(wait.total_seconds() / 60))
    return _("usually answered within %(time)s") % {"time": in_words(minutes)}
