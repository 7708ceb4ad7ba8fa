"""What happened to a request, what happens now, and what will happen by itself."""

from __future__ import annotations

from django.utils import timezone
from django.utils.dateformat import format as dated
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from approvals.hooks.story import by_hook, how_it_was_checked
from approvals.models import (
    AccessRequest,
    AutomaticDecision,
    AutomaticRule,
    Decision,
    EmergencyUse,
)
from approvals.permissions import approvers_of
from approvals.steps import Step
from roles.models import Assignment
from roles.models.stages import ALL
from roles.wording import in_words

Act, Status = AccessRequest.Act, AccessRequest.Status


def steps_of(access_request: AccessRequest) -> list[Step]:
    """The whole timeline, oldest first, what is to come at the end."""
    return [
        *how_it_was_asked(access_request),
        *how_it_was_checked(access_request),
        *how_it_was_asked_back(access_request),
        *how_it_was_decided(access_request),
        *(how_it_was_carried_out(access_request.assignment) if carries(access_request) else []),
        *how_it_was_reviewed(access_request),
    ]


def carries(access_request: AccessRequest) -> bool:
    """Whether the life of the assignment belongs to this request's story."""
    return access_request.assignment is not None and access_request.act in (Act.ACTIVATE, Act.ASSIGN)


def how_it_was_asked(access_request: AccessRequest) -> list[Step]:
    """Who asked, how they proved themselves, who was told."""
    asks = access_request.requester_id is not None and access_request.requester_id == access_request.holder_id
    words = {
        Act.ACTIVATE: _("%(who)s asked for %(time)s"),
        Act.DEACTIVATE: _("%(who)s gave the role back"),
        Act.PROLONG: _("%(who)s asked for %(time)s more"),
        Act.ASSIGN: _("%(who)s assigned the role"),
        Act.REMOVE: _("%(who)s removed the role"),
        Act.UPDATE: _("%(who)s changed what was given"),
        Act.EXTEND: _("%(who)s asked for it to be extended") if asks else _("%(who)s extended it"),
        Act.RENEW: _("%(who)s asked for it to be renewed") if asks else _("%(who)s renewed it"),
    }
    said = {"who": access_request.requester or _("The portal"), "time": in_words(access_request.minutes or 0)}
    text = (
        _("Ticket %(ticket)s") % {"ticket": access_request.ticket_in_words} if access_request.ticket else ""
    )
    title = words[Act(access_request.act)] % said
    steps = [Step("send", title, access_request.created_at, text=text, quote=access_request.justification)]
    if use := access_request.factor_use:
        where = _(", from %(address)s") % {"address": use.address} if use.address else ""
        steps.append(
            Step("shield-check", _("Second factor verified"), use.at, tone="ok", text=f"{use}{where}")
        )
    if access_request.is_open and not access_request.is_checking:
        steps.append(who_may_answer(access_request))
    return steps


def stage_in_words(access_request: AccessRequest) -> str:
    """Which stage waits and how many must agree there; "" where any one approver decides it all."""
    stages, stage = access_request.all_stages, access_request.present_stage
    parts = []
    if len(stages) > 1:
        parts.append(_("Stage %(n)s of %(m)s") % {"n": access_request.stage, "m": len(stages)})
    if stage.quorum == ALL:
        parts.append(_("all of them must approve"))
    elif stage.quorum > 1:
        parts.append(_("%(n)s of them must approve") % {"n": stage.quorum})
    return ", ".join(parts)


def who_may_answer(access_request: AccessRequest) -> Step:
    """The approvers, as they are at this moment."""
    names = [str(person) for person in approvers_of(access_request)[:6]]
    title = ngettext("One approver may decide", "%(n)s approvers may decide", len(names)) % {"n": len(names)}
    if len(names) > 5:
        title, names = _("More than five approvers may decide"), names[:5]
    nobody = _("Nobody can decide at this moment; an administrator must name an approver.")
    if stage := stage_in_words(access_request):
        title = f"{stage}: {title[:1].lower()}{title[1:]}" if names else stage
    began = access_request.stage_began_at or access_request.created_at
    return Step("mail", title, began, text=", ".join(names) or nobody)


def how_it_was_asked_back(access_request: AccessRequest) -> list[Step]:
    """The questions of approvers, and the answers."""
    steps = []
    for one in access_request.questions.select_related("asker", "answerer"):
        title = _("%(who)s asked") % {"who": one.asker}
        steps.append(Step("info", title, one.at, tone="wait", quote=one.text))
        if one.answered_at:
            title = _("%(who)s answered") % {"who": one.answerer}
            steps.append(Step("send", title, one.answered_at, quote=one.answer))
    return steps


def how_it_was_decided(access_request: AccessRequest) -> list[Step]:
    """The answers, or the other ways it was closed; what it waits for while it is open."""
    made = access_request.decisions.select_related("approver", "stands_in_for")
    steps = [*rule_steps(access_request), *(decision_step(decision) for decision in made)]
    if access_request.is_checking and access_request.is_open:
        return [Step("clock", _("Lapses by itself"), access_request.deadline, future=True)]
    if access_request.is_open:
        here = Step("hourglass", _("Waits for a decision"), timezone.now(), tone="accent")
        lapse = Step("clock", _("Lapses by itself if nobody decides"), access_request.deadline, future=True)
        return [*steps, here, lapse]
    closed = access_request.closed_at or access_request.deadline
    if access_request.status == Status.CANCELED:
        title = _("%(who)s canceled it") % {"who": access_request.requester}
        steps.append(Step("undo", title, closed, text=access_request.outcome_note))
    elif access_request.status == Status.FAILED:
        steps.append(
            Step("alert", _("No longer possible"), closed, tone="bad", text=access_request.outcome_note)
        )
    elif access_request.status in (Status.TIMED_OUT, *AccessRequest.WAITING):
        steps.append(Step("hourglass", _("Nobody decided in time"), access_request.deadline, tone="wait"))
    elif use := getattr(access_request, "emergency_use", None):
        steps.append(skipped_step(use))
    elif access_request.status == Status.DENIED:
        return steps  # by whom stands above: a person, a rule, or a web hook
    elif access_request.act in (Act.ACTIVATE, Act.PROLONG) and not steps and not by_hook(access_request):
        steps.append(Step("check", _("Approved by the role settings"), closed, tone="ok"))
    return steps


def skipped_step(use: EmergencyUse) -> Step:
    """That approval was skipped, and whose."""
    skipped = ", ".join(use.skipped)
    text = _("Skipped: %(names)s.") % {"names": skipped} if skipped else ""
    return Step(
        "alert", _("Activated in an emergency, without approval"), use.opened_at, tone="bad", text=text
    )


def how_it_was_reviewed(access_request: AccessRequest) -> list[Step]:
    """What was said afterwards of an activation in an emergency; that it has yet to be said."""
    use: EmergencyUse | None = getattr(access_request, "emergency_use", None)
    if use is None:
        return []
    if use.status == EmergencyUse.Status.OPEN:
        text = _("Until then its holder cannot activate anything in an emergency.")
        return [Step("eye", _("Somebody other than the holder reviews it"), text=text, future=True)]
    justified = use.finding == EmergencyUse.Finding.JUSTIFIED
    title = _("%(who)s found it justified") if justified else _("%(who)s found it not justified")
    said = {"who": use.reviewer}
    return [Step("eye", title % said, use.reviewed_at, tone="ok" if justified else "bad", quote=use.review)]


def rule_steps(access_request: AccessRequest) -> list[Step]:
    """That an automatic rule decided, and what there was to see; nothing where none did."""
    if not access_request.asked_under.automatic_rules:
        return []
    decided = AutomaticDecision.objects.filter(access_request=access_request, rule__isnull=False)
    steps = []
    for one in decided.select_related("rule"):
        approved = one.verdict == AutomaticRule.Verdict.APPROVE
        title = (_("Approved by the rule “%(rule)s”") if approved else _("Denied by the rule “%(rule)s”")) % {
            "rule": one.rule
        }
        text = " ".join(str(reason.get("why", "")) for reason in one.says.get("reasons", []))
        icon, tone = ("check", "ok") if approved else ("x", "bad")
        steps.append(Step(icon, title, one.at, tone=tone, text=text))
    return steps


def decision_step(decision: Decision) -> Step:
    """One approver's answer."""
    approved = decision.verdict == Decision.Verdict.APPROVE
    title = (_("%(who)s approved") if approved else _("%(who)s denied")) % {"who": decision.approver}
    if decision.stands_in_for:
        title = _("%(title)s for %(absent)s") % {"title": title, "absent": decision.stands_in_for}
    return Step(
        "check" if approved else "x",
        title,
        decision.at,
        tone="ok" if approved else "bad",
        text=_("Void: %(why)s") % {"why": decision.void_why} if decision.void_at else given_words(decision),
        quote=decision.justification,
    )


def given_words(decision: Decision) -> str:
    """What was given: an extension or renewal as what, an activation for less than was asked for."""
    if decision.given_minutes:
        return _("Shortened to %(time)s.") % {"time": in_words(decision.given_minutes)}
    if not decision.given_kind:
        return ""
    end = decision.given_end
    if decision.given_kind == "eligible":
        said = _("Eligible until %(end)s.") if end else _("Eligible without an end.")
    else:
        said = _("Active until %(end)s.") if end else _("Active without an end.")
    return said % {"end": dated(timezone.localtime(end), "j M Y, H:i") if end else ""}


def how_it_was_carried_out(assignment: Assignment | None) -> list[Step]:
    """What the directory was told and what it answered."""
    if assignment is None:
        return []
    directory = {"directory": assignment.role.directory}
    steps = []
    if assignment.active_since:
        text = _("The directory confirmed it.")
        steps.append(
            Step(
                "check",
                _("In force at %(directory)s") % directory,
                assignment.active_since,
                tone="ok",
                text=text,
            )
        )
    if assignment.status in Assignment.LIVE or assignment.status == Assignment.Status.FAILED:
        return steps + what_goes_on(assignment)
    cause = assignment.get_end_cause_display()
    steps.append(Step("stop", _("Ended: %(cause)s") % {"cause": cause}, assignment.ended_at))
    if assignment.revoked_at:
        gone = _("Gone from %(directory)s, and checked") % directory
        steps.append(Step("lock", gone, assignment.revoked_at, tone="ok"))
    elif assignment.status == Assignment.Status.ENDING:
        steps.append(still_there(assignment))
    return steps


def what_goes_on(assignment: Assignment) -> list[Step]:
    """The present of an assignment that has not ended, and its end to come."""
    now, directory = timezone.now(), {"directory": assignment.role.directory}
    end = assignment.ends_at
    if end is not None and end <= now:
        return [Step("stop", _("Its time was over"), end), still_there(assignment)]
    steps = []
    if assignment.status == Assignment.Status.SCHEDULED:
        steps.append(Step("calendar", _("Starts by itself"), assignment.starts_at, future=True))
    elif assignment.status == Assignment.Status.FAILED:
        text = assignment.last_error
        steps.append(
            Step("alert", _("Not put in force at %(directory)s") % directory, now, tone="bad", text=text)
        )
    elif assignment.status == Assignment.Status.PROVISIONING:
        title = _("Being put in force at %(directory)s") % directory
        steps.append(Step("hourglass", title, now, tone="accent", text=tries_of(assignment)))
    else:
        used = in_words(int((now - assignment.starts_at).total_seconds() // 60))
        steps.append(
            Step("hourglass", _("You are here"), now, tone="accent", text=_("%(t)s used") % {"t": used})
        )
    if end is not None and assignment.status != Assignment.Status.FAILED:
        text = _("The portal removes it in the directory and checks that it is gone.")
        steps.append(Step("lock", _("Taken away by itself"), end, text=text, future=True))
    return steps


def still_there(assignment: Assignment) -> Step:
    """Over here, but the directory has not confirmed yet that it is gone."""
    title = _("Not yet revoked at %(directory)s") % {"directory": assignment.role.directory}
    return Step("hourglass", title, timezone.now(), tone="wait", text=tries_of(assignment))


def tries_of(assignment: Assignment) -> str:
    """How often the directory was asked, and what it answered last."""
    if not assignment.attempts:
        return ""
    tries = ngettext("%(n)s try", "%(n)s tries", assignment.attempts) % {"n": assignment.attempts}
    if not assignment.last_error:
        return _("%(tries)s so far. The portal goes on by itself.") % {"tries": tries}
    return _("%(tries)s so far; the last answer: %(error)s. The portal goes on by itself.") % {
        "tries": tries,
        "error": assignment.last_error.rstrip("."),
    }
