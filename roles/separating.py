"""Keeping apart what one human may not hold together: the rules, and ending what breaks them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.duties import ALERT_KEEPERS, ROLE_ADMINISTRATORS, require
from audit.alerts.alerting import raise_alert, resolve_alert
from audit.alerts.models import Alert
from audit.journal.actor import PORTAL, Actor
from audit.journal.lifecycle import begin_lives
from audit.journal.recording import delete_as, journaled, save_as, take_the_pen
from audit.journal.refusing import Overtaken, Refused, refusing_what_is_invalid
from roles.guarding import LastHolder, check_may_lose
from roles.models import Assignment, EndCause, Role, SeparatedRole, SeparationRule
from roles.permissions import people_with_duty
from roles.provisioning import end_all, end_assignment
from roles.separation import Conflict, version_of, violations

NOT_KEPT_APART = "roles_not_kept_apart"  # kind of alert
LEAST_ROLES = 2
BATCH = 200  # ended in one round of the sweep


@journaled
def save_rule(
    rule: SeparationRule, *, actor: Actor, roles: Collection[Role], seen: str = ""
) -> SeparationRule:
    """Keep a rule, new or changed: nobody holds two of ``roles`` from now on.

    Whoever holds two of them at this moment loses what they got last, within seconds.

    Args:
        seen: ``version_of`` it when the page was made, if there was one.

    Raises:
        NotAllowed: no duty for this.
        Overtaken: somebody removed or changed it meanwhile.
        Refused: it has no name or reason, the name is taken, or there are fewer than two roles.
    """
    require(actor, *ROLE_ADMINISTRATORS)
    if rule.pk and not SeparationRule.objects.filter(pk=rule.pk).exists():
        raise Overtaken
    if seen and seen != version_of(rule):
        raise Overtaken
    rule.name, rule.reason = rule.name.strip(), rule.reason.strip()
    with refusing_what_is_invalid():
        rule.full_clean()
    if len({role.pk for role in roles}) < LEAST_ROLES:
        raise Refused(_("Name at least two roles."), field="find", code="too_few_roles")
    save_as(rule, actor=actor)
    wanted = {role.pk: role for role in roles}
    for separated in rule.separated.select_related("role__directory"):
        if wanted.pop(separated.role_id, None) is None:
            delete_as(separated, actor=actor)
    for role in wanted.values():
        save_as(SeparatedRole(rule=rule, role=role), actor=actor)
    return rule


@journaled
def remove_rule(rule: SeparationRule, *, actor: Actor) -> None:
    """Forget a rule: its roles may be held together again.

    Raises:
        NotAllowed: no duty for this.
        Overtaken: somebody removed it already.
    """
    require(actor, *ROLE_ADMINISTRATORS)
    if not SeparationRule.objects.filter(pk=rule.pk).exists():
        raise Overtaken
    for separated in rule.separated.select_related("role__directory"):
        delete_as(separated, actor=actor)
    delete_as(rule, actor=actor)


def keep_apart() -> None:
    """End what is held against a rule: of what one human holds, all that began after the first; called by the sweep.

    So it comes to be: a rule was made or switched on, accounts turned out to be one human's, or a scheduled start has
    come. What the last holder of a protected role holds stays, and an alert says so.
    """
    if not violations():
        return
    with transaction.atomic():
        # Asked again with the pen in hand: the rule, or what stood in the way, may be gone meanwhile.
        take_the_pen()
        late = [one for some in violations().values() for together in some for one in together.late]
        for conflict in late[:BATCH]:
            _end_late(conflict)


def _end_late(conflict: Conflict) -> None:
    assignment = conflict.wanted.assignment
    if assignment is None:
        return
    try:
        check_may_lose(assignment)  # asked first: a refusal would be recorded with every sweep
    except LastHolder as refusal:
        _alarm(conflict, assignment, why=refusal.message)
        return
    with suppress(Overtaken):  # by the same human's breaking two rules with it
        why = rule_in_words(conflict)
        end_assignment(assignment, actor=PORTAL, cause=EndCause.SEPARATED, justification=why)


def rule_in_words(conflict: Conflict) -> str:
    """Which rule it was, for the journal."""
    return _("Separation rule “%(rule)s”. %(why)s") % {"rule": conflict.rule, "why": conflict}


def write_down_as_separated(parts: Sequence[Assignment], *, actor: Actor, whys: Sequence[str]) -> None:
    """Write down what was to begin and could not: it ended before it was ever in force, and its holder is told.

    For verbs, inside their transaction.

    Args:
        parts: not saved yet; whys: for each which rule it was.
    """
    now = timezone.now()
    for one in parts:
        one.account = one.role.directory.account_of(one.person)
        one.next_try_at = now
    begin_lives(parts, actor=actor, action="assignment.begun")
    for one, why in zip(parts, whys, strict=True):
        end_all([one], actor=PORTAL, cause=EndCause.SEPARATED, justification=why)


def _alarm(conflict: Conflict, assignment: Assignment, *, why: str) -> None:
    """Say once that somebody holds against a rule what may not be taken from them."""
    key = f"assignment:{assignment.pk}"
    said = Alert.objects.filter(kind=NOT_KEPT_APART, key=key)
    if (said.open() | said.quiet()).exists():
        return
    raise_alert(
        NOT_KEPT_APART,
        key=key,
        severity="high",
        title=_("%(who)s holds roles that may not be held together") % {"who": assignment.person},
        text=f"{rule_in_words(conflict)} {why}",
        fix=_("Assign %(role)s to somebody else without an end, or take the other role away.")
        % {"role": assignment.role},
        url="/separation/",
        directory=assignment.role.directory.name,
        tell=people_with_duty(*ALERT_KEEPERS),
        actor=PORTAL,
    )


def settle_alarms() -> None:
    """Resolve the alerts about those who hold nothing any more that is kept apart."""
    alerts = Alert.objects.filter(kind=NOT_KEPT_APART)
    keys = set((alerts.open() | alerts.quiet()).values_list("key", flat=True))
    if not keys:
        return
    late = [one.wanted.assignment for some in violations().values() for each in some for one in each.late]
    for key in keys - {f"assignment:{one.pk}" for one in late if one is not None}:
        resolve_alert(NOT_KEPT_APART, key=key, actor=PORTAL)
