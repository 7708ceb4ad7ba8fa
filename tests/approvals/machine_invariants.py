"""What holds after every step of the state machine, whatever was done, and whether or not a sweep has run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import cached_property
from itertools import combinations
from typing import Any

from django.db.models import Max, QuerySet, Value
from django.utils import timezone
from hypothesis.stateful import invariant

from accounts.models import DutyHolding, Membership, User
from approvals.automatic.models import AutomaticDecision
from approvals.content import content_digest
from approvals.emergency.models import EmergencyUse
from approvals.hooks.models import HookCall
from approvals.models import AccessRequest, Decision
from audit.journal.models import AuditEvent, JournalHead
from audit.journal.verifying import fault_of
from roles.models import Assignment, Eligibility, GroupAssignment, Origin, SeparatedRole
from roles.models.stages import ALL
from roles.separation import human_of

MINUTE = timedelta(minutes=1)
LIVES = {
    "approvals.accessrequest": AccessRequest,
    "roles.assignment": Assignment,
    "roles.eligibility": Eligibility,
    "approvals.emergencyuse": EmergencyUse,
}
#: what of a web hook closes a request as denied
STOPS = ("denied", "silent")
COMES_TO = {"approve": "approved", "deny": "denied"}
#: which acts may be behind something that somebody holds
GIVING = {"activate", "assign", "update", "extend", "renew"}


class Look:
    """The database as it stands after one step, each table read once, when first asked about."""

    given: set[tuple[int, int]] | None = None

    @cached_property
    def now(self) -> datetime:
        return timezone.now()

    @cached_property
    def people(self) -> dict[int, User]:
        return {one.pk: one for one in User.objects.all()}

    @cached_property
    def requests(self) -> list[AccessRequest]:
        return list(AccessRequest.objects.order_by("pk"))

    @cached_property
    def waiting(self) -> list[AccessRequest]:
        return [
            one for one in self.requests if one.status in AccessRequest.WAITING and one.deadline > self.now
        ]

    @cached_property
    def decisions(self) -> dict[int, list[Decision]]:
        """Those that are not void, by the key of their request."""
        found: dict[int, list[Decision]] = {}
        for one in Decision.objects.filter(void_at=None).order_by("pk"):
            found.setdefault(one.access_request_id, []).append(one)
        return found

    @cached_property
    def automatic(self) -> dict[int, AutomaticDecision]:
        """What was decided without people, by the key of the request."""
        return {one.access_request_id: one for one in AutomaticDecision.objects.select_related("rule")}

    @cached_property
    def asked_of_hooks(self) -> dict[int, HookCall]:
        """By the key of the request."""
        return {one.access_request_id: one for one in HookCall.objects.order_by("pk")}

    @cached_property
    def calls(self) -> list[HookCall]:
        """Those that have come to nothing yet."""
        return [one for one in self.asked_of_hooks.values() if not one.outcome]

    @cached_property
    def uses(self) -> list[EmergencyUse]:
        """What was activated in an emergency."""
        return list(EmergencyUse.objects.order_by("pk"))

    @cached_property
    def loud(self) -> set[int]:
        """The requests behind it."""
        return {one.access_request_id for one in self.uses}

    @cached_property
    def eligibilities(self) -> list[Eligibility]:
        return list(Eligibility.objects.order_by("pk"))

    @cached_property
    def groups_hold(self) -> list[GroupAssignment]:
        return list(GroupAssignment.objects.order_by("pk"))

    @cached_property
    def assignments(self) -> list[Assignment]:
        return list(Assignment.objects.order_by("pk"))

    @cached_property
    def basis(self) -> dict[int, Eligibility | GroupAssignment]:
        """What each assignment rests on, by its key, where it rests on anything."""
        eligible = {one.pk: one for one in self.eligibilities}
        groups = {one.pk: one for one in self.groups_hold}
        found = {one.pk: eligible[one.eligibility_id] for one in self.assignments if one.eligibility_id}
        return found | {one.pk: groups[one.through_id] for one in self.assignments if one.through_id}

    @cached_property
    def in_force(self) -> list[Assignment]:
        keys = set(Assignment.objects.in_force().values_list("pk", flat=True))
        return [one for one in self.assignments if one.pk in keys]

    @cached_property
    def running(self) -> list[Assignment]:
        """What was activated and whose life goes on."""
        return [
            one
            for one in self.assignments
            if one.origin == Origin.ACTIVATED and one.status in Assignment.LIVE
        ]

    @cached_property
    def direct(self) -> list[Assignment]:
        return [one for one in self.assignments if one.origin == Origin.DIRECT and one.through_id is None]

    @cached_property
    def held(self) -> list[Any]:
        return [*self.eligibilities, *self.assignments, *self.groups_hold]

    @cached_property
    def members(self) -> set[tuple[int, int]]:
        """Who is in which group now."""
        rows = Membership.objects.filter(kind="member").values_list("group", "person", "starts_at", "ends_at")
        return {(group, person) for group, person, *times in rows if covers(*times, self.now)}

    @cached_property
    def moments(self) -> list[datetime]:
        """When something of today or tomorrow begins, ends or lapses."""
        ends = [one.ends_at for one in self.held] + [one.starts_at for one in self.held]
        ends += [one.deadline for one in self.waiting]
        return sorted({at for at in ends if at is not None and self.now < at})

    def is_time_of(self, thing: Any) -> bool:
        return covers(thing.starts_at, thing.ends_at, self.now)


def covers(starts_at: datetime, ends_at: datetime | None, moment: datetime) -> bool:
    return starts_at <= moment and (ends_at is None or moment < ends_at)


def once(things: Iterable[Any]) -> bool:
    """Whether nothing comes twice."""
    return all(count == 1 for count in Counter(things).values())


class Invariants:
    """The sentences. ``look`` is what the database says after the step."""

    look: Look
    world: Any
    #: whether everything that tidies up has come by, and every directory answers
    is_settled: bool
    #: whether something happened that only the next sweep judges by the separation rules
    may_break_rules: bool

    def something_happened(self) -> bool:
        """Whether time has moved, or anything but refusals was written down, since all of this was asked last."""
        new = list(AuditEvent.objects.filter(number__gt=self.heard).order_by("number"))
        self.news += new
        if new:
            self.heard = new[-1].number
        moved, self.judged_at = self.look.now != self.judged_at, self.look.now
        return moved or self.is_settled or any(entry.action != "portal.refused" for entry in new)

    def begin_invariants(self) -> None:
        self.is_settled = self.may_break_rules = False
        head = JournalHead.objects.get(pk=1)
        self.heard, self.digest = head.number, head.digest
        #: what the journal says since all of this was asked last
        self.news: list[AuditEvent] = []
        self.judged_at = self.look.now
        self.said = {
            kind: {one.pk: one.status for one in model._base_manager.all()} for kind, model in LIVES.items()
        }
        self.was = {kind: dict(statuses) for kind, statuses in self.said.items()}
        self.rows = {kind: model.history.model._base_manager for kind, model in LIVES.items()}
        self.seen = {
            kind: rows.aggregate(last=Max("history_id"))["last"] or 0 for kind, rows in self.rows.items()
        }
        self.given_before = self.read_given()

    @property
    def by_number(self) -> dict[str, AccessRequest]:
        return {one.number: one for one in self.look.requests}

    @invariant()
    def nobody_holds_what_no_approved_request_explains(self) -> None:
        requests = self.by_number
        for one in self.look.in_force:
            behind = requests.get(one.request_number)
            assert behind is not None, f"{one} comes from nowhere"
            assert behind.status == "approved", f"{behind} did not give {one}"
            assert behind.act in GIVING, f"{behind} gives nothing"
            assert (behind.role_id, behind.scope_id) == (one.role_id, one.scope_id)
            if one.through_id is not None:
                assert behind.holder_group_id == self.look.basis[one.pk].group_id
            else:
                assert behind.holder_id == one.person_id

    @invariant()
    def nothing_is_in_force_past_its_end_or_before_its_start(self) -> None:
        for one in self.look.in_force:
            assert self.look.is_time_of(one), f"{one} counts from {one.starts_at} to {one.ends_at}"

    @invariant()
    def nothing_is_in_force_for_somebody_disabled(self) -> None:
        for one in self.look.in_force:
            assert self.look.people[one.person_id].is_active, f"{one} is disabled"

    @invariant()
    def nothing_is_in_force_past_what_it_rests_on(self) -> None:
        for one in self.look.in_force:
            basis = self.look.basis.get(one.pk)
            assert basis is not None or one.origin == Origin.DIRECT
            if basis is not None:
                assert basis.status in basis.LIVE, f"{one} rests on what is over"
                assert self.look.is_time_of(basis), f"{one} rests on what is over"
                if basis.group_id is not None:
                    assert (basis.group_id, one.person_id) in self.look.members, f"{one} left the group"

    @invariant()
    def what_a_directory_of_the_portal_gives_never_outlives_its_assignment(self) -> None:
        working = {Assignment.Status.PROVISIONING, Assignment.Status.ACTIVE, Assignment.Status.ENDING}
        good = {
            (one.role_id, one.person_id)
            for one in self.look.assignments
            if one.status in working and (self.look.is_time_of(one) or one.attempts)
        }
        assert self.given_inside() <= good

    @invariant()
    def after_a_sweep_the_directories_say_what_the_portal_says(self) -> None:
        if not self.is_settled:
            return
        due = set(Assignment.objects.due().values_list("pk", flat=True))
        inside = {one for one in self.look.assignments if one.pk in due and one.role.directory.is_inside}
        assert self.given_inside() == {(one.role_id, one.person_id) for one in inside}
        outside = {one for one in self.look.assignments if one.pk in due} - inside
        assert set(self.world.vault.rights) == {(one.account, one.role.entitlement) for one in outside}
        assert {one.pk for one in self.look.in_force} == due

    def given_inside(self) -> set[tuple[int, int]]:
        if self.look.given is None:
            self.look.given = self.read_given()
        return self.look.given - self.given_before

    def read_given(self) -> set[tuple[int, int]]:
        """Role and person of every duty and membership that counts now and was given by a connector."""
        roles = {one.entitlement: one.pk for one in self.world.roles.values()}
        duties = DutyHolding.objects.in_force().filter(duty__in=roles).values_list("duty", "person")
        rows = Membership.objects.in_force().filter(origin="activated").values_list("group", "person")
        given = {(roles[duty], person) for duty, person in duties}
        return given | {(roles[f"member:{group}"], person) for group, person in rows}

    @invariant()
    def there_is_one_live_activation_per_eligibility_and_holder(self) -> None:
        assert once((one.eligibility_id, one.person_id) for one in self.look.running)

    @invariant()
    def at_most_one_request_waits_per_act_holder_role_and_scope(self) -> None:
        assert once(
            (one.act, one.holder_id, one.holder_group_id, one.role_id, one.scope_id)
            for one in self.look.waiting
        )

    @invariant()
    def a_human_decides_once_on_a_request_and_never_on_their_own(self) -> None:
        for one in self.look.requests:
            decided = [self.human(decision.approver_id) for decision in self.look.decisions.get(one.pk, [])]
            assert once(decided), f"somebody decided twice on {one}"
            asking = {self.human(who) for who in (one.holder_id, one.requester_id) if who is not None}
            assert asking.isdisjoint(decided), f"somebody decided on their own {one}"

    @invariant()
    def what_was_approved_has_as_many_approvers_as_each_of_its_stages_asked(self) -> None:
        for one in self.look.requests:
            made = self.look.decisions.get(one.pk, [])
            if self.decided_without_people(one):
                assert not made, f"people and something else have decided on {one}"
                continue
            if one.status == "denied":
                assert [decision.verdict for decision in made].count("deny") == 1
            if one.status != "approved" or one.act not in ("activate", "prolong"):
                continue
            left_to_people = "gone.1" in one.asked_settings["automatic"]
            assert bool(one.stages) == (one.asked_settings["approval_required"] or left_to_people)
            assert {decision.verdict for decision in made} <= {"approve"}
            for number, stage in enumerate(one.all_stages if one.stages else (), 1):
                said = {self.human(decision.approver_id) for decision in made if decision.stage == number}
                assert len(said) >= max(1, stage.quorum if stage.quorum != ALL else 1), (
                    f"{one}, stage {number}"
                )

    def decided_without_people(self, access_request: AccessRequest) -> bool:
        """By an automatic rule, a web hook's answer or its silence, or past approval in an emergency."""
        key, call = access_request.pk, self.look.asked_of_hooks.get(access_request.pk)
        stopped = access_request.status == "denied" and call is not None and call.outcome in STOPS
        return stopped or key in self.look.automatic or key in self.look.loud

    @invariant()
    def what_was_decided_without_people_is_what_a_rule_or_hook_said_that_settings_name(self) -> None:
        requests = {one.pk: one for one in self.look.requests}
        for key, decision in self.look.automatic.items():
            one, call = requests[key], self.look.asked_of_hooks.get(key)
            assert decision.digest == one.digest, f"{decision} was on something else"
            assert COMES_TO[decision.verdict] == one.status, f"{decision} came to {one.status}"
            if decision.rule is not None:
                assert decision.rule.reference in one.asked_settings["automatic"].split()
                assert (decision.verdict == "deny") == one.ticket.startswith("BAD"), (
                    f"{decision}: {one.ticket}"
                )
            else:
                assert call is not None
                assert call.outcome == "auto_approved", f"the hook has not approved {one}"
                assert one.asked_settings["hook_may_approve"], f"the hook could not approve {one}"
        for key, one in requests.items():
            if one.status == "approved" and "known-bad.1" in one.asked_settings.get("automatic", ""):
                assert key in self.look.loud or not one.ticket.startswith("BAD"), f"no rule denied {one}"

    @invariant()
    def while_a_web_hook_is_asked_nobody_decides_and_nothing_is_in_force(self) -> None:
        begun = {one.request_number for one in self.look.assignments}
        for one in self.look.requests:
            call = self.look.asked_of_hooks.get(one.pk)
            if one.act not in ("activate", "prolong"):
                assert call is None
                continue
            wants = bool(one.asked_settings["hook"]) and one.pk not in self.look.loud
            assert (call is not None) == wants, f"{one}: {call}"
            if one.status not in AccessRequest.WAITING:
                pass
            elif one.stage == 0 or (call is not None and not call.outcome):
                assert call is not None
                assert one.stage == 0, f"people are asked about {one} before the hook has answered"
                # past its deadline it is dropped by whoever comes first, and the request closed by who tidies up
                over = call.outcome == "dropped" and one.deadline <= self.look.now
                assert over or not call.outcome, f"{one} waits for an answer that was given"
                assert not self.look.decisions.get(one.pk), f"somebody decided on {one} before the hook"
                assert one.pk not in self.look.automatic
            if one.status == "approved" and call is not None:
                silent = call.outcome == "silent" and one.asked_settings["hook_silent"] == "go_on"
                assert silent or call.outcome in ("approved", "auto_approved"), f"{one}: {call.outcome}"
            if one.act == "activate" and one.status != "approved":
                assert one.number not in begun, f"{one} is {one.status} and something came of it"

    @invariant()
    def no_human_skips_approval_again_before_somebody_else_has_reviewed_the_last_time(self) -> None:
        requests = {one.pk: one for one in self.look.requests}
        assert once(self.human(one.person_id) for one in self.look.uses if one.status == "open")
        for one in self.look.uses:
            behind = requests[one.access_request_id]
            assert (behind.status, behind.holder_id) == ("approved", one.person_id), f"{one}: {behind.status}"
            assert behind.asked_settings["emergency_allowed"]
            assert behind.factor_use_id is not None
            if one.status == "reviewed":
                assert self.human(one.reviewer_id) != self.human(one.person_id), f"{one}: their own"
                assert one.finding
                lasts = next(
                    (held for held in self.look.in_force if held.request_number == behind.number), None
                )
                assert lasts is None, f"{one} was reviewed while it goes on"

    @invariant()
    def every_decision_is_bound_to_what_is_asked_and_to_a_factor_where_one_is(self) -> None:
        for one in self.look.requests:
            assert not one.digest or one.digest == content_digest(one), f"{one} was changed"
            for decision in self.look.decisions.get(one.pk, []):
                assert decision.digest == one.digest, f"{decision} was on something else"
                if one.asked_settings["approval_factor"]:
                    use = decision.factor_use
                    assert use is not None
                    assert use.person_id == decision.approver_id
                    assert use.used_at
        used = [
            one.factor_use_id for some in self.look.decisions.values() for one in some if one.factor_use_id
        ]
        assert once(used)

    @invariant()
    def no_activation_is_longer_than_was_asked_given_or_allowed(self) -> None:
        requests = self.by_number
        for one in self.look.assignments:
            if one.origin != Origin.ACTIVATED:
                continue
            behind = [requests[one.request_number]]
            behind += [
                more
                for more in self.look.requests
                if more.act == "prolong" and more.assignment_id == one.pk and more.status == "approved"
            ]
            assert one.ends_at is not None
            lasts = (one.ends_at - one.starts_at) / MINUTE
            assert lasts <= sum(self.minutes_given(each) for each in behind), f"{one} lasts {lasts}"
            assert lasts <= max(each.asked_settings["max_minutes"] for each in behind), f"{one} lasts {lasts}"
            assert one.starts_at >= max(behind[0].created_at, behind[0].asked_start or behind[0].created_at)

    def human(self, person: int) -> str:
        return human_of(self.look.people[person])

    def minutes_given(self, access_request: AccessRequest) -> int:
        """What was asked, or the least that an approver made of it."""
        made = self.look.decisions.get(access_request.pk, [])
        said = [decision.given_minutes for decision in made if decision.given_minutes]
        return min([access_request.minutes or 0, *said])

    @invariant()
    def every_status_was_reached_by_a_legal_move_and_what_is_closed_stays_closed(self) -> None:
        for kind, row, key, status in self.new_history():
            before, after = self.was[kind].get(key), LIVES[kind].NEXT
            assert before in (None, status) or status in after.get(before, ()), f"{kind} {key}: {before}"
            self.was[kind][key], self.seen[kind] = status, max(row, self.seen[kind])
        for kind, rows in self.alive():
            assert {one.pk: one.status for one in rows} == self.was[kind], (
                f"the history of {kind} lags behind"
            )

    def new_history(self) -> Iterable[tuple[str, int, int, str]]:
        """Kind, number, key and status of every row of history since the last time, in one query."""
        found: list[QuerySet[Any, Any]] = [
            rows.filter(history_id__gt=self.seen[kind])
            .order_by()
            .values_list(Value(kind), "history_id", "id", "status")
            for kind, rows in self.rows.items()
        ]
        return sorted(found[0].union(*found[1:], all=True), key=lambda row: row[1])

    @invariant()
    def the_journal_holds_and_its_last_word_on_everything_is_how_it_stands(self) -> None:
        head = JournalHead.objects.get(pk=1)
        assert head.number == self.heard
        for entry in self.news:
            why = fault_of(entry.number, entry.body(), entry.previous_digest, entry.digest, self.digest)
            assert not why, why
            self.digest, kind, detail = entry.digest, entry.subject_kind, entry.detail
            if kind in LIVES and "to" in detail and entry.action != "portal.refused":
                key = int(entry.subject_key)
                before = self.said[kind].get(key)
                assert before in (None, detail["from"]), f"{kind} {key} was {before}, not {detail['from']}"
                self.said[kind][key] = detail["to"]
        self.news = []
        assert self.digest == head.digest
        for kind, rows in self.alive():
            for one in rows:
                self.said[kind].setdefault(one.pk, one.status)
                assert self.said[kind][one.pk] == one.status, f"the journal says otherwise of {kind} {one.pk}"

    def alive(self) -> list[tuple[str, list[Any]]]:
        look = self.look
        some: list[list[Any]] = [look.requests, look.assignments, look.eligibilities, look.uses]
        return list(zip(LIVES, some, strict=True))

    @invariant()
    def nobody_holds_together_what_a_rule_keeps_apart(self) -> None:
        """Only what was held before the rule, or counts again, goes on to the next sweep."""
        if self.may_break_rules:
            return
        apart: dict[int, set[int]] = {}
        for about, role in SeparatedRole.objects.filter(rule__is_on=True).values_list("rule", "role"):
            apart.setdefault(about, set()).add(role)
        for first, second in combinations(self.look.in_force, 2):
            if first.role_id != second.role_id and self.human(first.person_id) == self.human(
                second.person_id
            ):
                both = {first.role_id, second.role_id}
                assert not any(both <= some for some in apart.values()), f"{first} and {second}"
