"""One act for several things that were given: first what would happen to which, then all of it or none."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.db import models
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from approvals.changing import Change, change, check_is_given_by_hand, judged, turned
from approvals.filing import Act, Held, check_not_oneself, kind_of, version_of
from approvals.removing import remove_all
from audit.journal.actor import Actor
from audit.journal.recording import journaled
from audit.journal.refusing import Overtaken, Refused
from roles.assigning import already_eligible_words, eligible_already
from roles.models import Assignment, Eligibility, GroupAssignment, Role
from roles.requirements import AskedAssignment


class What(models.TextChoices):
    """What is done to several."""

    SET_END = "set_end", _lazy("Set an end")
    EXTEND = "extend", _lazy("Extend")
    MAKE_ELIGIBLE = "make_eligible", _lazy("Make eligible")
    REMOVE = "remove", _lazy("Remove")


LETTERS: dict[str, type[Held]] = {"e": Eligibility, "a": Assignment, "g": GroupAssignment}
MOST = 500
AGES = timedelta(days=36500)


@dataclass(frozen=True)
class Picked:
    """Something that was ticked, and why the act is not possible for it; "" when it is."""

    held: Held
    why_not: str = ""

    @property
    def key(self) -> str:
        """As it is ticked in the list: ``e12``, ``a7``, ``g3``."""
        return next(letter for letter, model in LETTERS.items() if isinstance(self.held, model)) + str(
            self.held.pk
        )


def picked(keys: Sequence[str], *, roles: QuerySet[Role]) -> list[Held]:
    """What ``keys`` name among what was given of ``roles``; anything else is left out."""
    found: dict[str, Held] = {}
    for letter, model in LETTERS.items():
        numbers = [int(key[1:]) for key in keys[:MOST] if key[:1] == letter and key[1:].isdecimal()]
        principal = ("group",) if model is GroupAssignment else ("person",)
        more = {"e": ("group",), "a": ("through__group",)}.get(letter, ())
        rows = model._default_manager.filter(pk__in=numbers, role__in=roles)
        for one in rows.select_related("role__directory", "scope", *principal, *more):
            found[f"{letter}{one.pk}"] = one
    return [found[key] for key in dict.fromkeys(keys) if key in found]


def looked_at(held: Sequence[Held], *, act: str, actor: Actor) -> list[Picked]:
    """Each of ``held`` with why ``act`` is not possible for it."""
    return [Picked(one, _why_not(one, act, actor)) for one in held]


def _why_not(held: Held, act: str, actor: Actor) -> str:
    try:
        if act == What.REMOVE:
            _check_goes_on(held)
            return ""
        check_not_oneself([held.principal], actor=actor)
        if act == What.MAKE_ELIGIBLE:
            check_is_given_by_hand(held)
            _check_goes_on(held)
            return _why_not_eligible(held)
        # Judged with an end that comes later than any: what matters here is what it is, not until when.
        far = timezone.now() + AGES
        judged(_change(held, act, far, "-"))
    except Refused as refused:
        return refused.message
    return ""


def _check_goes_on(held: Held) -> None:
    if held.status in ("ending", "ended", "expired", "removed"):
        raise Overtaken(_("This has ended already."))


def _why_not_eligible(held: Held) -> str:
    if isinstance(held, Eligibility):
        return _("This is an eligibility already.")
    if isinstance(held, Assignment) and held.person.is_service:
        return _("A service principal can be active, never eligible.")
    for others in eligible_already([(held.role, held.principal)]).values():
        for other in others:
            if why := already_eligible_words(other, scope=held.scope, who=held.principal, role=held.role):
                return why
    return ""


def _change(held: Held, act: str, ends_at: datetime | None, justification: str) -> Change:
    if act == What.MAKE_ELIGIBLE:
        return turned(held, ends_at=ends_at, justification=justification)
    asked = AskedAssignment(kind_of(held), held.starts_at, ends_at, justification)
    if held.starts_at <= timezone.now():
        asked = replace(asked, starts_at=None)
    return Change(held, asked, Act.EXTEND if act == What.EXTEND else Act.UPDATE)


def digest_of(held: Sequence[Held]) -> str:
    """What a page compares to know that none of ``held`` has changed since it was made."""
    said = [f"{type(one).__name__} {one.pk} {version_of(one)}" for one in held]
    return hashlib.sha256("\n".join(said).encode()).hexdigest()


@journaled
def act_together(
    held: Sequence[Held],
    *,
    actor: Actor,
    act: str,
    justification: str,
    ends_at: datetime | None = None,
    seen: str = "",
) -> None:
    """Do ``act`` to all of ``held``, or to none.

    Args:
        act: one of ``What``.
        ends_at: the end each is given; None is without one.
        seen: ``digest_of`` them when the page was made.

    Raises:
        Overtaken: one of them has changed since.
        Refused: as the single act would be; the message names which.
    """
    if seen and digest_of(held) != seen:
        raise Overtaken
    if not held:
        raise Refused(_("Nothing was ticked."))
    if act == What.REMOVE:
        remove_all(held, actor=actor, justification=justification)
        return
    change([_change(one, act, ends_at, justification) for one in held], actor=actor)
