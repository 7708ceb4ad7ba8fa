"""Who approves each other's requests, for those who read the journal."""

from __future__ import annotations

from django import forms
from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy
from django.views.decorators.http import require_safe

from accounts.duties import PEOPLE_ADMINISTRATORS
from accounts.http import PortalRequest
from approvals.mutual import DAYS, mutual_pairs, shared_numbers
from approvals.viewing import require_sight, viewer_of

SHOWN = 200  # pairs, and humans with several accounts
SPANS = (30, DAYS, 365)


class MutualFilter(forms.Form):
    """From how many approvals each way on, and how far back. What is no such number counts as the usual."""

    least = forms.IntegerField(label=_("At least, each way"), min_value=1, max_value=1000, required=False)
    days = forms.TypedChoiceField(
        label=_("Looking back"),
        required=False,
        coerce=int,
        choices=[(days, ngettext_lazy("%d day", "%d days", days) % days) for days in SPANS],
    )

    @property
    def wanted(self) -> dict[str, int]:
        """What is asked of the pairs."""
        said = self.cleaned_data if self.is_valid() else {}
        return {"least": said.get("least") or usual(), "days": said.get("days") or DAYS}


def usual() -> int:
    """From how many each way on it is shown, as long as nothing else is asked: as many as raise an alert."""
    least: int = settings.MUTUAL_APPROVALS
    return max(1, least)


@require_safe
def mutual_approvals(request: PortalRequest) -> HttpResponse:
    """The pairs, and the accounts that belong to one human. For people without a duty there is no such page."""
    require_sight(request)
    viewer = viewer_of(request)
    form = MutualFilter(request.GET)
    wanted = form.wanted
    pairs, humans = mutual_pairs(**wanted), shared_numbers()
    context = {
        "form": form,
        "wanted": wanted,
        "spans": form.fields["days"].choices,  # type: ignore[attr-defined]
        "alert_from": settings.MUTUAL_APPROVALS,
        "pairs": pairs[:SHOWN],
        "count": len(pairs),
        "humans": humans[:SHOWN],
        "human_count": len(humans),
        "most": SHOWN,
        "knows_people": not viewer.duties.isdisjoint(PEOPLE_ADMINISTRATORS),
    }
    return render(request, "approvals/mutual_approvals.html", context, status=422 if form.errors else 200)
