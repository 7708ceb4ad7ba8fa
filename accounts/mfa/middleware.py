"""From a verb that asks for a fresh second factor to the page that asks the person, and back."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from accounts.http import PortalRequest, is_signed_in
from accounts.mfa.freshness import StepUpRequired
from accounts.mfa.stepping_up import begin_step_up


class StepUpMiddleware:
    """Answers ``StepUpRequired``: keeps the form that was sent and leads to the step-up page."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: PortalRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, StepUpRequired) or not is_signed_in(request):
            return None
        address = reverse("step_up", args=[begin_step_up(request, question=exception).token])
        if request.headers.get("HX-Request"):
            return HttpResponse(headers={"HX-Redirect": address})
        return HttpResponse(status=303, headers={"Location": address})
