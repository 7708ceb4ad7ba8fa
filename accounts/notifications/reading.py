"""Reading what one was told."""

from __future__ import annotations

from django.utils import timezone

from accounts.models import User
from accounts.notifications.models import Notification


def read(notification: Notification) -> None:
    """Note that the person has opened the notification. Not an act: it is not recorded and needs no actor."""
    if notification.read_at is None:
        notification.read_at = timezone.now()
        notification.save(update_fields=["read_at"])


def read_all(person: User) -> int:
    """Note everything the person was told as read; how many were not."""
    return Notification.objects.filter(person=person).unread().update(read_at=timezone.now())
