"""Who may answer: one rule, asked in two directions. And who may lead a review, and see it.

Which items: ``items_open_to``. Which people: ``Panel.people_for``; a test over the whole cast keeps them in step. Being a
superuser means nothing here.

Whoever a stage names answers; but for a group first its owners, save at a later stage that names others for a second
look. Nobody answers for their own access unless the review says so, under whatever account, nor for that of a group they
are in; and nobody answers for their own manager. Where that leaves nobody who can sign in, the fallback answers at once,
and where there is none of them either, the owner of the review.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.duties import READERS, ROLE_ADMINISTRATORS, holds
from accounts.models import People, User
from accounts.wording import worded
from approvals.permissions import roles_managed_by
from approvals.reviews.models import AccessReview, Reviewer, ReviewItem, ReviewSeries, ReviewStage
from approvals.reviews.panel import Panel
from approvals.reviews.scoping import roles_of_series
from audit.journal.actor import Actor
from audit.journal.refusing import NotAllowed
from roles.models import Role
from roles.parts import Parts, parts_of
from roles.permissions import OWN, directories_of

Who = ReviewStage.Who


def items_open_to(
    person: User, review: AccessReview, *, parts: Parts | None = None, at: datetime | None = None
) -> QuerySet[ReviewItem]:
    """The items of ``review`` that ``person`` may answer at this moment, answered or not.

    Args:
        parts: what they have a part in, where that was just asked already.
    """
    if not person.is_active or not review.is_open(at):
        return ReviewItem.objects.none()
    return Panel(review).items_of(person, parts or parts_of(person))


def reviews_asking(person: User, *, parts: Parts | None = None) -> list[AccessReview]:
    """The open reviews of which at least one item is for ``person`` to answer, the first to end first.

    Each says in ``is_left`` whether something is still to be answered.
    """
    if not person.is_active:
        return []
    parts = parts or parts_of(person)
    groups, owned = tuple(sorted(parts.member_of)), tuple(sorted(parts.owner_of))
    found = worded(_which_may_ask, timezone.now(), person.pk, groups, owned)
    asking = []
    for review in found:
        is_asked, review.is_left = Panel(review).asks(person, parts)
        if is_asked:
            asking.append(review)
    return asking


def _which_may_ask(
    now: datetime, person: int, groups: tuple[int, ...], owned: tuple[int, ...]
) -> QuerySet[AccessReview]:
    """The open reviews of which something points at somebody; whether an item is theirs is another question."""
    named = Q(person=person) | Q(group__in=groups) if groups else Q(person=person)
    lines = Reviewer.objects.filter(named, stage__review=OuterRef("pk"), stage__number=OuterRef("stage"))
    items = ReviewItem.objects.filter(review=OuterRef("pk"))
    asked = Q(owner=person) | Exists(lines) | Q(Exists(items.filter(manager=person)), asks=Who.MANAGER)
    asked |= Q(Exists(items.filter(person=person)), asks=Who.THEMSELVES)
    if owned:
        first = Q(stage=1) | Q(asks__in=[Who.MANAGER, Who.THEMSELVES])
        asked |= first & Q(Exists(items.filter(group__in=owned)))
    return AccessReview.objects.open(now).filter(asked).select_related("owner").order_by("ends_at", "pk")


def may_lead(person: User, review: AccessReview | ReviewSeries) -> bool:
    """Whether ``person`` may change, stop and carry out a review: its owner, and by duty everybody's."""
    if not person.is_active:
        return False
    return review.owner_id == person.pk or holds(person, *ROLE_ADMINISTRATORS)


def check_may_lead(actor: Actor, review: AccessReview | ReviewSeries) -> None:
    """Refuse unless the actor is the portal itself or leads the review.

    Raises:
        NotAllowed: it is not theirs.
    """
    if actor.person is None:
        return
    person = User.objects.enabled().filter(pk=actor.person.pk).first()
    if person is None or not may_lead(person, review):
        raise NotAllowed(_("This review is not yours to lead."), code="not_leading")


def may_review_roles(person: User, series: ReviewSeries) -> bool:
    """Whether ``person`` may change who holds every role that ``series`` is about."""
    if holds(person, *ROLE_ADMINISTRATORS):
        return True
    whole = series.directory_id is not None and not series.roles.exists()
    if whole and directories_of(person, OWN).filter(pk=series.directory_id or 0).exists():
        return True
    theirs = roles_managed_by(person).values("pk")
    return series.roles.exists() and not roles_of_series(series).exclude(pk__in=theirs).exists()


def check_may_review_roles(actor: Actor, series: ReviewSeries) -> None:
    """Refuse unless the actor is the portal itself or ``may_review_roles``.

    Raises:
        NotAllowed: one of them is somebody else's to look after.
    """
    if actor.person is not None and not may_review_roles(actor.person, series):
        words = _("You may have the roles reviewed that you look after, and no others.")
        raise NotAllowed(words, field="roles", code="foreign_roles")


def looks_after(person: User, review: AccessReview) -> bool:
    """Whether ``person`` may change who holds every role that a run is about, as it was written down at its start."""
    if holds(person, *ROLE_ADMINISTRATORS):
        return True
    about = Role.objects.filter(pk__in=review.items.order_by().values("role"))
    return not about.exclude(pk__in=roles_managed_by(person).values("pk")).exists()


def may_change(person: User, review: AccessReview) -> bool:
    """Whether ``person`` may change the terms of a run: whoever leads it, as long as its roles are theirs to look after.

    Planning it asks for the same. Who owns it and owns the roles no longer can stop it, and make it harsher no more.
    """
    return may_lead(person, review) and looks_after(person, review)


def check_may_change(actor: Actor, review: AccessReview) -> None:
    """Refuse unless the actor is the portal itself or ``may_change``.

    Raises:
        NotAllowed: it is not theirs to lead, or one of the roles is somebody else's to look after.
    """
    check_may_lead(actor, review)
    if actor.person is not None and not looks_after(actor.person, review):
        words = _(
            "You do not look after all roles of this review any more. Ask a role administrator to change it."
        )
        raise NotAllowed(words, code="foreign_roles")


def may_have_reviewed(person: User, *, parts: Parts | None = None) -> bool:
    """Whether there are roles that ``person`` could have reviewed."""
    if holds(person, *ROLE_ADMINISTRATORS):
        return True
    return person.is_active and bool((parts or parts_of(person)).roles(OWN))


def reviews_visible_to(person: User) -> QuerySet[AccessReview]:
    """The runs whose results ``person`` may see: by a duty all, else those they own, and all of a series of theirs."""
    theirs = Q(owner=person) | Q(series__owner=person)
    return _visible(AccessReview.objects.all(), person, theirs)  # type: ignore[no-any-return]


def series_visible_to(person: User) -> QuerySet[ReviewSeries]:
    """The series that ``person`` may see: by a duty all, else those they own."""
    rows = ReviewSeries.objects.filter(deleted_at=None)
    return _visible(rows, person, Q(owner=person))  # type: ignore[no-any-return]


def _visible(rows: Any, person: User, theirs: Q) -> Any:
    if not person.is_active:
        return rows.none()
    return rows if holds(person, *READERS) else rows.filter(theirs)


def reviewers_of(item: ReviewItem) -> People:
    """The people who may answer ``item`` at this moment: the other direction of ``items_open_to``."""
    if not item.review.is_open() or item.stage != item.review.stage:
        return User.objects.none()
    return Panel(item.review).people_for(item)
