"""The admin site: for what is edited. Lifecycles and the journal are read-only here and change by their verbs.

Reachable only with a verified second factor and a duty in force; being a superuser means nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn, cast

from django.contrib import admin
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from simple_history.admin import SimpleHistoryAdmin

from accounts.duties import READERS, ROLE_ADMINISTRATORS, holds
from accounts.http import PortalRequest
from accounts.models import Group, Membership, User
from approvals.models import AccessRequest, Decision, SettingsChange, SettingsTemplate
from audit.journal.models import AuditEvent
from audit.journal.recording import delete_as, save_as
from audit.journal.refusing import NotAllowed
from roles.inspecting import alarm_about_risk
from roles.managing import ANSWERS
from roles.models import (
    Account,
    Approver,
    Assignment,
    Directory,
    DirectoryGroupAppointment,
    DirectoryPersonAppointment,
    Eligibility,
    GroupAssignment,
    Risk,
    Role,
    RoleGroupAppointment,
    RolePersonAppointment,
    RoleSettings,
    Scope,
)

if TYPE_CHECKING:  # generic for the type checker alone

    class ModelAdmin(admin.ModelAdmin[Any]): ...

    class TabularInline(admin.TabularInline[Any, Any]): ...

else:
    from django.contrib.admin import ModelAdmin, TabularInline


def may_look(request: HttpRequest) -> bool:
    """Whether the person at the other end holds a duty that reads everything, at this moment."""
    return holds(cast(PortalRequest, request).user, *READERS)


def may_edit(request: HttpRequest) -> bool:
    """Whether they hold one that changes roles, role settings, people and groups."""
    return holds(cast(PortalRequest, request).user, *ROLE_ADMINISTRATORS)


def refuse_oneself(thing: Any, request: HttpRequest) -> None:
    """Nobody gives themselves access: not by joining a group, nor by an account or a part in a role of their own.

    Raises:
        NotAllowed: the row is about whoever is saving it.
    """
    person = getattr(thing, "person", None) or getattr(thing, "user", None)
    if person is not None and person.is_same_human_as(cast(PortalRequest, request).user):
        raise NotAllowed(_("Nobody gives access to themselves."), code="own_request")


class PortalAdminSite(admin.AdminSite):
    """Django's admin site behind the portal's own door."""

    site_header = site_title = "PIM Portal"
    index_title = "What is edited, and what is only looked at"
    enable_nav_sidebar = False

    def has_permission(self, request: HttpRequest) -> bool:
        verified: bool = request.user.is_verified()  # type: ignore[union-attr]  # django-otp's middleware adds it
        return verified and may_look(request)

    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """There is one way to sign in, one to sign out and one to change a password, and none of them is here."""
        raise Http404

    def logout(self, request: HttpRequest, extra_context: Any = None) -> NoReturn:
        """See ``login``."""
        raise Http404

    def password_change(self, request: HttpRequest, extra_context: Any = None) -> NoReturn:
        """See ``login``."""
        raise Http404

    def password_change_done(self, request: HttpRequest, extra_context: Any = None) -> NoReturn:
        """See ``login``."""
        raise Http404


admin_site = PortalAdminSite()


class Versioned(SimpleHistoryAdmin):
    """Something whose earlier versions can be looked at. None is put back here.

    Hiding the button is not enough: the page behind it takes a form from whoever may look, past every rule below.
    """

    def history_form_view(
        self, request: HttpRequest, object_id: str, version_id: str, extra_context: Any = None
    ) -> HttpResponse:
        """One version.

        Raises:
            NotAllowed: a form was sent to it.
        """
        if request.method not in ("GET", "HEAD"):
            raise NotAllowed
        shown: HttpResponse = super().history_form_view(request, object_id, version_id, extra_context)
        return shown


class Edited(ModelAdmin):
    """Something that is edited: saved so that history and journal know who did it. Needs a duty that may."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return may_look(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may_look(request)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may_edit(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may_edit(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may_edit(request)

    def save_model(self, request: HttpRequest, obj: models.Model, form: Any, change: bool) -> None:
        save_as(obj, actor=cast(PortalRequest, request).actor, reason="admin site")

    def delete_model(self, request: HttpRequest, obj: models.Model) -> None:
        delete_as(obj, actor=cast(PortalRequest, request).actor, reason="admin site")

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        for thing in queryset:
            self.delete_model(request, thing)

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        for thing in formset.save(commit=False):
            refuse_oneself(thing, request)
            save_as(thing, actor=cast(PortalRequest, request).actor, reason="admin site")
        for thing in formset.deleted_objects:
            delete_as(thing, actor=cast(PortalRequest, request).actor, reason="admin site")
        formset.save_m2m()

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """The journal holds it; Django's own log would be a second book."""

    log_change = log_addition

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        """See ``log_addition``."""


class ReadOnly(ModelAdmin):
    """Something with a life of its own: seen here, changed by its verbs alone."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return may_look(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may_look(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class EditedInline(TabularInline):
    """Rows that are edited together with what they belong to."""

    extra = 0

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may_look(request)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may_edit(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may_edit(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may_edit(request)


class MembershipInline(EditedInline):
    """Memberships entered by hand. What somebody activated begins and ends with the assignment behind it."""

    model = Membership
    autocomplete_fields = ("person",)
    fields = ("person", "kind", "starts_at", "ends_at")

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).filter(origin=Membership.Origin.DIRECT)


class AccountInline(EditedInline):
    model = Account
    autocomplete_fields = ("person",)


class AppointmentInline(EditedInline):
    """Who owns, reviews and reads it."""

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "permission":
            about = self.model._meta.get_field("content_object").related_model
            kwargs["queryset"] = Permission.objects.filter(
                content_type=ContentType.objects.get_for_model(about),
                codename__in=[name for name, _label in about._meta.permissions],
            )
        return super().formfield_for_foreignkey(db_field, request, **kwargs)


class DirectoryPersonInline(AppointmentInline):
    model = DirectoryPersonAppointment
    autocomplete_fields = ("user",)
    verbose_name_plural = _("Owners, reviewers and readers: people")


class DirectoryGroupInline(AppointmentInline):
    model = DirectoryGroupAppointment
    verbose_name_plural = _("Owners, reviewers and readers: groups")


class RolePersonInline(AppointmentInline):
    model = RolePersonAppointment
    autocomplete_fields = ("user",)
    verbose_name_plural = _("Owners, reviewers and readers: people")


class RoleGroupInline(AppointmentInline):
    model = RoleGroupAppointment
    verbose_name_plural = _("Owners, reviewers and readers: groups")


@admin.register(Directory, site=admin_site)
class DirectoryAdmin(Versioned, Edited):
    list_display = ("name", "kind", "description")
    search_fields = ("name",)
    inlines = (AccountInline, DirectoryPersonInline, DirectoryGroupInline)
    exclude = (
        ANSWERS  # they have a page of their own; so has how it is spoken to, which asks for the secret again
    )
    readonly_fields = ("kind", "connection", "secret")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Role, site=admin_site)
class RoleAdmin(Versioned, Edited):
    list_display = ("name", "directory", "entitlement", "risk")
    list_filter = ("directory", "risk")
    search_fields = ("name", "entitlement")
    inlines = (RolePersonInline, RoleGroupInline)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """What a role is in its directory is fixed once it exists: a grant must not change its meaning.

        How many must always hold it is one of its role settings, which have a page of their own.
        """
        return ("directory", "entitlement", "least_holders") if obj else ("least_holders",)

    def save_model(self, request: HttpRequest, obj: models.Model, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if "risk" in form.changed_data and form.initial.get("risk") == Risk.HIGH and isinstance(obj, Role):
            alarm_about_risk(obj, lowered_by=str(request.user))


@admin.register(RoleSettings, Approver, SettingsChange, SettingsTemplate, site=admin_site)
class RoleSettingsAdmin(Versioned, ReadOnly):
    """Looked at only: they are changed on a page of their own, which knows of inheritance, lock-outs and four eyes."""

    list_display = ("__str__",)


@admin.register(User, site=admin_site)
class UserAdmin(Versioned, Edited):
    """People's details. Inviting, disabling and helping have pages of their own, which ask for more than this form."""

    list_display = ("display_name", "email", "department", "manager", "is_active")
    search_fields = ("display_name", "email")
    fields = (
        "display_name",
        "email",
        "person_key",
        "manager",
        "department",
        "job_title",
        "time_zone",
        "is_active",
    )
    readonly_fields = ("email", "is_active")
    autocomplete_fields = ("manager",)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Not oneself: the personnel number and the manager decide who may approve."""
        return may_edit(request) and obj != request.user

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Group, site=admin_site)
class GroupAdmin(Versioned, Edited):
    list_display = ("name", "description")
    search_fields = ("name",)
    fields = ("name", "description")
    inlines = (MembershipInline,)


@admin.register(Eligibility, Assignment, GroupAssignment, AccessRequest, Decision, Scope, site=admin_site)
class LifeAdmin(Versioned, ReadOnly):
    list_display = ("__str__",)


@admin.register(AuditEvent, site=admin_site)
class AuditEventAdmin(ReadOnly):
    list_display = ("number", "at", "action", "actor_name", "about_name", "directory", "role")
    ordering = ("-number",)
    show_full_result_count = False
