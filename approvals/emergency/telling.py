"""Telling of emergency activations: inbox, mail and alert, whatever the notification matrix of the role says."""

from __future__ import annotations

from django.utils.translation import gettext as _

from accounts.models import User
from accounts.notifications.notifying import MOST_PEOPLE, notify, notify_each
from approvals.emergency.models import EmergencyUse
from approvals.emergency.permissions import reviewers_of
from approvals.emergency.skipping import Bypassed
from approvals.models import AccessRequest
from audit.alerts.alerting import raise_alert, resolve_alert
from audit.alerts.models import Alert
from audit.journal.actor import PORTAL, Actor
from audit.journal.plain import one_line
from roles.wording import in_words

USED, NOT_JUSTIFIED = "emergency_used", "emergency_not_justified"  # kinds of alerts


def address_of(use: EmergencyUse) -> str:
    """The path of its page."""
    return f"/emergencies/{use.pk}/"


def tell_those_passed_by(
    use: EmergencyUse, passed: Bypassed, *, canceled: AccessRequest | None, actor: Actor
) -> None:
    """Tell everybody who was skipped or has a duty, and the holder: it may not have been they.

    Args:
        canceled: the request that waited for some of them, if one did.
    """
    reviewers = set(reviewers_of(use).values_list("pk", flat=True))
    skipped = {one.pk for one in passed.skipped}
    context = said_of(use) | {"canceled": canceled}
    notify_each(
        [
            (one, context | {"was_skipped": one.pk in skipped, "may_review": one.pk in reviewers})
            for one in passed.told[:MOST_PEOPLE]
        ],
        notice="approvals/emergency_used",
        url=address_of(use),
        actor=actor,
    )
    notify(
        [use.person], notice="approvals/emergency_yours", context=context, url=address_of(use), actor=actor
    )


def sound_alarm(use: EmergencyUse) -> Alert:
    """Raise the alert that stays until it is reviewed; who keeps alerts was told in words of its own."""
    access_request = use.access_request
    said = {
        "who": use.person,
        "role": access_request.role,
        "directory": access_request.role.directory,
        "time": in_words(access_request.minutes or 0),
        "why": one_line(access_request.justification, most=300),
        "number": access_request.number,
    }
    return raise_alert(
        USED,
        key=f"emergency:{use.pk}",
        severity=Alert.Severity.HIGH,
        title=_("%(who)s activated %(role)s in an emergency, without approval") % said,
        text=_("%(number)s: %(role)s on %(directory)s for %(time)s. Why: %(why)s") % said,
        fix=_("Somebody other than %(who)s has to review it. Until then they cannot do it again.") % said,
        url=address_of(use),
        directory=access_request.role.directory.name,
        tell=(),
        actor=PORTAL,
    )


def settle_alarm(use: EmergencyUse, *, actor: Actor) -> None:
    """Resolve the alert of what was reviewed; raise another where it was found not justified."""
    resolve_alert(USED, key=f"emergency:{use.pk}", actor=actor)
    if use.finding == EmergencyUse.Finding.NOT_JUSTIFIED:
        said = {"who": use.person, "role": use.access_request.role, "reviewer": use.reviewer}
        raise_alert(
            NOT_JUSTIFIED,
            key=f"emergency:{use.pk}",
            severity=Alert.Severity.HIGH,
            title=_("An emergency activation of %(role)s by %(who)s was found not justified") % said,
            text=_("%(reviewer)s reviewed it: %(words)s")
            % (said | {"words": one_line(use.review, most=300)}),
            fix=_("Speak with %(who)s, and ask whether they should go on being eligible for %(role)s.")
            % said,
            url=address_of(use),
            directory=use.access_request.role.directory.name,
            actor=actor,
        )


def tell_holder_of_review(use: EmergencyUse, *, actor: Actor) -> None:
    """Tell whose it was what was found."""
    notify(
        [use.person],
        notice="approvals/emergency_reviewed",
        context=said_of(use),
        url=address_of(use),
        actor=actor,
    )


def remind(use: EmergencyUse, reviewers: list[User]) -> None:
    """Tell those who may review it that nobody has."""
    notify(
        reviewers,
        notice="approvals/emergency_unreviewed",
        context=said_of(use),
        url=address_of(use),
        actor=PORTAL,
    )


def said_of(use: EmergencyUse) -> dict[str, object]:
    """What the notices speak of."""
    access_request = use.access_request
    return {
        "use": use,
        "access_request": access_request,
        "assignment": access_request.assignment,
        "time": in_words(access_request.minutes or 0),
        "is_justified": use.finding == EmergencyUse.Finding.JUSTIFIED,
    }
