"""What is wrong, and who looks after it."""

from __future__ import annotations

from django.db.models import Case, IntegerField, Value, When
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.duties import ALERT_KEEPERS, READERS, holds
from accounts.http import PortalRequest
from accounts.paging import counted, page_of
from audit.alerts.alerting import acknowledge, dismiss, resolve
from audit.alerts.models import Alert
from audit.forms import AlertForm
from audit.journal.refusing import Overtaken, Refused
from audit.models import JournalCheck

ROWS = 25  # on a page
ACTS = ("acknowledge", "resolve", "dismiss")
WHO = ("taken_by", "settled_by")
GRAVITY = Case(
    When(severity="high", then=Value(2)),
    When(severity="medium", then=Value(1)),
    default=Value(0),
    output_field=IntegerField(),
)


@require_safe
def alerts(request: PortalRequest) -> HttpResponse:
    """Open alerts, the worst first; with ``?tab=closed`` those that are settled."""
    if not holds(request.user, *READERS):
        raise Http404
    return alerts_page(request)


@require_POST
def alert_act(request: PortalRequest, pk: int, act: str) -> HttpResponse:
    """Acknowledge, resolve or dismiss one alert. What another keeper did meanwhile is a 409."""
    if act not in ACTS or not holds(request.user, *READERS):
        raise Http404
    alert = get_object_or_404(Alert, pk=pk)
    form = AlertForm(request.POST)
    if not form.is_valid():
        return alerts_page(request, failed=(alert, act, form), status=422)
    said = form.cleaned_data
    if said["status"] and said["status"] != alert.status:
        raise Overtaken(
            _("Somebody was faster: this alert is %s already.") % alert.get_status_display().lower()
        )
    try:
        if act == "dismiss":
            dismiss(alert, actor=request.actor, justification=said["justification"], days=said["days"])
        else:
            verb = acknowledge if act == "acknowledge" else resolve
            verb(alert, actor=request.actor, justification=said["justification"])
    except Refused as refusal:
        if not refusal.field:
            raise
        form.add_error(refusal.field, refusal.message)
        return alerts_page(request, failed=(alert, act, form), status=refusal.status_code)
    return redirect("alerts")


def alerts_page(
    request: PortalRequest, *, failed: tuple[Alert, str, AlertForm] | None = None, status: int = 200
) -> HttpResponse:
    """The page of alerts; ``failed`` is the form that was sent with a mistake, with its alert and act."""
    closed = request.GET.get("tab") == "closed"
    open_ones = Alert.objects.open().annotate(gravity=GRAVITY)
    settled = Alert.objects.exclude(status__in=Alert.WAITING)
    if closed:
        page = page_of(request.GET, settled, by=("-settled_at", "-pk"), rows=ROWS, related=WHO)
    else:
        page = page_of(request.GET, open_ones, by=("-gravity", "-raised_at", "-pk"), rows=ROWS, related=WHO)
    for alert in page:
        of_alert, act, form = failed or (None, "", None)
        if of_alert != alert or form is None:
            act, form = "", AlertForm(initial={"status": alert.status}, auto_id=f"alert_{alert.pk}_%s")
        alert.form, alert.failed_act = form, act
    shown = {
        "alerts": page,
        "page": page,
        "tab": "closed" if closed else "open",
        "open_count": open_ones.count(),
        "closed_count": counted(settled),
        "may_act": holds(request.user, *ALERT_KEEPERS),
        "chain": JournalCheck.objects.filter(pk=1).first(),
    }
    return render(request, "audit/alerts.html", shown, status=status)
