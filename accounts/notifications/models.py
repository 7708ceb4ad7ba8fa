"""Messages to people: one row is the inbox entry and the outgoing mail."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone


class Notifications(models.QuerySet["Notification"]):
    """Questions about notifications."""

    def unread(self) -> Notifications:
        """Those their person has not opened yet."""
        return self.filter(read_at__isnull=True)

    def to_mail(self) -> Notifications:
        """Those whose mail has not left yet and still shall."""
        return self.filter(mailed_at__isnull=True, withdrawn_at__isnull=True)

    def due(self, at: datetime | None = None) -> Notifications:
        """Those to mail at ``at`` (now when left out), that nobody is mailing at that moment; longest due first."""
        moment = at or timezone.now()
        free = Q(lease_until__isnull=True) | Q(lease_until__lte=moment)
        return self.to_mail().filter(free, next_try_at__lte=moment).order_by("next_try_at", "pk")


class Notification(models.Model):
    """A message to one person, or to a mail address without an inbox, worded when it was raised.

    The row is the queue: while ``mailed_at`` and ``withdrawn_at`` are both empty, the mail is still to be sent.
    """

    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="notifications"
    )
    address = models.EmailField(blank=True, help_text="where it goes that has no person in the portal")
    notice = models.CharField(
        max_length=80, help_text="name of the template, for instance approvals/approval_asked"
    )
    subject = models.CharField(max_length=200)
    text = models.TextField()
    url = models.CharField(max_length=300, blank=True, help_text="path in the portal")
    created_at = models.DateTimeField(default=timezone.now, db_index=True)
    read_at = models.DateTimeField(null=True)
    mailed_at = models.DateTimeField(null=True, help_text="when a mail server took it")
    withdrawn_at = models.DateTimeField(null=True, help_text="when it was settled that it is not mailed")
    attempts = models.PositiveIntegerField(default=0)
    next_try_at = models.DateTimeField(default=timezone.now)
    last_error = models.CharField(max_length=300, blank=True)
    lease_until = models.DateTimeField(null=True)

    objects = Notifications.as_manager()

    class Meta:
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(person__isnull=False, address="") | (Q(person__isnull=True) & ~Q(address="")),
                name="notification_has_one_recipient",
            )
        ]
        indexes = [
            models.Index(
                fields=["next_try_at"],
                condition=Q(mailed_at__isnull=True, withdrawn_at__isnull=True),
                name="notification_to_mail",
            ),
            models.Index(fields=["person"], condition=Q(read_at__isnull=True), name="notification_unread"),
            models.Index(fields=["person", "notice", "mailed_at"], name="notification_pace"),
            models.Index(fields=["person", "-created_at", "-id"], name="notification_newest"),
        ]

    def __str__(self) -> str:
        return self.subject

    @property
    def mail_address(self) -> str:
        """Where its mail goes."""
        return self.address if self.person is None else str(self.person.email)
