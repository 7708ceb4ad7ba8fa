"""The stages of a request: what the answers given so far come to, who is asked next, and what becomes of it when nobody can answer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import Absence, User
from approvals.closing import fail_request, noun_of
from approvals.models import AccessRequest, Decision, FrozenApprover
from approvals.permissions import approvers_of, named_for
from approvals.settings.locking_out import human_of
from approvals.settings.places import Line
from audit.journal.actor import Actor
from audit.journal.recording import journaled, record
from audit.journal.refusing import Overtaken
from roles.models import Approver
from roles.models.stages import ALL, Stage
from roles.models.values import Audience, IfNobody, Occasion
from roles.telling import tell
from roles.wording import in_words

Verdict = Decision.Verdict


def outcome_of(
    decisions: Iterable[Decision], stage: Stage, *, number: int, everybody: Iterable[set[int]] = ()
) -> str | None:
    """What the decisions made so far come to: deny, approve (of this stage), or None while more are needed.

    One denial is enough, at whatever stage. A stage approves when as many different people as its quorum have, or,
    where it asks all of them, when nobody of them is missing.

    Args:
        decisions: those that are void do not count.
        number: of the stage that waits.
        everybody: for a stage that asks all: for each who is asked, the keys of those whose answer counts for them.
    """
    standing = [decision for decision in decisions if decision.void_at is None]
    if any(decision.verdict == Verdict.DENY for decision in standing):
        return Verdict.DENY
    said = {decision.approver_id for decision in standing if decision.stage == number}
    agreed = all(who & said for who in everybody) if stage.quorum == ALL else len(said) >= stage.quorum
    return Verdict.APPROVE if said and agreed else None


def everybody_asked(access_request: AccessRequest) -> list[set[int]]:
    """For each enabled person whom the present stage names: their key, and the keys of their deputies.

    Who is asked only after a while, and the administrators who decide where nobody can, need not all agree.
    """
    if access_request.present_stage.quorum != ALL:
        return []
    lines = access_request.approver_rule.standing().filter(stage=access_request.stage, is_escalation=False)
    named = [Line.of(line) for line in lines if line.kind != FrozenApprover.ADMINISTRATORS]
    before = access_request.decisions.filter(void_at=None, stage__lt=access_request.stage)
    asked = _free_to_answer(access_request, named, answered=before)
    absences = Absence.objects.in_force().filter(person__in=asked)
    deputies = [(absence.person_id, absence.deputy_id) for absence in absences]
    return [{person.pk} | {deputy for who, deputy in deputies if who == person.pk} for person in asked]


def begin_stage(access_request: AccessRequest, number: int, *, actor: Actor) -> None:
    """Let a stage wait, and ask its approvers. For the verbs that file, decide and change, in their transactions."""
    now = timezone.now()
    access_request.stage, access_request.stage_began_at = number, now
    patience = access_request.present_stage.patience
    access_request.escalates_at = now + patience if patience is not None else None
    access_request.escalated_at = None
    save_quietly(access_request, "stage", "stage_began_at", "escalates_at", "escalated_at")
    if number > 1:
        count = len(access_request.all_stages)
        record(
            f"{noun_of(access_request)}.stage_begun",
            actor=actor,
            subject=access_request,
            detail={"stage": number, "of": count},
            **access_request.journal_context(),
        )
    ask_approvers(access_request, list(approvers_of(access_request)), actor=actor)


def ask_approvers(access_request: AccessRequest, people: Sequence[User], *, actor: Actor) -> None:
    """Tell ``people`` that an answer of theirs is waited for."""
    tell(
        Occasion.ACTIVATION,
        role=access_request.role,
        scope=access_request.scope,
        notices={Audience.APPROVERS: "approvals/approval_asked"},
        people={Audience.APPROVERS: list(people)},
        needed=[Audience.APPROVERS],
        context={"access_request": access_request, "time": in_words(access_request.minutes or 0)},
        url=f"/requests/{access_request.pk}/",
        actor=actor,
        role_settings=access_request.asked_under,
    )


def save_quietly(access_request: AccessRequest, *columns: str) -> None:
    """Save columns that say how far a request is, not what it asks: its history is of its status and its content."""
    access_request.skip_history_when_saving = True  # type: ignore[attr-defined]
    access_request.save(update_fields=columns)
    del access_request.skip_history_when_saving  # type: ignore[attr-defined]


def can_be_decided(access_request: AccessRequest, able: Sequence[User]) -> bool:
    """Whether the present stage can still come to its quorum.

    Args:
        able: who may decide on it now, without those who have.
    """
    said = access_request.decisions.filter(stage=access_request.stage, void_at=None).count()
    needed = max(1, access_request.present_stage.quorum) - said
    if len({human_of(person) for person in able}) >= needed:
        return True
    return len({human_of(person) for person in (*able, *asked_later(access_request))}) >= needed


def asked_later(access_request: AccessRequest) -> list[User]:
    """Who may decide on the present stage once it is late, as long as it is not."""
    if access_request.escalates_at is None or access_request.escalates_at <= timezone.now():
        return []
    lines = access_request.approver_rule.standing().filter(stage=access_request.stage, is_escalation=True)
    answered = access_request.decisions.filter(void_at=None)
    return _free_to_answer(access_request, map(Line.of, lines), answered=answered)


def _free_to_answer(
    access_request: AccessRequest, lines: Iterable[Line], *, answered: QuerySet[Decision]
) -> list[User]:
    """The enabled people whom ``lines`` name, without whoever asks and who gave one of ``answered``: nobody answers twice."""
    out = [who for who in (access_request.holder, access_request.requester) if who is not None]
    out += [decision.approver for decision in answered.select_related("approver")]
    named = User.objects.filter(named_for(access_request, lines), is_active=True).distinct()
    return [person for person in named if not any(person.is_same_human_as(who) for who in out)]


@journaled
def let_administrators_decide(access_request: AccessRequest, *, actor: Actor) -> None:
    """Ask the role administrators as well, because nobody who is named can decide: nobody need have a duty active for that.

    Raises:
        Overtaken: they are asked already.
    """
    _line, made = FrozenApprover.objects.get_or_create(
        access_request=access_request, kind=FrozenApprover.ADMINISTRATORS, stage=access_request.stage
    )
    if not made:
        raise Overtaken
    able = list(approvers_of(access_request))
    if not can_be_decided(access_request, able):  # nobody waits for more people than there are
        said = access_request.decisions.filter(stage=access_request.stage, void_at=None).count()
        stages = list(access_request.stages)
        stages[access_request.stage - 1] = Stage(len({human_of(one) for one in able}) + said or 1).as_json()
        access_request.stages = stages
        save_quietly(access_request, "stages")
    record(
        f"{noun_of(access_request)}.passed_to_administrators",
        actor=actor,
        subject=access_request,
        detail={"stage": access_request.stage},
        **access_request.journal_context(),
    )
    ask_approvers(access_request, able, actor=actor)


@journaled
def escalate_request(access_request: AccessRequest, *, actor: Actor) -> None:
    """Tell those who may decide from now on that a stage was not decided in time.

    Raises:
        Overtaken: they were told, or nothing waits any more.
    """
    current = AccessRequest.objects.select_related("role__directory", "scope", "holder", "requester").get(
        pk=access_request.pk
    )
    if not current.is_open or current.escalates_at is None or current.escalated_at is not None:
        raise Overtaken
    lines = current.approver_rule.standing().filter(stage=current.stage, is_escalation=True)
    further = set(User.objects.filter(named_for(current, map(Line.of, lines))).values_list("pk", flat=True))
    told = [person for person in approvers_of(current) if person.pk in further]
    current.escalated_at = timezone.now()
    save_quietly(current, "escalated_at")
    record(
        f"{noun_of(current)}.escalated",
        actor=actor,
        subject=current,
        detail={"stage": current.stage, "to": [str(person) for person in told]},
        **current.journal_context(),
    )
    ask_approvers(current, told, actor=actor)


def nobody_can_decide(access_request: AccessRequest, *, actor: Actor) -> None:
    """What role settings say of a request on which nobody can decide: the administrators do, it is refused, or it waits.

    Raises:
        Overtaken: it does not wait any more.
    """
    wanted = access_request.asked_under.if_nobody
    if wanted == IfNobody.ADMINISTRATORS:
        let_administrators_decide(access_request, actor=actor)
    elif wanted == IfNobody.REFUSE:
        fail_request(access_request, actor=actor, why=_("Nobody can decide on it any more."))


def frozen_lines(access_request: AccessRequest, approvers: Iterable[Approver]) -> list[FrozenApprover]:
    """The lines of a list of approvers, as they are frozen onto a request; an empty list is the role administrators."""
    return [
        FrozenApprover(
            access_request=access_request,
            source=one,
            kind=one.kind,
            person=one.person,
            group=one.group,
            stage=one.stage,
            is_escalation=one.is_escalation,
        )
        for one in approvers
    ] or [FrozenApprover(access_request=access_request, kind=FrozenApprover.ADMINISTRATORS)]
