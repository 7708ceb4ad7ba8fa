"""What waits for somebody: the numbers in the menu and on the home page, counted once while a page is made."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

from django.db.models import QuerySet

from accounts.http import PortalRequest
from accounts.models import Notification
from accounts.paging import Count, counted_each
from accounts.wording import words_of
from approvals.emergency.permissions import uses_to_review
from approvals.models import EmergencyUse, SettingsChange
from approvals.reviews.models import AccessReview
from approvals.reviews.permissions import reviews_asking
from approvals.settings.changing import changes_decidable_by
from approvals.viewing import Viewer, viewer_of
from audit.alerts.models import Alert
from roles.models import Assignment, HandTask
from roles.parts import Values, roles_meant
from roles.permissions import OWN


def _keys(rows: QuerySet[Any]) -> QuerySet[Any, Any]:
    return rows.order_by().values("pk")


def _unreviewed() -> QuerySet[EmergencyUse]:
    return EmergencyUse.objects.filter(status=EmergencyUse.Status.OPEN)


#: what is counted for everybody: theirs, by their key; and what is the same for all
MINE: dict[str, Callable[[int], QuerySet[Any, Any]]] = {
    "emergencies": lambda me: _keys(_unreviewed().exclude(person=me)),
    "own_emergencies": lambda me: _keys(_unreviewed().filter(person=me)),
    "unread": lambda me: _keys(Notification.objects.filter(person=me, read_at__isnull=True)),
}
EVERYBODYS: dict[str, Callable[[], QuerySet[Any, Any]]] = {
    "changes": lambda: _keys(SettingsChange.objects.filter(status=SettingsChange.Status.PROPOSED)),
    "reviews": lambda: _keys(AccessReview.objects.filter(status=AccessReview.Status.OPEN)),
}
#: and what besides for those who read everything
READERS_ALONE: dict[str, Callable[[], QuerySet[Any, Any]]] = {
    "alerts": lambda: _keys(Alert.objects.filter(status=Alert.Status.OPEN)),
    "not_yet_revoked": lambda: _keys(Assignment.objects.filter(status=Assignment.Status.ENDING)),
}


def _hand_tasks(me: int) -> QuerySet[Any, Any]:
    return _keys(HandTask.objects.waiting().exclude(person=me))


def _hand_tasks_of(me: int, values: Values) -> QuerySet[Any, Any]:
    theirs: Any = roles_meant(values, of="role")
    return _keys(HandTask.objects.waiting().filter(theirs).exclude(person=me))


class Tally:
    """What waits for somebody, counted once while their page is made."""

    def __init__(self, viewer: Viewer) -> None:
        self.viewer = viewer

    @property
    def to_decide(self) -> int:
        """Requests that wait for this person's decision."""
        known = self.viewer.decidable_count
        return self._counted["to_decide"] if known is None else known

    @property
    def changes(self) -> int:
        """Changes of role settings that wait for this person's confirmation."""
        return len(changes_decidable_by(self.viewer.person)) if self._counted["changes"] else 0

    @cached_property
    def emergencies(self) -> int:
        """Emergency activations that wait for this person's review. Most of the time there are none for anybody."""
        if not self._counted["emergencies"]:
            return 0
        viewer = self.viewer
        return uses_to_review(viewer.person, parts=viewer.parts, duties=viewer.duties).count()

    @cached_property
    def reviews(self) -> list[AccessReview]:
        """Open access reviews that ask this person. Most of the time there are none for anybody."""
        if not self._counted["reviews"]:
            return []
        return reviews_asking(self.viewer.person, parts=self.viewer.parts)

    @property
    def to_review(self) -> int:
        """Those in which something is left for them to answer."""
        return sum(review.is_left for review in self.reviews)

    @property
    def hand_tasks(self) -> int:
        """What this person is to do by hand. Asked only for those who own a role or look after all of them."""
        return self._counted.get("hand_tasks", 0)

    @property
    def own_emergencies(self) -> int:
        """This person's emergency activations that wait for somebody else's review."""
        return self._counted["own_emergencies"]

    @property
    def alerts(self) -> int:
        """Alerts that nobody has taken up yet."""
        return self._counted["alerts"]

    @property
    def not_yet_revoked(self) -> int:
        """Assignments that have ended here and not yet, confirmed, in their directory."""
        return self._counted["not_yet_revoked"]

    @property
    def unread(self) -> int:
        """Notifications that this person has not read."""
        return self._counted["unread"]

    @cached_property
    def _counted(self) -> dict[str, Count]:
        """The numbers that are counts of rows, in one query; some of them only for those who read everything."""
        viewer = self.viewer
        shared = EVERYBODYS | (READERS_ALONE if viewer.is_reader else {})
        lists = {name: words_of(ask, viewer.person.pk) for name, ask in MINE.items()}
        lists |= {name: words_of(question) for name, question in shared.items()}
        if viewer.is_role_administrator:
            lists["hand_tasks"] = words_of(_hand_tasks, viewer.person.pk)
        elif viewer.parts.roles(OWN):
            lists["hand_tasks"] = words_of(_hand_tasks_of, viewer.person.pk, viewer.parts.values(OWN))
        if viewer.decidable_count is None:
            lists["to_decide"] = viewer.decidable_in_words
        return dict(zip(lists, counted_each([[words] for words in lists.values()]), strict=True))


def tally_of(request: PortalRequest) -> Tally:
    """What waits for the viewer of a page, the same for everybody who asks while it is made."""
    if not hasattr(request, "tally"):
        request.tally = Tally(viewer_of(request))  # type: ignore[attr-defined]
    tally: Tally = request.tally  # type: ignore[attr-defined]
    return tally
