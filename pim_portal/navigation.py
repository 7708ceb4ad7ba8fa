"""What stands around every page: the menu by what a person may do, and what waits for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.urls import URLPattern
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.addresses import address_of
from accounts.duties import PEOPLE_ADMINISTRATORS, READERS
from accounts.http import PortalRequest
from accounts.models import FactorUse
from accounts.wording import worded
from approvals.automatic.urls import urlpatterns as automatic_pages
from approvals.reviews.urls import answering_pages
from approvals.reviews.urls import urlpatterns as review_pages
from approvals.settings.urls import urlpatterns as settings_pages
from approvals.viewing import Viewer
from pim_portal.tally import Tally, tally_of
from roles.permissions import OWN, READ, REVIEW

ROLE_SETTINGS = tuple(str(one.name) for one in settings_pages)
ANSWERING = tuple(str(one.name) for one in answering_pages)
REVIEWS = tuple(
    str(one.name) for one in review_pages if isinstance(one, URLPattern) and one.name != "to_review"
)
AUTOMATIC = tuple(str(one.name) for one in automatic_pages)


@dataclass(frozen=True)
class Link:
    """One line of the menu.

    Args:
        name: the URL name it leads to; also what marks it as the present page.
        shown_for: duties of which one is needed to see it; empty when everybody may.
        or_if: who else may see it; asked only of those without such a duty.
        beneath: URL names of pages that belong under it.
        count: how much work waits there; asked only for links that are shown.
        whoever_has_work: whether it is shown as well to everybody for whom work waits there.
        only_if: who sees it at all.
    """

    name: str
    icon: str
    label: str
    shown_for: tuple[str, ...] = ()
    or_if: Callable[[Viewer], bool] = field(default=lambda viewer: False)
    beneath: tuple[str, ...] = ()
    count: Callable[[Tally], int] = field(default=lambda tally: 0)
    tone: str = "accent"
    whoever_has_work: bool = False
    only_if: Callable[[Tally], bool] = field(default=lambda tally: True)


def owns_a_role(viewer: Viewer) -> bool:
    """Whether roles or directories are theirs to look after."""
    return bool(viewer.parts.roles(OWN))


def has_a_part_in_a_directory(viewer: Viewer) -> bool:
    """Whether they own, review or read one."""
    return bool(viewer.parts.directories(OWN, REVIEW, READ))


def owns_a_group(viewer: Viewer) -> bool:
    """Whether groups are theirs to look after."""
    return bool(viewer.parts.owner_of)


def groups() -> list[tuple[str, str, list[Link]]]:
    """The whole menu, before anybody's duties are asked."""
    return [
        (
            "my",
            _("My access"),
            [
                Link("home", "home", _("Home")),
                Link("my_roles", "key", _("My roles"), beneath=("activate",)),
                Link("my_requests", "send", _("My requests"), beneath=("request_page",)),
                Link(
                    "to_decide",
                    "gavel",
                    _("To decide"),
                    beneath=("decide",),
                    count=lambda tally: tally.to_decide,
                ),
                Link(
                    "tasks",
                    "note",
                    _("By hand"),
                    beneath=("task",),
                    count=lambda tally: tally.hand_tasks,
                    only_if=lambda tally: tally.hand_tasks > 0,
                ),
                Link(
                    "to_review",
                    "list-check",
                    _("To review"),
                    beneath=ANSWERING,
                    count=lambda tally: tally.to_review,
                    only_if=lambda tally: bool(tally.reviews),
                ),
            ],
        ),
        (
            "manage",
            _("Manage"),
            [
                Link(
                    "assignments",
                    "users",
                    _("Assignments"),
                    shown_for=READERS,
                    or_if=owns_a_role,
                    beneath=("assign", "remove_eligibility", "remove_assignment"),
                ),
                Link(
                    "role_settings_list",
                    "sliders",
                    _("Role settings"),
                    shown_for=READERS,
                    or_if=owns_a_role,
                    beneath=ROLE_SETTINGS,
                    count=lambda tally: tally.changes,
                ),
                Link(
                    "reviews",
                    "shield-check",
                    _("Access reviews"),
                    shown_for=READERS,
                    or_if=owns_a_role,
                    beneath=REVIEWS,
                ),
                Link(
                    "automatic_rules",
                    "bot",
                    _("Automatic decisions"),
                    shown_for=READERS,
                    beneath=AUTOMATIC,
                ),
                Link(
                    "separation",
                    "shield",
                    _("Separation of duties"),
                    shown_for=READERS,
                    beneath=("new_separation_rule", "separation_rule"),
                ),
                Link(
                    "hooks",
                    "link",
                    _("Web hooks"),
                    shown_for=READERS,
                    beneath=("new_hook", "hook", "try_hook", "new_hook_secret", "remove_hook"),
                ),
                Link(
                    "directories",
                    "directory",
                    _("Directories"),
                    shown_for=READERS,
                    or_if=has_a_part_in_a_directory,
                    beneath=("directory", "add_scope", "rename_scope"),
                ),
                Link(
                    "groups",
                    "group",
                    _("Groups"),
                    shown_for=READERS,
                    or_if=owns_a_group,
                    beneath=("group", "manage_group"),
                ),
                Link(
                    "people",
                    "user",
                    _("People"),
                    shown_for=PEOPLE_ADMINISTRATORS,
                    beneath=("person", "invite_person", "add_service", "help_person"),
                ),
                Link("admin:index", "lock", _("Administration"), shown_for=READERS),
            ],
        ),
        (
            "oversight",
            _("Oversight"),
            [
                Link(
                    "alerts",
                    "alert",
                    _("Alerts"),
                    shown_for=READERS,
                    count=lambda tally: tally.alerts,
                    tone="bad",
                ),
                Link(
                    "emergencies",
                    "zap",
                    _("Emergencies"),
                    shown_for=READERS,
                    beneath=("emergency", "end_emergency"),
                    count=lambda tally: tally.emergencies,
                    tone="bad",
                    whoever_has_work=True,
                ),
                Link("journal", "book", _("Journal"), shown_for=READERS, beneath=("audit_event",)),
                Link("mutual_approvals", "refresh", _("Mutual approvals"), shown_for=READERS),
            ],
        ),
    ]


def menu_for(tally: Tally, *, at: str) -> list[dict[str, Any]]:
    """The groups and links a viewer gets to see.

    Args:
        tally: of what waits for them.
        at: URL name of the present page.
    """
    shown = []
    for key, title, links in groups():
        mine = [link for link in links if is_shown(link, tally)]
        if mine:
            shown.append({"key": key, "title": title, "links": [drawn(link, tally, at=at) for link in mine]})
    return shown


def is_shown(link: Link, tally: Tally) -> bool:
    """Whether the viewer has a part in what the link leads to."""
    viewer = tally.viewer
    if not link.only_if(tally):
        return False
    if not link.shown_for or viewer.duties.intersection(link.shown_for) or link.or_if(viewer):
        return True
    return link.whoever_has_work and link.count(tally) > 0


def drawn(link: Link, tally: Tally, *, at: str) -> dict[str, Any]:
    """A link as the template draws it."""
    count = link.count(tally)
    return {
        "url": address_of(link.name),
        "icon": link.icon,
        "label": link.label,
        "current": at == link.name or at in link.beneath,
        "count": count,
        "count_words": ngettext("waiting", "waiting", count),
        "tone": link.tone,
    }


def foot_for(tally: Tally) -> str:
    """How far the directories are behind, for those with a duty."""
    if not tally.viewer.is_reader:
        return ""
    behind = tally.not_yet_revoked
    if not behind:
        return _("Everything that ended is revoked.")
    words = ngettext("%(n)s ended role is not yet revoked.", "%(n)s ended roles are not yet revoked.", behind)
    return words % {"n": behind}


def proof_of(request: PortalRequest) -> FactorUse | None:
    """The latest second factor given in this session, for the mark in the top bar."""
    latest = worded(_proofs, request.user.pk, request.actor.session)
    return latest[0] if latest else None


def _proofs(person: int, session: str) -> QuerySet[FactorUse]:
    return FactorUse.objects.filter(person=person, session=session).order_by("-at", "-pk")[:1]


def navigation(request: PortalRequest) -> dict[str, Any]:
    """Context processor for ``base.html``. The parts are callables: asked once, and only when a page shows them."""
    around: dict[str, Any] = {"organisation": settings.ORGANISATION}
    person = getattr(request, "user", None)
    if person is None or not person.is_authenticated:
        return around
    match = request.resolver_match
    at = match.view_name if match else ""
    tally = tally_of(request)
    return around | {
        "navigation": cache(partial(menu_for, tally, at=at)),
        "sidebar_foot": cache(partial(foot_for, tally)),
        "unread_count": cache(lambda: tally.unread),
        "proof": cache(partial(proof_of, request)),
    }
