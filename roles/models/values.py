"""The values that role settings consist of: as plain values that count for one act, and as columns that may stay silent."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

DAY = 24 * 60  # minutes


class Factor(models.TextChoices):
    """The proof of identity asked on activation, from none to the strongest."""

    NONE = "none", _("Nothing beyond signing in")
    RECENT = "recent", _("Second factor, if not fresh")
    EVERY_TIME = "every_time", _("Second factor, every time")
    PASSKEY = "passkey", _("Passkey, every time")


class IfNobody(models.TextChoices):
    """What comes of a request on which nobody can decide: nobody is named, or all who are have left or ask themselves."""

    ADMINISTRATORS = "administrators", _("The role administrators decide")
    REFUSE = "refuse", _("It is refused")
    WAIT = "wait", _("It waits until its time is over")


class IfSilent(models.TextChoices):
    """What comes of a request when the web hook that is asked first does not answer."""

    REFUSE = "refuse", _("It is refused")
    GO_ON = "go_on", _("It goes on as if the hook had said yes")


class Occasion(models.TextChoices):
    """What is told: the rows of the notification matrix (Microsoft Entra PIM, role settings)."""

    ELIGIBLE = "eligible", _("Someone is made eligible")
    ACTIVE = "active", _("Someone is made active")
    ACTIVATION = "activation", _("Someone activates")


class Audience(models.TextChoices):
    """Who is told: the columns of the notification matrix."""

    ADMINISTRATORS = "administrators", _("Administrators")
    HOLDER = "holder", _("The person")
    APPROVERS = "approvers", _("Approvers")


@dataclass(frozen=True)
class Telling:
    """One cell of the notification matrix.

    Args:
        usual: whether the usual people of this column are told.
        also: further mail addresses, of people who need have no part in the portal.
        only_needed: only what asks somebody to act.
    """

    usual: bool = True
    also: tuple[str, ...] = ()
    only_needed: bool = False

    @classmethod
    def from_json(cls, stored: Any) -> Telling:
        """The cell as it was stored; what is not said has its default."""
        said = stored if isinstance(stored, dict) else {}
        return cls(
            usual=bool(said.get("usual", True)),
            also=tuple(str(address) for address in said.get("also", ())),
            only_needed=bool(said.get("only_needed", False)),
        )

    def as_json(self) -> dict[str, Any]:
        """For storing."""
        return {"usual": self.usual, "also": list(self.also), "only_needed": self.only_needed}


def cell_name(occasion: str, audience: str) -> str:
    """The name of the value that holds a cell of the matrix."""
    return f"tell_{occasion}_{audience}"


@dataclass(frozen=True)
class EffectiveSettings:
    """The settings that count for one role at one scope, as plain values; copied onto a request that is made under them.

    The defaults here are those of the portal, where nothing above a role says otherwise.

    Args:
        max_minutes: the longest activation.
        factor: one of ``Factor``; factor_minutes: how old a second factor may be for ``Factor.RECENT``.
        justification_least: fewest characters; justification_pattern, ticket_pattern: a regular expression that must
            match all of it; empty asks for nothing.
        ticket_systems: names of the systems a ticket may be of, one a line; empty is any.
        approval_hours: how long a request waits for a decision.
        approval_factor: whether who decides proves themselves for this very decision.
        if_nobody: one of ``IfNobody``.
        asking_stops_clock: whether the deadline waits while a question of an approver is open.
        day_minutes: for how long one person may hold it within any 24 hours, in minutes; 0 is no limit but the longest
            activation.
        hook: the key of the web hook that is asked before anybody else; "" is none. hook_may_approve: whether its yes
            can stand in for an approval; hook_silent: one of ``IfSilent``.
        automatic: the automatic rules that may decide, ``key.version`` one a line; "" is none.
        emergency_allowed: whether approval may be skipped in an emergency, with a review afterwards.
        eligible_permanent, active_permanent: whether it may be given without an end; where it may not,
            eligible_days, active_days say how long at most.
        active_factor, active_justification, active_ticket: asked of the administrator who makes somebody active.
        tell_*: the notification matrix.
    """

    max_minutes: int = 8 * 60
    factor: str = Factor.EVERY_TIME
    factor_minutes: int = 15
    justification_required: bool = True
    justification_least: int = 0
    justification_pattern: str = ""
    ticket_required: bool = False
    ticket_systems: str = ""
    ticket_pattern: str = ""
    approval_required: bool = False
    approval_hours: int = 24
    approval_factor: bool = False
    if_nobody: str = IfNobody.ADMINISTRATORS
    asking_stops_clock: bool = True
    day_minutes: int = 0
    hook: str = ""
    hook_may_approve: bool = False
    hook_silent: str = IfSilent.REFUSE
    automatic: str = ""
    emergency_allowed: bool = False
    eligible_permanent: bool = True
    eligible_days: int = 365
    active_permanent: bool = False
    active_days: int = 180
    active_factor: bool = False
    active_justification: bool = True
    active_ticket: bool = False
    tell_eligible_administrators: Telling = Telling()
    tell_eligible_holder: Telling = Telling()
    tell_eligible_approvers: Telling = Telling()
    tell_active_administrators: Telling = Telling()
    tell_active_holder: Telling = Telling()
    tell_active_approvers: Telling = Telling()
    tell_activation_administrators: Telling = Telling(usual=False)
    tell_activation_holder: Telling = Telling()
    tell_activation_approvers: Telling = Telling()

    @property
    def oldest_factor(self) -> int | None:
        """How old a second factor may be, in minutes; 0 asks for one for this very act, None for none."""
        return {Factor.NONE: None, Factor.RECENT: self.factor_minutes}.get(Factor(self.factor), 0)

    @property
    def systems(self) -> list[str]:
        """The systems a ticket may be of."""
        return [line.strip() for line in self.ticket_systems.splitlines() if line.strip()]

    @property
    def automatic_rules(self) -> list[str]:
        """The automatic rules that may decide, each ``key.version``."""
        return self.automatic.split()

    def telling(self, occasion: str, audience: str) -> Telling:
        """A cell of the notification matrix."""
        cell: Telling = getattr(self, cell_name(occasion, audience))
        return cell

    def as_json(self) -> dict[str, Any]:
        """For storing with a request."""
        return {
            name: value.as_json() if isinstance(value, Telling) else value
            for name, value in ((one.name, getattr(self, one.name)) for one in fields(self))
        }

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> EffectiveSettings:
        """The settings as they were stored with a request; values that did not exist then have their defaults."""
        return cls(**{name: plain(name, value) for name, value in stored.items() if name in VALUES})


#: the names of all values, in the order of the pages that show them
VALUES: tuple[str, ...] = tuple(one.name for one in fields(EffectiveSettings))
CELLS: tuple[str, ...] = tuple(cell_name(row, column) for row in Occasion for column in Audience)


def plain(name: str, value: Any) -> Any:
    """A value as ``EffectiveSettings`` has it, from what a column or a stored document has."""
    return Telling.from_json(value) if name in CELLS else value


class SettingsValues(models.Model):
    """A column for each value of ``EffectiveSettings``. None says nothing: then a level above counts."""

    max_minutes = models.PositiveIntegerField(
        _("Longest activation, in minutes"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(DAY)],
    )
    factor = models.CharField(
        _("Proof of identity"), max_length=12, null=True, blank=True, choices=Factor.choices
    )
    factor_minutes = models.PositiveIntegerField(
        _("Second factor not older than, in minutes"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(DAY)],
    )
    justification_required = models.BooleanField(_("Justification required"), null=True, blank=True)
    justification_least = models.PositiveIntegerField(
        _("Fewest characters of a justification"), null=True, blank=True, validators=[MaxValueValidator(500)]
    )
    justification_pattern = models.CharField(
        _("Pattern of a justification"), max_length=200, null=True, blank=True
    )
    ticket_required = models.BooleanField(_("Ticket required"), null=True, blank=True)
    ticket_systems = models.TextField(_("Ticket systems"), null=True, blank=True)
    ticket_pattern = models.CharField(_("Pattern of a ticket"), max_length=200, null=True, blank=True)
    approval_required = models.BooleanField(_("Approval required"), null=True, blank=True)
    approval_hours = models.PositiveIntegerField(
        _("A request waits at most, in hours"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(14 * 24)],
    )
    approval_factor = models.BooleanField(_("Second factor to decide"), null=True, blank=True)
    if_nobody = models.CharField(
        _("When nobody can decide"), max_length=16, null=True, blank=True, choices=IfNobody.choices
    )
    asking_stops_clock = models.BooleanField(_("A question stops the clock"), null=True, blank=True)
    day_minutes = models.PositiveIntegerField(
        _("Longest within 24 hours, in minutes"), null=True, blank=True, validators=[MaxValueValidator(DAY)]
    )
    hook = models.CharField(_("Web hook that is asked first"), max_length=60, null=True, blank=True)
    hook_may_approve = models.BooleanField(_("Its yes can stand in for approval"), null=True, blank=True)
    hook_silent = models.CharField(
        _("When it does not answer"), max_length=10, null=True, blank=True, choices=IfSilent.choices
    )
    automatic = models.TextField(_("Automatic rules"), null=True, blank=True)
    emergency_allowed = models.BooleanField(_("Emergency activation"), null=True, blank=True)
    eligible_permanent = models.BooleanField(_("Eligible without an end"), null=True, blank=True)
    eligible_days = models.PositiveIntegerField(
        _("Eligible at most, in days"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(3650)],
    )
    active_permanent = models.BooleanField(_("Active without an end"), null=True, blank=True)
    active_days = models.PositiveIntegerField(
        _("Active at most, in days"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(3650)],
    )
    active_factor = models.BooleanField(_("Second factor to make active"), null=True, blank=True)
    active_justification = models.BooleanField(_("Justification to make active"), null=True, blank=True)
    active_ticket = models.BooleanField(_("Ticket to make active"), null=True, blank=True)
    tell_eligible_administrators = models.JSONField(null=True, blank=True)
    tell_eligible_holder = models.JSONField(null=True, blank=True)
    tell_eligible_approvers = models.JSONField(null=True, blank=True)
    tell_active_administrators = models.JSONField(null=True, blank=True)
    tell_active_holder = models.JSONField(null=True, blank=True)
    tell_active_approvers = models.JSONField(null=True, blank=True)
    tell_activation_administrators = models.JSONField(null=True, blank=True)
    tell_activation_holder = models.JSONField(null=True, blank=True)
    tell_activation_approvers = models.JSONField(null=True, blank=True)

    class Meta:
        abstract = True

    def said(self) -> dict[str, Any]:
        """What these settings say themselves, by name; what they inherit is left out."""
        return {name: getattr(self, name) for name in VALUES if getattr(self, name) is not None}
