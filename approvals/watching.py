"""Watching over how people decide: once a day, whether pairs of them keep approving each other's requests."""

from __future__ import annotations

from celery import shared_task
from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _

from approvals.mutual import DAYS, Pair, mutual_pairs
from audit.alerts.alerting import raise_alert, resolve_alert
from audit.alerts.models import Alert
from audit.journal.actor import PORTAL

KIND = "mutual_approvals"
MOST = 50  # alerts of this kind; the page has the rest


@shared_task(ignore_result=True)
def watch_mutual_approvals() -> None:
    """Raise an alert for each pair at the threshold of the portal's settings, and resolve those that fell below it.

    Of low severity: where few may decide it is what must happen, and a person has to look at it. With a threshold of 0
    there are none.
    """
    least = settings.MUTUAL_APPROVALS
    pairs = mutual_pairs(least=least) if least > 0 else []
    there = {pair.key for pair in pairs}
    for pair in pairs[:MOST]:
        _speak_of(pair, least)
    told = Alert.objects.filter(kind=KIND).exclude(status=Alert.Status.RESOLVED)
    for key in set(told.values_list("key", flat=True)) - there:
        resolve_alert(KIND, key=key, actor=PORTAL)


def _speak_of(pair: Pair, least: int) -> None:
    said = {
        "one": pair.one,
        "other": pair.other,
        "n": pair.one_approved,
        "m": pair.other_approved,
        "days": DAYS,
        "least": least,
    }
    raise_alert(
        KIND,
        key=pair.key,
        severity=Alert.Severity.LOW,
        title=_("%(one)s and %(other)s approve each other’s requests") % said,
        text=_(
            "In the last %(days)s days %(one)s approved %(n)s requests of %(other)s, and %(other)s %(m)s of %(one)s. "
            "From %(least)s each way on it is reported: two who agree need nobody else."
        )
        % said,
        fix=_(
            "Look at what they asked for. Name further approvers in the settings of these roles, a second stage, or two "
            "approvals in a stage. Where nobody else could decide, dismiss this and say so."
        ),
        url=reverse("mutual_approvals"),
        actor=PORTAL,
    )
