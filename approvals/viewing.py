"""Who looks at a page, and what is asked about them more than once while it is made."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from django.db.models import QuerySet
from django.http import Http404

from accounts.duties import READERS, ROLE_ADMINISTRATORS, duties_of
from accounts.http import PortalRequest
from accounts.models import User
from accounts.wording import Words, among, words_of
from approvals.models import AccessRequest, AccessRequests
from approvals.permissions import decidable, values_of_decidable
from audit.journal.refusing import NotAllowed
from roles.parts import Parts, parts_of


class Viewer:
    """What a person may do, as it was when their page began to be made. For showing alone: verbs ask anew.

    Args:
        person: who is signed in.
    """

    def __init__(self, person: User) -> None:
        self.person = person
        self.decidable_count: int | None = None  # until a page has counted them for itself

    @cached_property
    def duties(self) -> frozenset[str]:
        """The duties they hold."""
        return duties_of(self.person)

    @cached_property
    def parts(self) -> Parts:
        """What they have a part in."""
        return parts_of(self.person)

    @property
    def is_reader(self) -> bool:
        """Whether they may read everything by a duty."""
        return not self.duties.isdisjoint(READERS)

    @property
    def is_role_administrator(self) -> bool:
        """Whether they may change by a duty who holds what."""
        return not self.duties.isdisjoint(ROLE_ADMINISTRATORS)

    @cached_property
    def decidable(self) -> AccessRequests:
        """The requests they may decide."""
        if not self.person.is_active:
            return AccessRequest.objects.none()
        return AccessRequest.objects.filter(pk__in=among(_keys_of_decidable, *self._values))

    @property
    def decidable_in_words(self) -> Words | None:
        """The words of a question for their keys; None where there can be none."""
        return words_of(_keys_of_decidable, *self._values) if self.person.is_active else None

    @cached_property
    def _values(self) -> tuple[Any, ...]:
        return values_of_decidable(self.person, parts=self.parts, duties=self.duties)


def _keys_of_decidable(*values: Any) -> QuerySet[Any, Any]:
    return decidable(*values).order_by().values("pk")


def viewer_of(request: PortalRequest) -> Viewer:
    """The viewer of a page, the same one for everybody who asks while it is made."""
    if not hasattr(request, "viewer"):
        request.viewer = Viewer(request.user)  # type: ignore[attr-defined]
    viewer: Viewer = request.viewer  # type: ignore[attr-defined]
    return viewer


def require_sight(request: PortalRequest) -> None:
    """Whoever holds no duty finds nothing here.

    Raises:
        Http404: so it is.
    """
    if not viewer_of(request).is_reader:
        raise Http404


def require_duty(request: PortalRequest) -> None:
    """Only role administrators change anything here.

    Raises:
        Http404: nothing here is theirs to see.
        NotAllowed: they may read, and no more.
    """
    require_sight(request)
    if not viewer_of(request).is_role_administrator:
        raise NotAllowed
