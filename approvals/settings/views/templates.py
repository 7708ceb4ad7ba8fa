"""Templates of role settings: the list, making, changing and forgetting them."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.duties import ROLE_ADMINISTRATORS, holds
from accounts.http import PortalRequest
from approvals.models import SettingsTemplate
from approvals.permissions import roles_managed_by
from approvals.settings.forms import TemplateForm
from approvals.settings.permissions import require_sight, roles_seen_by
from approvals.settings.templating import delete_template, save_template
from approvals.settings.words import EVERYTHING, label_of, value_in_words
from audit.journal.refusing import NotAllowed, Refused


@require_safe
def settings_templates(request: PortalRequest) -> HttpResponse:
    """Every template with what it sets; roles ticked before are carried along."""
    require_sight(request.user)
    keys = [int(key) for key in request.GET.getlist("pick") if key.isdecimal() and len(key) < 19]
    context = {
        "templates": [(one, said_in_words(one)) for one in SettingsTemplate.objects.all()],
        "picks": roles_seen_by(request.user).filter(pk__in=keys).distinct(),
        "may": holds(request.user, *ROLE_ADMINISTRATORS),
        "may_apply": roles_managed_by(request.user).exists(),
    }
    return render(request, "approvals/settings/settings_templates.html", context)


def said_in_words(template: SettingsTemplate) -> list[tuple[str, str]]:
    """What a template sets, in the order of the editor."""
    said = template.said()
    return [(label_of(name), value_in_words(name, said[name])) for name in EVERYTHING if name in said]


@require_http_methods(["GET", "HEAD", "POST"])
def new_settings_template(request: PortalRequest) -> HttpResponse:
    """Make a template."""
    require_sight(request.user)
    return edit_template(request, SettingsTemplate())


@require_http_methods(["GET", "HEAD", "POST"])
def settings_template(request: PortalRequest, pk: int) -> HttpResponse:
    """Change a template. Roles it was applied to stay as they are."""
    require_sight(request.user)
    return edit_template(request, get_object_or_404(SettingsTemplate, pk=pk))


def edit_template(request: PortalRequest, template: SettingsTemplate) -> HttpResponse:
    """Show a template, and save what was sent."""
    if not holds(request.user, *ROLE_ADMINISTRATORS):
        raise NotAllowed
    form = TemplateForm(request.POST or None, template=template)
    title = str(template) if template.pk else ""
    if request.method == "POST" and form.is_valid():
        template.name = form.cleaned_data["name"]
        template.description = form.cleaned_data["description"]
        try:
            save_template(template, actor=request.actor, values=form.values)
        except Refused as refused:
            form.show(refused)
        else:
            words = _("%(name)s is kept. Roles it was applied to stay as they are.")
            messages.success(request, words % {"name": template})
            return redirect("settings_templates")
    context = {"form": form, "template": template, "title": title}
    return render(
        request, "approvals/settings/settings_template.html", context, status=422 if form.errors else 200
    )


@require_POST
def delete_settings_template(request: PortalRequest, pk: int) -> HttpResponse:
    """Forget a template."""
    require_sight(request.user)
    template = get_object_or_404(SettingsTemplate, pk=pk)
    name = str(template)
    delete_template(template, actor=request.actor)
    messages.success(request, _("The template %(name)s is gone; roles stay as they are.") % {"name": name})
    return redirect("settings_templates")
