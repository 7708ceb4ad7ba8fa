"""People, the groups they are in, and the responsibilities they hold in the portal, all of it in time."""

from __future__ import annotations

import unicodedata
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import Group as DjangoGroup
from django.contrib.auth.models import PermissionsMixin
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from accounts.mfa.models import (
    Attempts,
    Authenticator,
    EnrolmentPass,
    FactorUse,
    PasskeyChallenge,
    RecoveryCodes,
    StepUp,
)
from accounts.notifications.models import Notification
from accounts.sessions import Session

__all__ = [
    "Absence",
    "Attempts",
    "Authenticator",
    "DutyHolding",
    "EnrolmentPass",
    "FactorUse",
    "Group",
    "Membership",
    "Notification",
    "Passkey",
    "PasskeyChallenge",
    "RecoveryCodes",
    "Session",
    "StepUp",
    "User",
]


def canonical_email(address: str) -> str:
    """The one spelling of a sign-in name: no outer spaces, NFKC, lower case.

    Two spellings that look alike must never be two people (security case C13).
    """
    return unicodedata.normalize("NFKC", address).strip().casefold()


class People(models.QuerySet["User"]):
    """Questions about people."""

    def enabled(self) -> People:
        """Those who may sign in."""
        return self.filter(is_active=True)

    def humans(self) -> People:
        """Those who are people: who sign in, approve, manage and are in groups."""
        return self.filter(kind=User.Kind.PERSON)

    def services(self) -> People:
        """The service principals: programs that hold roles and never sign in."""
        return self.filter(kind=User.Kind.SERVICE)

    def same_human_as(self, person: User) -> People:
        """Every account of the human behind ``person``: this one, and those with the same ``person_key``."""
        same = Q(pk=person.pk)
        if person.person_key:
            same |= Q(person_key=person.person_key)
        return self.filter(same)


class UserManager(BaseUserManager["User"]):
    """Finds and makes people by their canonical sign-in name."""

    def get_queryset(self) -> People:
        return People(self.model, using=self._db)

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email=canonical_email(username or ""))

    def create_user(self, email: str, display_name: str, password: str | None = None, **fields: Any) -> User:
        """Make a person; without a password nobody can sign in as them."""
        person = self.model(email=canonical_email(email), display_name=display_name, **fields)
        person.set_password(password)
        person.save()
        return person


class User(AbstractBaseUser, PermissionsMixin):
    """A person. ``is_superuser`` and Django's own groups and permissions mean nothing in this portal."""

    class Kind(models.TextChoices):
        PERSON = "person", _("Person")
        SERVICE = "service", _("Service principal")

    last_login = None  # sign-ins are in the journal

    email = models.EmailField(_("Email"), unique=True)
    display_name = models.CharField(_("Name"), max_length=150)
    person_key = models.CharField(
        _("Personnel number"),
        max_length=64,
        blank=True,
        db_index=True,
        help_text=_("The same for every account of one human, so that nobody decides on their own request."),
    )
    manager = models.ForeignKey(
        "self",
        verbose_name=_("Manager"),
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="reports",
    )
    department = models.CharField(_("Department"), max_length=120, blank=True)
    job_title = models.CharField(_("Job title"), max_length=120, blank=True)
    time_zone = models.CharField(_("Time zone"), max_length=64, default="UTC")
    is_active = models.BooleanField(_("Enabled"), default=True)
    kind = models.CharField(
        max_length=10,
        choices=Kind.choices,
        default=Kind.PERSON,
        editable=False,
        help_text=_("A service principal is a program: it never signs in, and its manager answers for it."),
    )
    is_break_glass = models.BooleanField(
        _("Break-glass account"),
        default=False,
        editable=False,
        help_text=_("For the day when nothing else works. Its every use raises an alarm."),
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    history = HistoricalRecords(excluded_fields=["password"])
    objects = UserManager.from_queryset(People)()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS = ["display_name"]

    class Meta:
        ordering = ["display_name", "email"]
        verbose_name = _("person")
        verbose_name_plural = _("people")
        constraints = [
            models.CheckConstraint(
                condition=Q(manager__isnull=True) | ~Q(manager=models.F("id")),
                name="nobody_manages_themselves",
            ),
            models.CheckConstraint(
                condition=Q(kind="person") | Q(is_break_glass=False), name="break_glass_is_a_person"
            ),
            models.CheckConstraint(
                condition=Q(kind="person") | Q(password__startswith="!"),  # noqa: S106
                name="service_has_no_password",
            ),
        ]
        indexes = [models.Index(fields=["kind", "display_name", "email", "id"], name="person_by_name")]

    def __str__(self) -> str:
        return self.display_name or self.email

    def clean(self) -> None:
        self.email = canonical_email(self.email)
        super().clean()
        if self.manager is not None and self.manager.is_service:
            raise ValidationError({"manager": _("A service principal manages nobody.")})
        if self.is_service and self.manager is None:
            raise ValidationError({"manager": _("Somebody has to answer for a service principal.")})

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.email = canonical_email(self.email)
        super().save(*args, **kwargs)

    def journal_context(self) -> dict[str, Any]:
        return {"about": self}

    @property
    def zone(self) -> ZoneInfo:
        """The person's time zone, for showing times; UTC when theirs is unknown."""
        try:
            return ZoneInfo(self.time_zone)
        except (KeyError, ValueError):
            return ZoneInfo("UTC")

    @property
    def is_service(self) -> bool:
        """Whether this is a program: it never signs in, and its manager answers for it."""
        return self.kind == self.Kind.SERVICE

    @property
    def reader(self) -> User | None:
        """Who reads what concerns them: they themselves; for a service principal whoever answers for it, if anybody."""
        return self.manager if self.is_service else self

    @property
    def initials(self) -> str:
        """At most two letters from the name, for the round mark."""
        words = [word for word in self.display_name.split() if word[0].isalpha()]
        return "".join(word[0] for word in (words[:1] + words[-1:] if len(words) > 1 else words)).upper()

    def is_same_human_as(self, other: User) -> bool:
        """Whether both accounts belong to one human."""
        return self.pk == other.pk or bool(self.person_key and self.person_key == other.person_key)


class Group(DjangoGroup):
    """A group of people. Who is in it, and until when, is told by ``Membership`` alone."""

    description = models.TextField(_("Description"), blank=True)
    history = HistoricalRecords()

    class Meta:
        ordering = ["name"]
        verbose_name = _("group")
        verbose_name_plural = _("groups")


class InTime(models.QuerySet[Any]):
    """Rows with ``starts_at`` and ``ends_at``: the end itself is already outside."""

    def in_force(self, at: datetime | None = None) -> InTime:
        """Rows that count at ``at`` (now when left out) and whose person is enabled."""
        moment = at or timezone.now()
        return self.filter(
            Q(ends_at__isnull=True) | Q(ends_at__gt=moment), starts_at__lte=moment, person__is_active=True
        )


class Membership(models.Model):
    """That a person is in a group, as a member or as its owner, for a time or for good."""

    class Kind(models.TextChoices):
        MEMBER = "member", _("Member")
        OWNER = "owner", _("Owner")

    class Origin(models.TextChoices):
        DIRECT = "direct", _("Direct")
        ACTIVATED = "activated", _("Activated")

    group = models.ForeignKey(
        Group, on_delete=models.CASCADE, related_name="memberships", verbose_name=_("Group")
    )
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="memberships",
        verbose_name=_("Person"),
    )
    kind = models.CharField(_("Kind"), max_length=10, choices=Kind.choices, default=Kind.MEMBER)
    origin = models.CharField(max_length=10, choices=Origin.choices, default=Origin.DIRECT, editable=False)
    starts_at = models.DateTimeField(_("Starts"), default=timezone.now)
    ends_at = models.DateTimeField(_("Ends"), null=True, blank=True)

    history = HistoricalRecords()
    objects = InTime.as_manager()

    class Meta:
        ordering = ["group", "person"]
        constraints = [
            models.UniqueConstraint(
                fields=["group", "person", "kind", "origin"], name="one_membership_of_a_kind"
            ),
            models.CheckConstraint(
                condition=Q(ends_at__isnull=True) | Q(ends_at__gt=models.F("starts_at")),
                name="membership_ends_after_start",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.person} in {self.group}"

    def clean(self) -> None:
        if self.person_id and self.person.is_service:
            raise ValidationError(
                {"person": _("A service principal is in no group. Give it the role itself.")}
            )

    def journal_context(self) -> dict[str, Any]:
        return {"about": self.person}


class DutyHolding(models.Model):
    """That a person holds a duty in the portal. Written by the ``portal`` connector only; over on time by itself."""

    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="duty_holdings"
    )
    duty = models.CharField(max_length=40, db_index=True)
    starts_at = models.DateTimeField(default=timezone.now)
    ends_at = models.DateTimeField(null=True, blank=True)

    history = HistoricalRecords()
    objects = InTime.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["person", "duty"], name="one_holding_per_duty")]

    def __str__(self) -> str:
        return f"{self.person}: {self.duty}"

    def journal_context(self) -> dict[str, Any]:
        return {"about": self.person}


# Down here, because the package behind it asks for User as soon as it is imported.
from accounts.absence_models import Absence  # noqa: E402
from accounts.mfa.passkey_models import Passkey  # noqa: E402
