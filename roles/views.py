"""What there is: directories with their roles and scopes, and groups. For those who read everything, and owners."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db.models import Count, F, IntegerField, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts.duties import READERS, ROLE_ADMINISTRATORS, holds
from accounts.http import PortalRequest
from accounts.models import Group, Membership, User
from accounts.paging import page_of
from audit.alerts.models import Alert
from audit.journal.refusing import NotAllowed, Refused
from roles import cataloguing
from roles.connectors.groups import entitlement_of
from roles.forms import AddScopeForm, RenameScopeForm
from roles.managing_views import health_context
from roles.models import (
    Assignment,
    Directory,
    DirectoryGroupAppointment,
    DirectoryPersonAppointment,
    Eligibility,
    GroupAssignment,
    Role,
    Scope,
)
from roles.models.directory import GROUPS_KIND
from roles.nested_groups import roles_of_group
from roles.permissions import directories_read_by, groups_owned_by, may_manage
from roles.reaching import capabilities_of
from roles.scope_tree import tree_of


@require_safe
def directories(request: PortalRequest) -> HttpResponse:
    """Every directory I may look into."""
    shown = directories_read_by(request.user).annotate(
        role_count=count_of(Role.objects.all(), "directory"),
        scope_count=count_of(Scope.objects.filter(parent__isnull=False), "directory"),
    )
    if not shown and not holds(request.user, *READERS):
        raise Http404
    troubled = Alert.objects.open().filter(key__startswith="directory:").values_list("key", flat=True)
    context = {
        "directories": shown,
        "troubled": [int(key.partition(":")[2]) for key in troubled],
        "may_connect": holds(request.user, *ROLE_ADMINISTRATORS),
    }
    return render(request, "roles/directories.html", context)


@require_safe
def directory(request: PortalRequest, pk: int) -> HttpResponse:
    """One directory: its roles, its places, who looks after it."""
    shown = get_object_or_404(directories_read_by(request.user), pk=pk)
    page = page_of(request.GET, shown.roles.all(), by=("name", "pk"))
    context = {
        "directory": shown,
        "page": page,
        "roles": with_numbers(Role.objects.filter(pk__in=[role.pk for role in page])).order_by("name", "pk"),
        "tree": tree_of(shown),
        "appointments": appointments_in(shown),
        "alerts": Alert.objects.open().filter(key=f"directory:{shown.pk}"),
        "may_manage": may_manage(request.user, shown),
        "knows_scopes": capabilities_of(shown).scopes,
    }
    return render(request, "roles/directory.html", context | health_context(request.user, shown))


@require_http_methods(["GET", "HEAD", "POST"])
def add_scope(request: PortalRequest, pk: int) -> HttpResponse:
    """Add a place below another one."""
    shown = directory_to_manage(request, pk)
    form = AddScopeForm(
        request.POST or None,
        scopes=shown.scopes.order_by("lineage", "name"),
        initial={"parent": request.GET.get("below") or shown.root_scope().pk},
    )
    if form.is_valid():
        said = form.cleaned_data
        try:
            made = cataloguing.add_scope(
                said["parent"], actor=request.actor, name=said["name"], path=said["path"]
            )
        except Refused as refusal:
            form.refuse(refusal)
        else:
            messages.success(
                request, _("%(scope)s is a scope of %(directory)s.") % {"scope": made, "directory": shown}
            )
            return redirect("directory", shown.pk)
    return render(request, "roles/add_scope.html", {"directory": shown, "form": form}, status=form.status)


@require_http_methods(["GET", "HEAD", "POST"])
def rename_scope(request: PortalRequest, pk: int, scope: int) -> HttpResponse:
    """Call a place otherwise."""
    shown = directory_to_manage(request, pk)
    place = get_object_or_404(shown.scopes.filter(parent__isnull=False), pk=scope)
    form = RenameScopeForm(request.POST or None, initial={"name": place.name})
    if form.is_valid():
        try:
            cataloguing.rename_scope(place, actor=request.actor, name=form.cleaned_data["name"])
        except Refused as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, _("It is called %(scope)s now.") % {"scope": place})
            return redirect("directory", shown.pk)
    context = {"directory": shown, "scope": place, "form": form}
    return render(request, "roles/rename_scope.html", context, status=form.status)


@require_safe
def groups(request: PortalRequest) -> HttpResponse:
    """Every group I may look into: all of them, or those I own."""
    shown = groups_read_by(request.user)
    if words := request.GET.get("q", "").strip().replace("\x00", ""):
        shown = shown.filter(name__icontains=words)
    page = page_of(request.GET, shown, by=("name", "pk"))
    members = Membership.objects.in_force().filter(kind=Membership.Kind.MEMBER)
    rows = Group.objects.filter(pk__in=[group.pk for group in page]).order_by("name", "pk")
    rows = rows.annotate(people=count_of(members, "group", "person"))
    names = {entitlement_of(Membership.Kind.MEMBER, group.pk): group.pk for group in page}
    known = Role.objects.filter(directory__kind=GROUPS_KIND, entitlement__in=names)
    managed = {names[name] for name in known.values_list("entitlement", flat=True)}
    return render(request, "roles/groups.html", {"page": page, "rows": rows, "managed": managed})


@require_safe
def group(request: PortalRequest, pk: int) -> HttpResponse:
    """One group: who is in it and until when, what it may activate, what it holds."""
    shown = get_object_or_404(groups_read_by(request.user), pk=pk)
    coming = Q(ends_at__isnull=True) | Q(ends_at__gt=timezone.now())
    members = shown.memberships.filter(coming).annotate(name=F("person__display_name"))
    roles = list(with_numbers(roles_of_group(shown)).order_by("entitlement"))
    context = {
        "group": shown,
        "page": page_of(request.GET, members, by=("name", "pk"), related=("person",)),
        "roles": roles,
        "eligibilities": Eligibility.objects.in_force()
        .filter(group=shown)
        .select_related("role__directory", "scope")
        .order_by("role__name"),
        "held": GroupAssignment.objects.filter(group=shown, status__in=GroupAssignment.LIVE)
        .select_related("role__directory", "scope")
        .order_by("role__name"),
        "may_manage": not roles and may_manage_group(request.user, shown),
        "may_edit": holds(request.user, *ROLE_ADMINISTRATORS),
    }
    return render(request, "roles/group.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def manage_group(request: PortalRequest, pk: int) -> HttpResponse:
    """Make the membership and the ownership of a group roles, after saying what that means."""
    shown = get_object_or_404(groups_read_by(request.user), pk=pk)
    if not may_manage_group(request.user, shown):
        raise NotAllowed
    refused = None
    if request.method == "POST":
        try:
            cataloguing.manage_group(shown, actor=request.actor)
        except Refused as refusal:
            refused = refusal
        else:
            messages.success(request, _("%(group)s is managed now.") % {"group": shown})
            return redirect("group", shown.pk)
    status = refused.status_code if refused else 200
    return render(request, "roles/manage_group.html", {"group": shown, "refused": refused}, status=status)


def directory_to_manage(request: PortalRequest, pk: int) -> Directory:
    """A directory that the person may change.

    Raises:
        Http404: they may not even look into it.
        NotAllowed: they may look, and no more.
    """
    shown: Directory = get_object_or_404(directories_read_by(request.user), pk=pk)
    if not may_manage(request.user, shown):
        raise NotAllowed
    return shown


def groups_read_by(person: User) -> QuerySet[Group]:
    """The groups whose members ``person`` may see.

    Raises:
        Http404: there is none, and no duty to see them all.
    """
    owned = groups_owned_by(person)
    if holds(person, *READERS):
        everything: Any = Group.objects.all()
        return everything  # type: ignore[no-any-return]
    if not owned.exists():
        raise Http404
    return owned


def may_manage_group(person: User, group: Group) -> bool:
    """Whether ``person`` may make the membership of ``group`` a role."""
    return holds(person, *ROLE_ADMINISTRATORS) or groups_owned_by(person).filter(pk=group.pk).exists()


def appointments_in(shown: Directory) -> list[tuple[str, str, str]]:
    """Who owns, reviews and reads a directory: an icon, the name of the person or group, the permission in words."""
    people = DirectoryPersonAppointment.objects.filter(content_object=shown).select_related(
        "user", "permission"
    )
    teams = DirectoryGroupAppointment.objects.filter(content_object=shown).select_related(
        "group", "permission"
    )
    said = [("user", str(one.user), _(one.permission.name)) for one in people]
    said += [("group", one.group.name, _(one.permission.name)) for one in teams]
    return sorted(said, key=lambda one: (one[2], one[1]))


def count_of(rows: QuerySet[Any], by: str, what: str = "pk") -> Coalesce:
    """How many of ``rows`` each thing has, for an annotation: asked apart, so that two of them do not multiply.

    Args:
        by: the column of ``rows`` that says whose they are.
        what: what is counted, each once.
    """
    mine = rows.filter(**{by: OuterRef("pk")}).order_by().values(by).annotate(n=Count(what, distinct=True))
    return Coalesce(Subquery(mine.values("n"), output_field=IntegerField()), Value(0))


def with_numbers(roles: QuerySet[Role]) -> QuerySet[Role]:
    """Roles, each with how many hold it now and how many people and groups may activate it."""
    return roles.annotate(
        held_count=count_of(Assignment.objects.in_force(), "role"),
        eligible_count=count_of(Eligibility.objects.in_force(), "role"),
    )
