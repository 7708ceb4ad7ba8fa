"""A refusal that no view has shown beside its form becomes a page that says what is so and what to do."""

from __future__ import annotations

from collections.abc import Callable

from django.core.exceptions import BadRequest, PermissionDenied
from django.db import IntegrityError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from accounts.http import actor_of, is_signed_in, page_behind
from audit.journal.recording import record_refusal
from audit.journal.refusing import NotAllowed, Overtaken, Refused, refusal_in

#: the template for each kind of refusal; the most particular first
PAGES: tuple[tuple[type[Refused], str], ...] = (
    (Overtaken, "409.html"),
    (NotAllowed, "403.html"),
    (Refused, "422.html"),
)
LOOKING = ("GET", "HEAD", "OPTIONS", "TRACE")


class RefusalMiddleware:
    """Answer ``Refused`` with its page and its status: 409 somebody was faster, 403 no duty, 422 not possible.

    A verb has recorded what it refuses. What is refused before a verb is reached is recorded here: an act somebody
    signed in tried on what is not theirs to see, forged fields, the admin site's own refusals, a trigger's. Looking at
    a page that is not there is no act, and a slip beside its field no refusal.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if getattr(exception, "is_a_question", False):
            return None  # a step-up: StepUpMiddleware asks it
        refusal = refusal_of(exception)
        is_act = request.method not in LOOKING and is_signed_in(request)
        if refusal and not refusal.is_recorded and (is_act or isinstance(exception, IntegrityError)):
            page = request.resolver_match.view_name if request.resolver_match else request.path
            record_refusal(page, refusal, actor=actor_of(request))
        if isinstance(exception, IntegrityError | Refused):
            for kind, template in PAGES:
                if isinstance(refusal, kind):
                    said = {"refusal": refusal.message, "back": page_behind(request)}
                    return render(request, template, said, status=refusal.status_code)
        return None


def refusal_of(exception: Exception) -> Refused | None:
    """What an exception says no to, as the journal has it; None where it is a fault and no refusal."""
    match exception:
        case Http404(__context__=Refused(is_recorded=True) as refusal):
            return refusal  # a verb said no, and who asked may not even know of what it is about
        case Refused():
            return exception
        case IntegrityError():
            return refusal_in(exception)
        case Http404():
            return NotAllowed(_("There is no such thing for them."), code="not_found")
        case BadRequest():
            return Refused(str(exception), code="forged")
        case PermissionDenied():
            return NotAllowed(code="not_allowed")
        case _:
            return None
