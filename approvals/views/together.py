"""One act for several lines of the list of assignments."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from accounts.http import PortalRequest
from approvals.acting_together import What, act_together, digest_of, looked_at, picked
from approvals.assign_forms import TogetherForm
from approvals.views.assigning import managed_or_refused
from audit.journal.refusing import Refused


@require_http_methods(["GET", "HEAD", "POST"])
def assignments_bulk(request: PortalRequest) -> HttpResponse:
    """First the names and what would happen to them; then all of it, or nothing."""
    roles = managed_or_refused(request)
    form = TogetherForm(request.POST or None)
    found = picked(request.POST.getlist("pick"), roles=roles)
    if request.method != "POST" or not found or request.POST.get("act") not in What.values:
        return redirect("assignments")
    act = request.POST["act"]
    looked = looked_at(found, act=act, actor=request.actor)
    possible = [one for one in looked if not one.why_not]
    if form.is_valid() and form.cleaned_data["confirmed"]:
        said = {name: form.cleaned_data[name] for name in ("justification", "ends_at", "seen")}
        try:
            act_together([one.held for one in possible], actor=request.actor, act=act, **said)
        except Refused as refused:
            form.show(refused)
        else:
            messages.success(request, told(act, len(possible)))
            return redirect("assignments")
    elif not form.errors:
        form = TogetherForm()
    context = {"form": form, "act": act, "looked": looked, "possible": possible}
    context |= {"seen": digest_of([one.held for one in possible]), "what": What(act).label}
    return render(request, "approvals/together.html", context, status=422 if form.errors else 200)


def told(act: str, count: int) -> str:
    """The answer to the button."""
    words = {
        What.SET_END: ngettext("%(n)s has another end.", "%(n)s have another end.", count),
        What.EXTEND: ngettext("%(n)s is extended.", "%(n)s are extended.", count),
        What.MAKE_ELIGIBLE: ngettext(
            "%(n)s is eligible now instead of active.", "%(n)s are eligible now instead of active.", count
        ),
        What.REMOVE: ngettext("%(n)s is taken away.", "%(n)s are taken away.", count),
    }
    return words.get(What(act), _("Done.")) % {"n": count}
