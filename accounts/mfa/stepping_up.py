"""Keeping a form while its sender proves who they are, so that nothing typed is lost."""

from __future__ import annotations

import secrets
from datetime import timedelta

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.http import PortalRequest, page_behind
from accounts.mfa.freshness import StepUpRequired
from accounts.models import StepUp, User

#: how long a step-up may take; afterwards the kept form is still shown, but must be sent again by hand
ANSWERED_WITHIN = timedelta(minutes=10)
KEPT_FOR = timedelta(hours=24)
NEVER_KEPT = frozenset({"csrfmiddlewaretoken", "code", "recovery_code", "passkey"})


def begin_step_up(request: PortalRequest, *, question: StepUpRequired) -> StepUp:
    """Keep the form of an act that waits for a second factor, for this person in this session only."""
    return _keep(
        request,
        person=request.user,
        session=request.actor.session,
        act=question.act,
        minutes=question.minutes,
        methods=sorted(question.methods),
        what_for=question.what_for,
    )


def keep_form(request: HttpRequest, *, person: User) -> StepUp:
    """Keep a form that was sent after the session of ``person`` had lapsed, until they have signed in again."""
    return _keep(
        request,
        person=person,
        session="",
        act="",
        minutes=0,
        what_for=_("What you sent when your session ended"),
    )


def waiting_for(person: User, *, session: str) -> QuerySet[StepUp]:
    """What waits for ``person`` in ``session``; somebody else's, and another session's, is not among it."""
    since = timezone.now() - KEPT_FOR
    return StepUp.objects.filter(person=person, session__in=["", session], created_at__gt=since)


def fields_of(step_up: StepUp) -> list[tuple[str, str]]:
    """Every field as it was sent, one pair for each value."""
    return [(name, value) for name, values in step_up.form.items() for value in values]


def typed_fields(step_up: StepUp) -> list[tuple[str, str]]:
    """What the person would recognise as typed by themselves, with a label."""
    return [
        (name.replace("_", " ").capitalize(), value)
        for name, value in fields_of(step_up)
        if value.strip()
        and not value.isdigit()
        and not name.startswith(
            "set-"
        )  # the many values of role settings: what they come to, the act itself says
        and name
        not in (
            "act",
            "next",
            "idempotency_key",
            "from_list",
            "confirmed",
            "pick",
            "seen",
            "verdict",
            "minutes",
        )
    ]


def is_late(step_up: StepUp) -> bool:
    """Whether the answer took too long for the form to go on by itself."""
    return timezone.now() - step_up.created_at > ANSWERED_WITHIN


def _keep(request: HttpRequest, **said: object) -> StepUp:
    StepUp.objects.filter(created_at__lt=timezone.now() - KEPT_FOR).delete()
    sent = {name: request.POST.getlist(name) for name in request.POST if _may_be_kept(name)}
    path = request.get_full_path()
    return StepUp.objects.create(
        token=secrets.token_urlsafe(32),
        method=StepUp.Method.POST if request.method == "POST" else StepUp.Method.GET,
        path=path if len(path) <= 500 else request.path[:500],
        page=page_behind(request)[:500],
        form=sent,
        **said,
    )


def _may_be_kept(name: str) -> bool:
    return name not in NEVER_KEPT and "password" not in name.lower()
