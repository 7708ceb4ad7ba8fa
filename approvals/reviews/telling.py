"""Telling of reviews: who is asked, who asked, and whose access ended."""

from __future__ import annotations

from collections.abc import Collection

from django.db.models import Q

from accounts.duties import READERS, ROLE_ADMINISTRATORS, holders_of
from accounts.models import Membership, People, User
from accounts.notifications.notifying import MOST_PEOPLE, notify
from approvals.reviews.models import AccessReview, ReviewItem, ReviewSeries, Verdict
from approvals.reviews.panel import Panel
from audit.journal.actor import Actor


def address_of(review: AccessReview) -> str:
    """The path of the page that leads and shows it."""
    return f"/reviews/{review.pk}/"


def work_address_of(review: AccessReview) -> str:
    """The path of the page on which reviewers answer."""
    return f"/reviews/{review.pk}/work/"


def tell_reviewers(review: AccessReview, *, notice: str, actor: Actor) -> list[User]:
    """Tell everybody who has something to answer at the present stage, and had not. Returns whom."""
    people = list(Panel(review).people_with_open_items()[:MOST_PEOPLE])
    notify(people, notice=notice, context=said_of(review), url=work_address_of(review), actor=actor)
    return people


def tell_new_reviewers(review: AccessReview, *, known: Collection[int], actor: Actor) -> list[User]:
    """Tell whoever has something to answer now and had not before, as at the start. Returns whom.

    Args:
        known: keys of those who had.
    """
    people = Panel(review).people_with_open_items().exclude(pk__in=known)
    new = list(people[:MOST_PEOPLE])
    notify(
        new,
        notice="approvals/review_started",
        context=said_of(review),
        url=work_address_of(review),
        actor=actor,
    )
    return new


def tell_handed_over(series: ReviewSeries, *, before: User, actor: Actor) -> None:
    """Tell who leads a series from now on, and who did ``before``; not whoever has just done so."""
    notice, context = "approvals/review_handed_over", {"series": series, "before": before}
    acted = actor.person.pk if actor.person is not None else None
    if series.owner_id != acted:
        notify(
            [series.owner], notice=notice, context=context, url=f"/reviews/series/{series.pk}/", actor=actor
        )
    if before.pk != acted:  # its page may not be theirs to open any more
        notify([before], notice=notice, context=context, actor=actor)


def tell_end(review: AccessReview, *, actor: Actor) -> None:
    """Tell its owner, and whoever is to know, that it is over and what comes of it; its page to those who may open it."""
    people = told_of_end(review)
    notice = "approvals/review_held_back" if review.held_back else "approvals/review_ended"
    denied = review.items.filter(outcome=Verdict.DENY).count()
    context = said_of(review) | {"denied": denied, "items": review.items.count()}
    open_to_them = people.filter(Q(pk=review.owner_id) | Q(pk__in=holders_of(*READERS).values("pk")))
    notify(open_to_them, notice=notice, context=context, url=address_of(review), actor=actor)
    others = people.exclude(pk__in=open_to_them.values("pk"))
    notify(others, notice=notice, context=context, actor=actor)


def told_of_end(review: AccessReview) -> People:
    """Its owner, and the people and members of groups that its series names; role administrators for an owner who left."""
    series = review.series
    members = Membership.objects.in_force().filter(
        group__in=series.told_groups.values("pk"), kind=Membership.Kind.MEMBER
    )
    named = Q(pk=review.owner_id) | Q(pk__in=series.told.values("pk")) | Q(pk__in=members.values("person"))
    if not review.owner.is_active:
        named |= Q(pk__in=holders_of(*ROLE_ADMINISTRATORS).values("pk"))
    people: People = User.objects.enabled().filter(named).order_by("pk")
    return people


def tell_of_removal(item: ReviewItem, *, why: str, actor: Actor) -> None:
    """Tell whose eligibility a review ended; of assignments the portal tells by itself. A group's owners for the group."""
    notify(
        [item.person] if item.person else owners_of(item),
        notice="approvals/review_removed",
        context=said_of(item.review) | {"item": item, "role": item.role, "why": why},
        url="/my-roles/",
        actor=actor,
    )


def owners_of(item: ReviewItem) -> People:
    """The enabled people who own the group that an item is about, at this moment."""
    owners = Membership.objects.in_force().filter(group=item.group, kind=Membership.Kind.OWNER)
    people: People = User.objects.enabled().filter(pk__in=owners.values("person"))
    return people


def said_of(review: AccessReview) -> dict[str, object]:
    """What the notices speak of."""
    return {"review": review}
