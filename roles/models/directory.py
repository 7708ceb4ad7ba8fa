"""Connected places with roles of their own, the tree of scopes in each, and people's accounts there."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from accounts.models import User

PORTAL_KIND = "portal"
GROUPS_KIND = "groups"
BY_HAND_KIND = "by_hand"
#: directories whose rights stand in the portal's own database
INSIDE = (PORTAL_KIND, GROUPS_KIND)

secret_reference = RegexValidator(
    r"\A(env:[A-Z][A-Z0-9_]*|file:/.+)\Z",
    _(
        "Name where the secret is kept: env:NAME or file:/path. The secret itself is not stored in the portal."
    ),
)


class Directory(models.Model):
    """A connected place with its own roles: a database server, an Entra tenant, the portal itself."""

    class AccountNames(models.TextChoices):
        """How a person's account is called in a directory, where no ``Account`` says otherwise."""

        LOCAL_PART = "local_part", _("The part of the email before the @")
        EMAIL = "email", _("The email")
        LISTED = "listed", _("Only as listed")

    class Mode(models.TextChoices):
        """What the portal may do there."""

        OBSERVE = "observe", _("Observed: nothing is changed there")
        MANAGE = "manage", _("Managed")

    class Answer(models.TextChoices):
        """What is done by itself about a difference between the book and a directory."""

        REPORT = "report", _("Report it")
        CORRECT = "correct", _("Make the directory as the portal says")
        ADOPT = "adopt", _("Make the portal as the directory says")

    name = models.CharField(_("Name"), max_length=100, unique=True)
    kind = models.CharField(_("Kind"), max_length=40, help_text=_("The connector that speaks to it."))
    description = models.TextField(_("Description"), blank=True)
    connection = models.JSONField(
        _("Connection"), default=dict, blank=True, help_text=_("Host, port and the like; never a secret.")
    )
    secret = models.CharField(_("Secret"), max_length=300, blank=True, validators=[secret_reference])
    sealed_secret = models.TextField(
        blank=True, editable=False, help_text="for this row alone, and for a process that has the private key"
    )
    is_guarded = models.BooleanField(
        default=False,
        editable=False,
        help_text="somebody entered its address: it is looked at each time before it is called",
    )
    account_names = models.CharField(
        _("Account names"), max_length=20, choices=AccountNames.choices, default=AccountNames.LOCAL_PART
    )
    mode = models.CharField(max_length=10, choices=Mode.choices, default=Mode.MANAGE, editable=False)
    on_found_outside = models.CharField(
        _("A right that was given outside"), max_length=10, choices=Answer.choices, default=Answer.REPORT
    )
    on_missing = models.CharField(
        _("A right that was taken away outside"), max_length=10, choices=Answer.choices, default=Answer.REPORT
    )
    on_other_end = models.CharField(
        _("A right that ends at another time there"),
        max_length=10,
        choices=Answer.choices,
        default=Answer.CORRECT,
    )
    adopt_days = models.PositiveSmallIntegerField(
        _("Days that an adopted right lasts"), default=14, validators=[MinValueValidator(1)]
    )

    history = HistoricalRecords(excluded_fields=["sealed_secret"])

    class Meta:
        ordering = ["name"]
        verbose_name = _("directory")
        verbose_name_plural = _("directories")
        default_permissions = ()
        permissions = [
            ("own_directory", _("Owns the directory")),
            ("review_directory", _("Reviews the directory")),
            ("read_directory", _("Reads the directory")),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["kind"], condition=Q(kind=PORTAL_KIND), name="one_portal_directory"
            )
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        if any(
            word in key.lower() for key in self.connection for word in ("password", "secret", "token", "key")
        ):
            raise ValidationError({"connection": _("A secret does not belong here: name it under Secret.")})
        if self.is_inside and Directory.objects.filter(kind=self.kind).exclude(pk=self.pk).exists():
            raise ValidationError({"kind": _("There is one of this kind already, and it is the only one.")})

    @property
    def is_portal(self) -> bool:
        """Whether this is the portal's own directory, whose roles are duties."""
        return self.kind == PORTAL_KIND

    @property
    def is_observed(self) -> bool:
        """Whether the portal looks only, and changes nothing there."""
        return self.mode == self.Mode.OBSERVE

    @property
    def is_inside(self) -> bool:
        """Whether its rights stand in the portal's own database, and so begin and end with the act itself."""
        return self.kind in INSIDE

    def journal_context(self) -> dict[str, Any]:
        return {"directory": self.name}

    def account_of(self, person: Any) -> str:
        """The name of ``person`` in this directory; "" when they have none there, or it would be somebody else's too."""
        if self.is_inside:
            return str(person.pk)
        listed = self.accounts.filter(person=person).first()
        if listed:
            return str(listed.name)
        name = {"email": str(person.email), "local_part": str(person.email).partition("@")[0]}.get(
            self.account_names, ""
        )
        return "" if self._is_shared(name, person) else name

    def _is_shared(self, name: str, person: Any) -> bool:
        """Whether another person, enabled or not, would go by ``name`` here: then nobody does until it is listed."""
        others = User.objects.exclude(pk=person.pk)
        if (
            self.account_names == self.AccountNames.LOCAL_PART
            and others.filter(email__startswith=f"{name}@").exists()
        ):
            return True
        return bool(self.accounts.filter(name=name).exclude(person=person).exists())

    def root_scope(self) -> Scope:
        """The whole directory, the root of its tree of scopes."""
        return Scope.objects.get_or_create(directory=self, parent=None, defaults={"name": self.name})[0]


class Scopes(models.QuerySet["Scope"]):
    """Questions about scopes."""

    def within(self, scope: Scope) -> Scopes:
        """``scope`` itself and all beneath it."""
        beneath = Q(directory=scope.directory_id, lineage__startswith=scope.lineage_beneath)
        return self.filter(Q(pk=scope.pk) | beneath)

    def overlapping(self, scope: Scope) -> Scopes:
        """All at which access counts for some of what it counts for at ``scope``: itself, above it and beneath."""
        return self.filter(pk__in=scope.line) | self.within(scope)


class Scope(models.Model):
    """A node of a directory where a role counts. Access flows down the tree."""

    directory = models.ForeignKey(Directory, on_delete=models.PROTECT, related_name="scopes")
    parent = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="children"
    )
    name = models.CharField(max_length=200)
    path = models.CharField(max_length=500, default="/", help_text="the directory's own name for the node")
    lineage = models.CharField(
        max_length=500, default="/", editable=False, help_text="keys of the nodes above, from the root: /1/5/"
    )

    history = HistoricalRecords()
    objects = Scopes.as_manager()

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["directory", "path"], name="one_scope_per_path"),
            models.UniqueConstraint(
                fields=["directory"], condition=Q(parent__isnull=True), name="one_root_scope"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.lineage = self.parent.lineage_beneath if self.parent else "/"
        super().save(*args, **kwargs)

    @property
    def is_root(self) -> bool:
        """Whether this is the whole directory."""
        return self.parent_id is None

    @property
    def line(self) -> list[int]:
        """The keys of this node and of those above it, nearest first. Access given at any of them counts here."""
        above = [int(key) for key in self.lineage.split("/") if key]
        return [self.pk, *reversed(above)]

    def is_within(self, other: Scope) -> bool:
        """Whether this is ``other``, or beneath it."""
        return other.pk in self.line

    def overlaps(self, other: Scope) -> bool:
        """Whether access at one of the two counts for some of what it counts for at the other."""
        return self.is_within(other) or other.is_within(self)

    @property
    def lineage_beneath(self) -> str:
        """What the lineage of every node beneath begins with."""
        return f"{self.lineage}{self.pk}/"

    def journal_context(self) -> dict[str, Any]:
        return {"directory": self.directory.name}


class Account(models.Model):
    """The name of a person in a directory, where it does not follow from the directory's rule."""

    directory = models.ForeignKey(Directory, on_delete=models.CASCADE, related_name="accounts")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="accounts")
    name = models.CharField(max_length=200)

    history = HistoricalRecords()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["directory", "person"], name="one_account_per_person"),
            models.UniqueConstraint(fields=["directory", "name"], name="one_person_per_account"),
        ]

    def __str__(self) -> str:
        return self.name

    def journal_context(self) -> dict[str, Any]:
        return {"about": self.person, "directory": self.directory.name}


class Heartbeat(models.Model):
    """When something that must run all the time was last seen running, for the dead-man check."""

    name = models.CharField(max_length=60, primary_key=True)
    at = models.DateTimeField()
    note = models.CharField(max_length=300, blank=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.name} at {self.at:%H:%M:%S}"
