"""The sentence for each action of the journal: one line of this table for each thing that can happen.

A sentence may speak of ``actor``, ``about``, ``other`` (who it is about, where that is not the actor), ``role``,
``directory``, ``subject``, ``access_request``, ``duration``, ``fields``, ``verb`` and any ``detail_<name>``. Where the
entry does not say one of them, the next sentence of the line is taken.
"""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from audit.sentences_of_requests import REQUESTS
from audit.sentences_of_reviews import REVIEWS

SENTENCES: dict[str, tuple[Any, ...]] = {
    **REQUESTS,
    **REVIEWS,
    # Role settings
    "settings_change.proposed": (_("%(actor)s asked for a change: %(subject)s"),),
    "settings_change.applied": (_("%(actor)s let it count: %(subject)s"),),
    "settings_change.refused": (_("%(actor)s refused: %(subject)s"),),
    "settings_change.withdrawn": (_("%(actor)s withdrew: %(subject)s"),),
    # Web hooks
    "hook.secret_replaced": (_("%(actor)s made a new secret for the web hook %(subject)s"),),
    "hook.tried": (
        _("%(actor)s tried the web hook %(subject)s: %(detail_came)s"),
        _("%(actor)s tried the web hook %(subject)s"),
    ),
    # Holding
    "eligibility.made": (
        _("%(actor)s made %(about)s eligible for %(role)s"),
        _("%(actor)s made people eligible for %(role)s: %(subject)s"),
    ),
    "eligibility.started": (
        _("%(about)s’s eligibility for %(role)s began"),
        _("An eligibility for %(role)s began: %(subject)s"),
    ),
    "eligibility.expired": (
        _("%(about)s’s eligibility for %(role)s expired"),
        _("An eligibility for %(role)s expired: %(subject)s"),
    ),
    "eligibility.removed": (
        _("%(actor)s removed %(about)s’s eligibility for %(role)s"),
        _("%(actor)s removed an eligibility for %(role)s: %(subject)s"),
    ),
    "eligibility.changed": (
        _("%(actor)s changed %(fields)s of %(about)s’s eligibility for %(role)s"),
        _("%(actor)s changed %(fields)s of an eligibility for %(role)s: %(subject)s"),
    ),
    "assignment.changed": (
        _("%(actor)s changed %(fields)s of %(about)s’s assignment of %(role)s"),
        _("%(actor)s changed %(fields)s of an assignment of %(role)s"),
    ),
    "assignment.adjusted": (
        _("%(directory)s knows the other end of %(role)s for %(about)s"),
        _("The directory knows another end of %(role)s"),
    ),
    "group_assignment.changed": (_("%(actor)s changed %(fields)s of what a group holds: %(subject)s"),),
    "eligibility.renewed": (_("%(actor)s renewed %(about)s’s eligibility for %(role)s"),),
    "assignment.begun": (_("%(about)s is to get %(role)s"),),
    "assignment.started": (_("The portal began to put %(role)s in force for %(about)s"),),
    "assignment.provisioned": (
        _("%(about)s holds %(role)s: %(directory)s confirmed it"),
        _("%(about)s holds %(role)s"),
    ),
    "assignment.ended": (
        _("%(about)s no longer holds %(role)s (%(detail_cause)s)"),
        _("%(about)s no longer holds %(role)s"),
    ),
    "assignment.deprovisioned": (
        _("%(directory)s confirmed that %(role)s is taken from %(about)s"),
        _("%(role)s is taken from %(about)s"),
    ),
    "assignment.given_again": (
        _("The portal tells %(directory)s again that %(about)s holds %(role)s"),
        _("The portal tells a directory again of %(role)s"),
    ),
    "directory.secret_replaced": (_("%(actor)s entered a new secret for %(directory)s"),),
    "directory.inspected": (_("%(actor)s had %(directory)s looked into"),),
    # What the portal may do in a directory
    "directory.managed": (_("%(actor)s let the portal manage %(subject)s"),),
    "directory.observed": (_("%(actor)s let the portal only observe %(subject)s"),),
    "directory.comparison_asked": (_("%(actor)s asked to compare %(subject)s with the portal"),),
    # What is done by hand
    "hand_task.asked": (_("The portal asked for something to be done by hand: %(subject)s"),),
    "hand_task.done": (_("%(actor)s did by hand: %(subject)s"),),
    "hand_task.refused": (_("%(actor)s could not do by hand: %(subject)s"),),
    "hand_task.withdrawn": (_("It need not be done by hand any more: %(subject)s"),),
    # What differs between a directory and the book
    "drift.found": (
        _("%(directory)s and the portal differ about %(role)s: %(subject)s"),
        _("A directory and the portal differ: %(subject)s"),
    ),
    "drift.changed": (_("It ends at another time in the directory now: %(subject)s"),),
    "drift.accepted": (_("%(actor)s left it as it is in the directory: %(subject)s"),),
    "drift.corrected": (_("%(actor)s had it put right in the directory: %(subject)s"),),
    "drift.adopted": (_("%(actor)s took over what the directory says: %(subject)s"),),
    "drift.removed": (
        _("What was given past the portal is gone from %(directory)s: %(subject)s"),
        _("What was given past the portal is gone: %(subject)s"),
    ),
    "drift.restored": (_("It stands in the directory again as the portal says: %(subject)s"),),
    "drift.gone": (_("The directory and the portal agree again: %(subject)s"),),
    "assignment.failed": (
        _("%(directory)s did not give %(role)s to %(about)s: %(detail_error)s"),
        _("%(role)s could not be put in force for %(about)s"),
    ),
    "group_assignment.begun": (_("%(actor)s gave %(role)s to a group: %(subject)s"),),
    "group_assignment.started": (_("A group’s assignment of %(role)s began: %(subject)s"),),
    "group_assignment.ended": (
        _("A group no longer holds %(role)s (%(detail_cause)s): %(subject)s"),
        _("A group no longer holds %(role)s: %(subject)s"),
    ),
    "group.managed": (_("%(actor)s made membership and ownership of a group roles: %(subject)s"),),
    # Proving who one is
    "sign_in.succeeded": (_("%(actor)s signed in"),),
    "sign_in.refused": (_("Signing in as %(about)s was refused"), _("Signing in was refused")),
    "sign_out.succeeded": (_("%(actor)s signed out"),),
    "factor.verified": (
        _("%(actor)s proved themselves with “%(detail_device)s”"),
        _("%(actor)s proved themselves with a second factor"),
    ),
    "factor.refused": (_("A second factor of %(about)s was refused"), _("A second factor was refused")),
    "factor.enrolled": (
        _("%(actor)s enrolled “%(detail_device)s” as a second factor"),
        _("%(actor)s enrolled a second factor"),
    ),
    "factor.disabled": (
        _("“%(detail_device)s” of %(about)s was locked after too many wrong codes"),
        _("A second factor of %(about)s was locked"),
    ),
    "factor.removed": (
        _("%(actor)s removed the second factor “%(detail_device)s” of %(other)s"),
        _("%(actor)s removed their second factor “%(detail_device)s”"),
        _("%(actor)s removed a second factor"),
    ),
    "recovery_codes.replaced": (_("%(actor)s made new recovery codes"),),
    "password.changed": (_("%(actor)s changed their password"),),
    "password.set": (_("%(actor)s set a password"),),
    # People
    "service.added": (_("%(actor)s added the service principal %(subject)s"),),
    "person.invited": (_("%(actor)s invited %(about)s"), _("%(actor)s invited somebody")),
    "person.joined": (_("%(about)s joined with a password and a second factor"), _("Somebody joined")),
    "person.helped": (
        _("%(actor)s helped %(about)s after losing a second factor"),
        _("%(actor)s helped somebody"),
    ),
    "break_glass.named": (
        _("%(actor)s named %(about)s a break-glass account"),
        _("%(actor)s named somebody a break-glass account"),
    ),
    "break_glass.unnamed": (
        _("%(actor)s said that %(about)s is no break-glass account any more"),
        _("%(actor)s took the name of a break-glass account back"),
    ),
    "person.disabled": (_("%(actor)s disabled %(about)s"), _("%(actor)s disabled somebody")),
    "person.enabled": (_("%(actor)s enabled %(about)s again"), _("%(actor)s enabled somebody again")),
    # The portal itself
    "portal.bootstrapped": (
        _("The portal was set up on the console: %(subject)s is the first administrator"),
        _("The portal was set up on the console"),
    ),
    "demo.made": (_("Demo data was put in"),),
    # The book itself
    "assignments.exported": (_("%(actor)s downloaded a list of assignments"),),
    "scale.seeded": (
        _("%(actor)s filled the portal with invented people and roles, without a history of their own"),
    ),
    "journal.exported": (
        _("%(actor)s downloaded the %(detail_scope)s as %(detail_format)s: %(detail_count)s rows"),
        _("%(actor)s downloaded the journal"),
    ),
    "alert.raised": (_("%(actor)s raised an alert: %(subject)s"),),
    "alert.worsened": (_("An alert got worse: %(subject)s"),),
    "alert.acknowledged": (_("%(actor)s took up the alert “%(subject)s”"),),
    "alert.resolved": (_("%(actor)s resolved the alert “%(subject)s”"),),
    "alert.dismissed": (_("%(actor)s dismissed the alert “%(subject)s”"),),
}

REFUSED: tuple[Any, ...] = (
    _("%(actor)s was refused (%(verb)s, %(subject)s): %(detail_why)s"),
    _("%(actor)s was refused (%(verb)s)"),
    _("%(actor)s was refused"),
)

# What is edited: who added, changed or removed which thing.
ANY_CREATED: tuple[Any, ...] = (_("%(actor)s added %(thing)s: %(subject)s"),)
ANY_CHANGED: tuple[Any, ...] = (
    _("%(actor)s changed %(fields)s of %(thing)s “%(subject)s”"),
    _("%(actor)s changed %(thing)s “%(subject)s”"),
)
ANY_DELETED: tuple[Any, ...] = (_("%(actor)s removed %(thing)s: %(subject)s"),)

UNKNOWN = _("%(actor)s: %(action)s, %(subject)s")

#: what an edited model is called in a sentence; others are called by their noun
THINGS: dict[str, Any] = {
    "person": _("the person"),
    "group": _("the group"),
    "membership": _("the membership"),
    "duty_holding": _("the duty"),
    "directory": _("the directory"),
    "scope": _("the scope"),
    "account": _("the account"),
    "role": _("the role"),
    "absence": _("the absence"),
    "separation_rule": _("the separation rule"),
    "automatic_rule": _("the automatic rule"),
    "calendar": _("the calendar"),
    "hook": _("the web hook"),
    "review_series": _("the access review"),
    "separated_role": _("the role of a separation rule"),
    "role_settings": _("the role settings"),
    "approver": _("the approver"),
    "directory_person_appointment": _("the appointment"),
    "directory_group_appointment": _("the appointment"),
    "role_person_appointment": _("the appointment"),
    "role_group_appointment": _("the appointment"),
}
