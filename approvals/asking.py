"""Asking back: an approver wants to know something before they answer, and who asked for the role tells them."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.notifications.notifying import notify
from approvals.closing import check_waits, noun_of
from approvals.content import content_digest
from approvals.models import AccessRequest, Question
from approvals.permissions import approvers_of, check_may_decide
from approvals.staging import begin_stage, save_quietly
from audit.journal.actor import Actor
from audit.journal.lifecycle import move_to
from audit.journal.plain import storable
from audit.journal.recording import journaled, record, save_as
from audit.journal.refusing import NotAllowed, Overtaken, Refused
from roles.requirements import LONGEST_JUSTIFICATION

Status = AccessRequest.Status
#: an unanswered question stops the clock no longer than this
STOPPED_AT_MOST = timedelta(days=14)


@journaled
def ask_back(access_request: AccessRequest, *, actor: Actor, text: str) -> Question:
    """Ask whoever made a request something before deciding on it. Where its settings say so, the clock stops meanwhile.

    Raises:
        NotAllowed: one's own request, or one may not decide on it.
        Overtaken: it does not wait any more.
        Refused: no question, one that is too long, or another one is open.
    """
    current = _waiting(access_request)
    check_may_decide(actor.person, current)
    said = _said(text, empty=_("Ask something."), field="question")
    if current.status == Status.ASKED_BACK:
        raise Refused(_("A question is open already. Wait for the answer, or decide."), field="question")
    now = timezone.now()
    question = Question(access_request=current, asker=actor.person, text=said, at=now)
    if current.asked_under.asking_stops_clock:
        question.seconds_left = int((current.deadline - now).total_seconds())
        current.deadline = now + STOPPED_AT_MOST
        save_quietly(current, "deadline")
    question.save()
    noun = noun_of(current)
    move_to(current, Status.ASKED_BACK, actor=actor, action=f"{noun}.asked_back", justification=said)
    _tell(current, question, "approvals/asked_back", actor=actor)
    return question


@journaled
def answer_question(
    access_request: AccessRequest, *, actor: Actor, answer: str, justification: str | None = None
) -> Question:
    """Answer the open question about a request of one's own. The clock goes on.

    Args:
        justification: where the request shall say another one. What is asked is then something else: the decisions
            made so far are void, and it begins at its first stage again.

    Raises:
        NotAllowed: somebody else's request.
        Overtaken: it does not wait any more, or the question was answered already.
        Refused: no answer, or one that is too long.
    """
    current = _waiting(access_request)
    mine = (current.requester_id, current.holder_id)
    if actor.person is None or actor.person.pk not in mine:
        raise NotAllowed(_("Only who asked for the role may answer."))
    question = current.questions.filter(answered_at=None).select_related("asker").first()
    if question is None:
        raise Overtaken(_("There is no open question about %(number)s.") % {"number": current.number})
    now = timezone.now()
    question.answer = _said(answer, empty=_("Answer the question."), field="answer")
    question.answerer, question.answered_at = actor.person, now
    question.save(update_fields=["answer", "answerer", "answered_at"])
    if question.seconds_left is not None:
        current.deadline = now + timedelta(seconds=question.seconds_left)
        if current.escalates_at is not None and current.escalates_at > question.at:
            current.escalates_at += now - question.at
        save_quietly(current, "deadline", "escalates_at")
    move_to(current, Status.PENDING, actor=actor, action=f"{noun_of(current)}.answered",
            justification=question.answer)  # fmt: skip
    _tell(current, question, "approvals/answered", actor=actor)
    if justification is not None and justification.strip() != current.justification:
        change_content(current, justification=justification, actor=actor)
    return question


def change_content(access_request: AccessRequest, *, justification: str, actor: Actor) -> None:
    """Let a waiting request say another justification, and begin anew: what was decided was decided on something else.

    Raises:
        Refused: no justification, or one that is too long.
    """
    said = _said(justification, empty=_("Say why."), field="justification")
    before = access_request.digest
    access_request.justification = said
    access_request.digest = content_digest(access_request)
    save_as(access_request, actor=actor, reason=_("Changed by who asked"))
    void = access_request.decisions.filter(void_at=None)
    count = void.update(void_at=timezone.now(), void_why=_("What is asked was changed afterwards."))
    record(
        f"{noun_of(access_request)}.changed",
        actor=actor,
        subject=access_request,
        justification=said,
        detail={"content": access_request.digest, "before": before, "void_decisions": count},
        **access_request.journal_context(),
    )
    if access_request.stage > 1 or count:
        begin_stage(access_request, 1, actor=actor)


def _waiting(access_request: AccessRequest) -> AccessRequest:
    """The request as it is now, while it waits.

    Raises:
        Overtaken: it does not.
    """
    current = AccessRequest.objects.locked(access_request)
    check_waits(current)
    return current


def _said(text: str, *, empty: str, field: str) -> str:
    said = storable(text.strip())
    if not said:
        raise Refused(empty, field=field)
    if len(said) > LONGEST_JUSTIFICATION:
        raise Refused(
            _("At most %(n)s characters fit here.") % {"n": LONGEST_JUSTIFICATION},
            field=field,
        )
    return said


def _tell(access_request: AccessRequest, question: Question, notice: str, *, actor: Actor) -> None:
    """Tell the other side: who asked for the role of a question, the approvers of an answer."""
    mine = [who for who in (access_request.requester, access_request.holder) if who is not None]
    people = [*approvers_of(access_request), question.asker] if question.answered_at else mine
    notify(
        people,
        notice=notice,
        context={"access_request": access_request, "question": question},
        url=f"/requests/{access_request.pk}/",
        actor=actor,
    )
