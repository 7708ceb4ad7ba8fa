"""What the timeline of a request tells of its web hook."""

from __future__ import annotations

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from approvals.automatic.models import AutomaticDecision
from approvals.hooks.answering import name_of
from approvals.hooks.models import HookCall
from approvals.models import AccessRequest
from approvals.steps import Step
from roles.models.values import IfSilent


def how_it_was_checked(access_request: AccessRequest) -> list[Step]:
    """That a web hook is asked before anybody else, and what it has answered."""
    if not access_request.asked_under.hook:
        return []
    call = HookCall.objects.select_related("hook").filter(access_request=access_request).first()
    if call is None:
        return []
    call.access_request = access_request
    name = {"hook": name_of(call)}
    if not call.outcome:
        tries = ngettext("%(n)s try so far.", "%(n)s tries so far.", call.attempts) % {"n": call.attempts}
        text = f"{tries} {call.fault}" if call.fault else ""
        return [Step("link", _("%(hook)s is asked") % name, timezone.now(), tone="accent", text=text)]
    asked = Step("link", _("%(hook)s was asked") % name, call.created_at)
    came = {
        HookCall.Outcome.APPROVED: ("check", "ok", _("%(hook)s has nothing against it")),
        HookCall.Outcome.AUTO_APPROVED: ("check", "ok", _("%(hook)s approved")),
        HookCall.Outcome.DENIED: ("x", "bad", _("%(hook)s denied")),
        HookCall.Outcome.SILENT: ("alert", "wait", _("%(hook)s did not answer")),
        HookCall.Outcome.DROPPED: ("minus", "", _("The answer of %(hook)s was not needed any more")),
    }
    icon, tone, title = came[HookCall.Outcome(call.outcome)]
    text = " ".join(call.reasons) if call.outcome != HookCall.Outcome.SILENT else said_of_silence(call)
    return [asked, Step(icon, title % name, call.answered_at, tone=tone, text=text)]


def by_hook(access_request: AccessRequest) -> bool:
    """Whether a web hook has approved it in place of the approvers."""
    if not access_request.asked_under.hook:
        return False
    return AutomaticDecision.objects.filter(access_request=access_request, rule=None).exists()


def said_of_silence(call: HookCall) -> str:
    """Why no answer came, and what role settings make of that."""
    tries = ngettext("After %(n)s try.", "After %(n)s tries.", call.attempts) % {"n": call.attempts}
    goes_on = call.access_request.asked_under.hook_silent == IfSilent.GO_ON
    then = _("The request went on, as role settings say.") if goes_on else _("Role settings refuse it then.")
    return f"{call.fault} {tries} {then}"
