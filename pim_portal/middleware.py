"""A refusal that no view has shown beside its form becomes a page that says what is so and what to do."""

from __future__ import annotations

from collections.abc import Callable

from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from accounts.http import actor_of, page_behind
from audit.journal.recording import record_refusal
from audit.journal.refusing import NotAllowed, Overtaken, Refused, refusal_in

#: the template for each kind of refusal; the most particular first
PAGES: tuple[tuple[type[Refused], str], ...] = (
    (Overtaken, "409.html"),
    (NotAllowed, "403.html"),
    (Refused, "422.html"),
)


class RefusalMiddleware:
    """Answer ``Refused`` with its page and its status: 409 somebody was faster, 403 no duty, 422 not possible.

    So too what a trigger of the database refuses where no verb stands around it (the admin site); it is recorded here.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if getattr(exception, "is_a_question", False):
            return None  # a step-up: StepUpMiddleware asks it
        if isinstance(exception, IntegrityError) and (refusal := refusal_in(exception)):
            page = request.resolver_match.view_name if request.resolver_match else request.path
            record_refusal(page, refusal, actor=actor_of(request))
            exception = refusal
        for kind, template in PAGES:
            if isinstance(exception, kind):
                said = {"refusal": exception.message, "back": page_behind(request)}
                return render(request, template, said, status=exception.status_code)
        return None
