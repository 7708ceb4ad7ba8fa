"""What is to be done by hand: the list, and one task with what exactly to do."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts.duties import READERS, ROLE_ADMINISTRATORS, holds
from accounts.http import PortalRequest
from accounts.models import User
from accounts.paging import page_of
from audit.journal.refusing import Refused
from roles.doing_by_hand import check_may_answer, concerns, confirm_task, people_asked, refuse_task
from roles.hand_forms import DONE, HandTaskForm
from roles.models import HandTask
from roles.models.hand_task import HandTasks
from roles.permissions import OWN, READ, REVIEW, roles_of

ROWS = 25  # on a page
RELATED = ("role__directory", "scope", "person", "done_by")


@require_safe
def tasks(request: PortalRequest) -> HttpResponse:
    """What waits, rights that should be gone first, and what is settled."""
    visible = tasks_seen_by(request.user)
    if not holds(request.user, *READERS) and not visible.exists():
        raise Http404
    waiting = visible.waiting().select_related(*RELATED).order_by("-act", "asked_at", "pk")
    settled = visible.exclude(pk__in=visible.waiting().values("pk"))
    context = {
        "waiting": waiting,
        "late": sum(one.is_late for one in waiting),
        "page": page_of(request.GET, settled, by=("-asked_at", "-pk"), rows=ROWS, related=RELATED),
    }
    return render(request, "roles/tasks.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def task(request: PortalRequest, pk: int) -> HttpResponse:
    """One task, and the answer to it."""
    shown = get_object_or_404(tasks_seen_by(request.user).select_related(*RELATED), pk=pk)
    form = HandTaskForm(request.POST if request.method == "POST" else None)
    if request.method != "POST":
        return page(request, shown, form)
    check_may_answer(shown, request.actor)
    if form.is_valid():
        verb = confirm_task if form.cleaned_data["answer"] == DONE else refuse_task
        try:
            verb(shown, actor=request.actor, note=form.cleaned_data["note"])
        except Refused as refused:
            form.refuse(refused)
        else:
            messages.success(request, said_of(shown))
            return redirect("task", pk)
    shown = get_object_or_404(HandTask.objects.select_related(*RELATED), pk=pk)
    return page(request, shown, form)


def said_of(task: HandTask) -> str:
    """The answer to the button."""
    if task.status == HandTask.Status.DONE:
        return _("Thank you. The portal goes on from here.")
    return _("It is written down that this could not be done.")


def page(request: PortalRequest, shown: HandTask, form: HandTaskForm) -> HttpResponse:
    """The page of one task.

    Args:
        form: as it was sent, or empty.
    """
    may = may_answer(request.user, shown)
    context: dict[str, Any] = {
        "task": shown,
        "form": form if may and shown.is_waiting else None,
        "problems_of": form if form.errors else None,
        "about_me": concerns(shown, request.user),
        "asked": people_asked(shown) if shown.is_waiting else [],
        "until": shown.until() if shown.act == HandTask.Act.GIVE and shown.is_waiting else None,
    }
    return render(request, "roles/task.html", context, status=form.status)


def tasks_seen_by(person: User) -> HandTasks:
    """The tasks ``person`` may look at: all by a duty, else those of the roles they have a part in."""
    if holds(person, *READERS):
        return HandTask.objects.all()
    return HandTask.objects.filter(role__in=roles_of(person, OWN, REVIEW, READ))


def may_answer(person: User, task: HandTask) -> bool:
    """Whether ``person`` may say what came of it."""
    if concerns(task, person):
        return False
    return holds(person, *ROLE_ADMINISTRATORS) or roles_of(person, OWN).filter(pk=task.role_id).exists()
