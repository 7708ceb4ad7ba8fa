"""Being away: who stands in for me meanwhile, and for whom I stand in. The same for somebody else, for those who look after people."""

from __future__ import annotations

from datetime import MAXYEAR, MINYEAR, date, datetime, time, timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from accounts import standing_in
from accounts.duties import PEOPLE_ADMINISTRATORS, holds
from accounts.forms import PortalForm
from accounts.http import PortalRequest
from accounts.models import Absence, User, canonical_email
from accounts.views import for_people_administrators
from audit.journal.refusing import Refused


class DayField(forms.DateField):
    """A day within the years whose every moment can be told in any zone."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"), **kwargs)

    def to_python(self, value: Any) -> date | None:
        """The day, or None where nothing was filled in.

        Raises:
            ValidationError: it is none.
        """
        day: date | None = super().to_python(value)
        if day is not None and not MINYEAR < day.year < MAXYEAR:
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid")
        return day


class AwayForm(PortalForm):
    """From which day until which, and who stands in."""

    deputy = forms.EmailField(
        label=gettext_lazy("Deputy’s email"),
        max_length=254,
        help_text=gettext_lazy("Who may decide what waits for an approver who is away."),
    )
    starts_at = DayField(label=gettext_lazy("First day"))
    ends_at = DayField(label=gettext_lazy("Last day"))

    def clean_deputy(self) -> User:
        """The person behind the address."""
        found = (
            User.objects.enabled().humans().filter(email=canonical_email(self.cleaned_data["deputy"])).first()
        )
        if found is None:
            raise forms.ValidationError(_("Nobody who can sign in has this email."))
        return found

    def said(self) -> dict[str, Any]:
        """The deputy and the two moments, as the verb takes them: whole days where the person is."""
        days = self.cleaned_data
        zone = timezone.get_current_timezone()
        first = datetime.combine(days["starts_at"], time(), zone)
        last = datetime.combine(days["ends_at"] + timedelta(days=1), time(), zone)
        return {"deputy": days["deputy"], "starts_at": first, "ends_at": last}


@require_http_methods(["GET", "HEAD", "POST"])
def away(request: PortalRequest) -> HttpResponse:
    """When I am away, and who stands in for me."""
    return _page(request, request.user, back="away")


@for_people_administrators
@require_http_methods(["GET", "HEAD", "POST"])
def person_away(request: PortalRequest, pk: int) -> HttpResponse:
    """When somebody is away who cannot say so themselves."""
    return _page(request, get_object_or_404(User.objects.humans(), pk=pk), back="person_away")


def _page(request: PortalRequest, person: User, *, back: str) -> HttpResponse:
    form = AwayForm(request.POST or None, initial={"starts_at": timezone.localdate()})
    if request.method == "POST" and form.is_valid():
        try:
            absence = standing_in.name_deputy(person, actor=request.actor, **form.said())
        except Refused as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, _("%(who)s stands in, and is told.") % {"who": absence.deputy})
            return redirect(back, *([person.pk] if back == "person_away" else []))
    coming = Absence.objects.filter(ends_at__gt=timezone.now())
    context = {
        "form": form,
        "person": person,
        "is_me": person.pk == request.user.pk,
        "absences": coming.filter(person=person).select_related("deputy"),
        "standing_in": coming.filter(deputy=person).select_related("person"),
    }
    return render(request, "accounts/away.html", context, status=form.status)


@require_POST
def end_absence(request: PortalRequest, pk: int) -> HttpResponse:
    """Come back early."""
    mine = Absence.objects.select_related("person")
    if not holds(request.user, *PEOPLE_ADMINISTRATORS):
        mine = mine.filter(person=request.user)
    absence = get_object_or_404(mine, pk=pk)
    standing_in.end_absence(absence, actor=request.actor)
    messages.success(request, _("It has ended."))
    return (
        redirect("away")
        if absence.person_id == request.user.pk
        else redirect("person_away", absence.person_id)
    )
