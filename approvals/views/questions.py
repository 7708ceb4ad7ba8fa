"""Asking back about a request, and answering."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from accounts.http import PortalRequest
from approvals.asking import answer_question as answer
from approvals.asking import ask_back as ask
from approvals.forms import AnswerForm, QuestionForm
from approvals.views.requests import context_for, request_for
from audit.journal.refusing import Refused


@require_POST
def ask_back(request: PortalRequest, pk: int) -> HttpResponse:
    """Ask whoever made a request something before I decide."""
    access_request = request_for(request.user, pk)
    form = QuestionForm(request.POST)
    if form.is_valid():
        try:
            ask(access_request, actor=request.actor, text=form.cleaned_data["question"])
        except Refused as refused:
            form.show(refused)
        else:
            messages.success(request, _("%(who)s is asked.") % {"who": access_request.requester})
            return redirect("request_page", pk)
    context = context_for(request, access_request, question_form=form)
    return render(request, "approvals/request.html", context, status=422)


@require_POST
def answer_question(request: PortalRequest, pk: int) -> HttpResponse:
    """Answer the question about a request of mine."""
    access_request = request_for(request.user, pk)
    form = AnswerForm(request.POST)
    if form.is_valid():
        said = form.cleaned_data
        try:
            answer(
                access_request,
                actor=request.actor,
                answer=said["answer"],
                justification=said["justification"],
            )
        except Refused as refused:
            form.show(refused)
        else:
            messages.success(request, _("Answered: the approvers are told."))
            return redirect("request_page", pk)
    context = context_for(request, access_request, answer_form=form)
    return render(request, "approvals/request.html", context, status=422)
