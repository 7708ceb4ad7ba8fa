"""The sentences for asking and answering: requests, decisions, and what decides in a person's place. See ``audit.sentences``."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

REQUESTS: dict[str, tuple[Any, ...]] = {
    "activation.requested": (
        _("%(actor)s asked for %(role)s for %(duration)s"),
        _("%(actor)s asked for %(role)s"),
    ),
    "activation.approved": (
        _("%(actor)s approved %(role)s for %(other)s"),
        _("%(actor)s approved %(role)s"),
    ),
    "activation.denied": (_("%(actor)s denied %(role)s to %(about)s"), _("%(actor)s denied %(role)s")),
    "activation.canceled": (
        _("%(actor)s canceled %(other)s’s request for %(role)s"),
        _("%(actor)s canceled their request for %(role)s"),
    ),
    "activation.timed_out": (_("Nobody decided in time on %(about)s’s request for %(role)s"),),
    "activation.failed": (
        _("%(about)s’s request for %(role)s could no longer be carried out: %(detail_why)s"),
        _("%(about)s’s request for %(role)s could no longer be carried out"),
    ),
    "activation.stage_approved": (
        _("%(actor)s approved %(role)s for %(about)s, and others have yet to"),
        _("%(actor)s approved %(role)s, and others have yet to"),
    ),
    "activation.stage_begun": (_("%(about)s’s request for %(role)s went on to its next stage"),),
    "activation.escalated": (
        _("%(about)s’s request for %(role)s was not decided in time; others were asked too"),
    ),
    "activation.passed_to_administrators": (
        _("Nobody named could decide on %(about)s’s request for %(role)s; the administrators were asked"),
    ),
    "activation.asked_back": (_("%(actor)s asked %(about)s about the request for %(role)s"),),
    "activation.answered": (_("%(actor)s answered a question about the request for %(role)s"),),
    "activation.changed": (
        _("%(actor)s changed the request for %(role)s; approvals given before no longer count"),
    ),
    "emergency.activated": (
        _("%(actor)s activated %(role)s for %(duration)s in an emergency, without approval"),
        _("%(actor)s activated %(role)s in an emergency, without approval"),
    ),
    "emergency.reviewed": (
        _("%(actor)s reviewed the emergency activation of %(role)s by %(other)s: %(detail_found)s"),
        _("%(actor)s reviewed an emergency activation of %(role)s"),
    ),
    "emergency.reminded": (
        _(
            "Nobody had reviewed the emergency activation of %(role)s by %(about)s; those who may were reminded"
        ),
    ),
    **{
        f"{noun}.{what}": sentences
        for noun in ("activation", "prolongation")
        for what, sentences in {
            "hook_asked": (_("“%(detail_hook)s” was asked about %(about)s’s request for %(role)s"),),
            "hook_answered": (
                _("“%(detail_hook)s” answered about %(about)s’s request for %(role)s: %(detail_says)s"),
            ),
            "hook_silent": (
                _("“%(detail_hook)s” did not answer about %(about)s’s request for %(role)s: %(detail_why)s"),
            ),
        }.items()
    },
    "prolongation.stage_approved": (
        _("%(actor)s approved %(role)s for %(about)s, and others have yet to"),
        _("%(actor)s approved %(role)s, and others have yet to"),
    ),
    "prolongation.stage_begun": (_("%(about)s’s request for %(role)s went on to its next stage"),),
    "prolongation.escalated": (
        _("%(about)s’s request for %(role)s was not decided in time; others were asked too"),
    ),
    "prolongation.passed_to_administrators": (
        _("Nobody named could decide on %(about)s’s request for %(role)s; the administrators were asked"),
    ),
    "prolongation.asked_back": (_("%(actor)s asked %(about)s about the request for %(role)s"),),
    "prolongation.answered": (_("%(actor)s answered a question about the request for %(role)s"),),
    "prolongation.changed": (
        _("%(actor)s changed the request for %(role)s; approvals given before no longer count"),
    ),
    "prolongation.requested": (
        _("%(actor)s asked for %(duration)s more with %(role)s"),
        _("%(actor)s asked for more time with %(role)s"),
    ),
    "prolongation.approved": (
        _("%(actor)s approved more time with %(role)s for %(other)s"),
        _("%(actor)s approved more time with %(role)s"),
    ),
    "prolongation.denied": (_("%(actor)s denied %(about)s more time with %(role)s"),),
    "prolongation.canceled": (_("%(actor)s canceled the request for more time with %(role)s"),),
    "prolongation.timed_out": (_("Nobody decided in time on more time with %(role)s for %(about)s"),),
    "prolongation.failed": (
        _("More time with %(role)s for %(about)s was no longer possible: %(detail_why)s"),
        _("More time with %(role)s was no longer possible"),
    ),
    "activation.decided_by_rule": (
        _(
            "The rule “%(detail_name)s” (%(detail_rule)s) decided on %(role)s for %(about)s: %(detail_verdict)s"
        ),
        _("A rule decided on %(role)s"),
    ),
    "prolongation.decided_by_rule": (
        _(
            "The rule “%(detail_name)s” (%(detail_rule)s) decided on more time with %(role)s for %(about)s: "
            "%(detail_verdict)s"
        ),
        _("A rule decided on more time with %(role)s"),
    ),
    "activation.left_to_people": (
        _(
            "It could not be told whether a rule denies %(role)s to %(about)s (%(detail_rules)s): people decide"
        ),
        _("It could not be told whether a rule denies %(role)s: people decide"),
    ),
    "prolongation.left_to_people": (
        _(
            "It could not be told whether a rule denies more time with %(role)s (%(detail_rules)s): people decide"
        ),
    ),
    "calendar.fetch_asked": (_("%(actor)s had the calendar “%(subject)s” fetched"),),
    "deactivation.requested": (_("%(actor)s gave %(role)s back"),),
    "deactivation.approved": (_("Giving %(role)s back needed nobody’s approval"),),
    "assignment.requested": (
        _("%(actor)s asked that %(about)s gets %(role)s"),
        _("%(actor)s asked to assign %(role)s"),
    ),
    "assignment.approved": (
        _("%(actor)s approved the assignment of %(role)s to %(about)s"),
        _("%(actor)s approved the assignment of %(role)s"),
    ),
    "eligibility.requested": (_("%(actor)s asked to make %(about)s eligible for %(role)s"),),
    "eligibility.approved": (
        _("%(actor)s approved that %(about)s is eligible for %(role)s"),
        _("%(actor)s approved an eligibility for %(role)s"),
    ),
    "removal.requested": (
        _("%(actor)s asked to take %(role)s from %(about)s"),
        _("%(actor)s asked to remove %(role)s"),
    ),
    "removal.approved": (
        _("%(actor)s approved taking %(role)s from %(about)s"),
        _("%(actor)s approved removing %(role)s"),
    ),
    "change.requested": (
        _("%(actor)s asked to change %(role)s of %(about)s"),
        _("%(actor)s asked to change %(role)s of a group"),
    ),
    "change.approved": (
        _("%(actor)s approved changing %(role)s of %(about)s"),
        _("%(actor)s approved changing %(role)s of a group"),
    ),
    "extension.requested": (
        _("%(actor)s asked to extend %(role)s of %(other)s"),
        _("%(actor)s asked to extend %(role)s"),
    ),
    "extension.approved": (
        _("%(actor)s approved that %(about)s keeps %(role)s"),
        _("%(actor)s approved extending %(role)s"),
    ),
    "extension.denied": (_("%(actor)s denied extending %(role)s to %(about)s"),),
    "extension.canceled": (_("%(actor)s canceled the request to extend %(role)s"),),
    "extension.timed_out": (_("Nobody decided in time on extending %(role)s for %(about)s"),),
    "extension.failed": (
        _("Extending %(role)s for %(about)s was no longer possible: %(detail_why)s"),
        _("Extending %(role)s was no longer possible"),
    ),
    "renewal.requested": (
        _("%(actor)s asked to renew %(role)s of %(other)s"),
        _("%(actor)s asked to renew %(role)s"),
    ),
    "renewal.approved": (
        _("%(actor)s approved that %(about)s has %(role)s again"),
        _("%(actor)s approved renewing %(role)s"),
    ),
    "renewal.denied": (_("%(actor)s denied renewing %(role)s to %(about)s"),),
    "renewal.canceled": (_("%(actor)s canceled the request to renew %(role)s"),),
    "renewal.timed_out": (_("Nobody decided in time on renewing %(role)s for %(about)s"),),
    "renewal.failed": (
        _("Renewing %(role)s for %(about)s was no longer possible: %(detail_why)s"),
        _("Renewing %(role)s was no longer possible"),
    ),
    "eligibilities.copied": (
        _("%(actor)s copied %(detail_count)s eligibilities of %(detail_from)s to %(about)s"),
        _("%(actor)s copied eligibilities to %(about)s"),
    ),
    "assignments.imported": (_("%(actor)s imported a file of assignments"),),
    "person.stripped": (_("%(actor)s ended everything %(about)s held"),),
}
