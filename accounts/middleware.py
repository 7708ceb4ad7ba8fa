"""Who acts on every request, who may see a page at all, and for how long a sign-in lasts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django_otp.middleware import is_verified

from accounts.http import PortalRequest, actor_of, is_signed_in, page_behind
from accounts.mfa.stepping_up import keep_form
from accounts.models import User
from accounts.sessions import note_use, session_is_over

GetResponse = Callable[[HttpRequest], HttpResponse]


class ActorMiddleware:
    """Sets ``request.actor``, and the person's time zone while their page is made."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: PortalRequest) -> HttpResponse:
        request.actor = actor_of(request)
        with timezone.override(request.user.zone if is_signed_in(request) else None):
            return self.get_response(request)


class SessionLimitsMiddleware:
    """Every page asks for a sign-in with both factors; a sign-in ends after its time; nothing of it stays in caches.

    Pages that anybody may open carry Django's ``login_not_required``. Somebody who has given a password only, or whose
    factor was taken away since, is nobody here: there is no half signed-in person for a view to forget about.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: PortalRequest) -> HttpResponse:
        request.lapsed = end_if_over(request)  # type: ignore[attr-defined]
        if is_signed_in(request):
            note_use(request)
        response = self.get_response(request)
        response["Cache-Control"] = "no-store, private"
        return response

    def process_view(self, request: PortalRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        if is_signed_in(request) or not getattr(view, "login_required", True):
            return None
        return to_sign_in(request)


def end_if_over(request: PortalRequest) -> User | None:
    """End the session when its time is over or its second factor is gone.

    Returns:
        Whose session was ended, or None.
    """
    person = request.user
    if not is_signed_in(request) or (is_verified(person) and not session_is_over(request)):
        return None
    request.session.flush()
    request.user = AnonymousUser()  # type: ignore[assignment]
    request.actor = actor_of(request)
    return person


def to_sign_in(request: PortalRequest) -> HttpResponse:
    """Lead to the sign-in page and back again afterwards. What was sent after a session had lapsed is kept meanwhile."""
    behind = page_behind(request)
    lapsed: User | None = getattr(request, "lapsed", None)
    if lapsed is not None:
        messages.info(request, _("Your session ended. Sign in again to go on."))
        if request.method == "POST":
            behind = reverse("step_up", args=[keep_form(request, person=lapsed).token])
    address = f"{reverse('sign_in')}?{urlencode({'next': behind})}"
    if request.headers.get("HX-Request"):
        return HttpResponse(status=401, headers={"HX-Redirect": address})
    return redirect(address)
