"""Everybody does anything in any order: the verbs of access as rules of a state machine, on the real database.

What holds whatever they do stands in ``machine_invariants``. A refusal is an answer; any other exception is a fault.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, ClassVar, TypeVar

import pytest
import time_machine
from django.db import connection, transaction
from django.utils import timezone
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from accounts.leaving import disable_person, enable_person
from accounts.mfa.freshness import StepUpRequired
from accounts.models import Absence, Group, Membership, User
from accounts.standing_in import end_absence, name_deputy
from approvals.activating_together import activate_together
from approvals.asking import answer_question, ask_back
from approvals.changing import Change, change
from approvals.closing import cancel_request, close_hopeless_requests
from approvals.deciding import decide
from approvals.emergency.activating import activate_in_emergency
from approvals.emergency.permissions import reviewers_of
from approvals.emergency.reviewing import end_emergency, review_emergency
from approvals.extending import Given, request_extension, request_renewal
from approvals.filing import Act, kind_of
from approvals.granting import assign, request_assignment, request_eligibility
from approvals.hooks import sending
from approvals.hooks.answering import take_answer, take_silence
from approvals.hooks.models import HookCall
from approvals.hooks.wording import OUTCOMES, NoAnswer, Said
from approvals.models import AccessRequest
from approvals.moving_on import move_stages_on
from approvals.permissions import approvers_of
from approvals.prolonging import request_longer
from approvals.removing import request_removal
from approvals.requesting import request_activation, request_deactivation
from audit.journal.actor import PORTAL
from audit.journal.recording import delete_as, save_as
from audit.journal.refusing import Refused
from roles.assigning import Wish
from roles.connectors.base import Unavailable
from roles.connectors.groups import GroupsConnector
from roles.connectors.portal import PortalConnector
from roles.models import Approver, Eligibility, Role, SeparationRule
from roles.models.stages import ALL, Stage
from roles.requirements import ACTIVE, ELIGIBLE, AskedAssignment
from roles.separating import remove_rule, save_rule
from roles.sweeping import sweep
from tests.approvals.machine_invariants import Invariants, Look
from tests.approvals.machine_world import DAY, HOOK, RULES, WHY, World
from tests.factories.emergencies import give_passkey_evidence
from tests.factories.roles import NOON, acting, asked, change_settings, give_evidence, name_stages

T = TypeVar("T")
Proving = Callable[..., object]
MINUTE = timedelta(minutes=1)

#: which of several, whatever there is at that moment
which = st.integers(0, 11)
coin = st.booleans()
#: how much time passes: seldom so much that everything is over
PASSING = st.sampled_from([1, 1, 6, 6, 31, 31, 60, 61, 61, 240, 481, 1441, 4400, 20200])
#: what allows to skip approval in an emergency
LOUD = ("entry", "payroll", "operator")
#: what may be changed in the settings of a role
VALUES: list[dict[str, Any]] = [
    {"max_minutes": 60},
    {"max_minutes": 480},
    {"approval_required": True},
    {"approval_required": False},
    {"approval_hours": 1},
    {"factor": "none"},
    {"factor": "every_time"},
    {"if_nobody": "refuse"},
    {"if_nobody": "wait"},
    {"asking_stops_clock": False},
    {"hook": HOOK},
    {"hook": ""},
    {"hook_may_approve": False},
    {"hook_silent": "go_on"},
    {"automatic": RULES},
    {"automatic": "gone.1\n" + RULES},
    {"emergency_allowed": True},
]
ASKING: dict[str, Any] = {
    "who": which,
    "about": which,
    "minutes": st.sampled_from([30, 4, 5, 60, 240, 480, 600]),
    "later": st.sampled_from([None, None, None, 30, 180, 2880]),
    "key": st.sampled_from(["", "", "a form", "another form"]),
    "ticket": st.sampled_from(["", "INC-1", "BAD-1"]),
}
ANSWERING: dict[str, Any] = {
    "about": which,
    "who": which,
    "named": st.sampled_from([True, True, True, False]),
    "verdict": st.sampled_from(["approve", "approve", "approve", "deny"]),
    "minutes": st.sampled_from([None, None, None, 5, 30, 600]),
}
#: what a web hook says; None is that it does not
SAYS = st.sampled_from([*(Said(one, reasons=["So it is"]) for one in OUTCOMES.values()), None])


class AnyOrder(Invariants, RuleBasedStateMachine):
    """Each walk begins in the same world, inside a transaction that is taken back at its end."""

    #: what was done, and what was refused, by the names of the verbs: a walk that reaches nothing proves nothing
    done: ClassVar[Counter[str]] = Counter()
    refused: ClassVar[Counter[str]] = Counter()

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.undo = pytest.MonkeyPatch()
        self.block: Any = transaction.atomic()
        self.block.__enter__()
        self.travel = time_machine.travel(NOON, tick=False)
        self.clock = self.travel.start()
        self.trouble = False
        world.vault.rights.clear()
        for connector in (PortalConnector, GroupsConnector):
            for verb in ("grant", "revoke"):
                self.undo.setattr(connector, verb, self._failing_at_times(getattr(connector, verb)))
        #: calls that a worker has taken up, to answer them sooner or later, or twice
        self.in_hands: list[HookCall] = []
        self.hook_says: Said | None = None
        self.undo.setattr(sending, "call", self._hook_answers)
        self.look = Look()
        self.begin_invariants()

    def check_invariants(self, *how: Any) -> None:
        """Only after a step that has changed anything."""
        if self.something_happened():
            super().check_invariants(*how)  # type: ignore[no-untyped-call]

    def teardown(self) -> None:
        try:
            connection.check_constraints()
        finally:
            transaction.set_rollback(True)
            self.block.__exit__(None, None, None)
            self.travel.stop()
            self.undo.undo()
            self.world.vault.trouble = None

    def _failing_at_times(self, verb: Callable[..., Any]) -> Callable[..., Any]:
        def failing(*args: Any, **kwargs: Any) -> Any:
            if self.trouble:
                raise Unavailable("Nobody there.")
            return verb(*args, **kwargs)

        return failing

    def _hook_answers(self, *_about: Any, **_more: Any) -> Said:
        if self.hook_says is None:
            raise NoAnswer("It did not answer in time.")
        return self.hook_says

    # --- How something is chosen and done ---

    def one(self, things: Sequence[T], at: int) -> T:
        return things[at % len(things)]

    def person(self, name: str) -> User:
        """As they stand in the database: what was done to them in another walk is forgotten."""
        return self.look.people[self.world.people[name].pk]

    @property
    def everybody(self) -> list[User]:
        return [self.person(name) for name in self.world.people]

    @property
    def holders(self) -> list[User]:
        return [self.person(name) for name in ("robin", "alex")]

    @property
    def principals(self) -> list[User | Group]:
        return [*self.holders, self.world.operators, self.person("robin.admin")]

    def role(self, at: int) -> Role:
        return self.one(list(self.world.roles.values()), at)

    def may_activate(self, person: User) -> list[Eligibility]:
        """By right or not: of the group's, whoever is in it."""
        return [one for one in self.look.eligibilities if one.person_id in (None, person.pk)]

    def attempt(
        self, verb: Callable[..., T], *about: Any, by: User, prove: Proving = give_evidence, **what: Any
    ) -> T | None:
        """Do it, and prove oneself when asked to. What the verb gives; None where it was refused."""
        actor = acting(by)
        try:
            try:
                came = verb(*about, actor=actor, **what)
            except StepUpRequired as question:
                prove(actor, act=question.act)
                came = verb(*about, actor=actor, **what)
        except Refused:
            self.refused[verb.__name__] += 1
            return None
        finally:
            self.changed()
        self.done[verb.__name__] += 1
        return came

    def changed(self) -> None:
        """Whatever was read of the database is to be read again."""
        self.look, self.is_settled = Look(), False

    # --- Activating ---

    @initialize(
        opening=st.sampled_from(["asked", "apart", "long", "checked", "loud"]),
        then=st.lists(st.tuples(which, which, SAYS), min_size=1, max_size=5),
    )
    def begin_somewhere(self, opening: str, then: list[tuple[int, int, Said | None]]) -> None:
        """Chance alone would let too few walks come to where it is deep."""
        getattr(self, f"_opening_{opening}")()
        for about, who, says in then:
            if self.look.waiting:
                self.go_on(about, who, says)

    def robin_asks(self, *names: str, minutes: int = 30, ticket: str = "") -> None:
        for name in names:
            self.attempt(
                request_activation,
                self.robins(name),
                by=self.person("robin"),
                asked=asked(minutes, ticket=ticket),
            )

    def robins(self, name: str) -> Eligibility:
        role = self.world.roles[name].pk
        return next(one for one in self.look.eligibilities if one.role_id == role)

    def _opening_asked(self) -> None:
        """One role is held, others wait for people in one stage, in two, and for nothing any more."""
        self.robin_asks("reader", "entry", "operator", "ledger")

    def _opening_apart(self) -> None:
        """One waits that may not be held together with what is held meanwhile."""
        self.robin_asks("entry", minutes=480)
        self.keep_apart("Payments", is_on=True, gone=False)
        self.robin_asks("release", minutes=480)
        self.tidy_up(sweep)

    def _opening_long(self) -> None:
        """More time is asked for with what is nearly as long as it may be; some of it by people."""
        self.robin_asks("reader", minutes=470)
        self.robin_asks("ledger", minutes=465, ticket="INC-1")
        for held in list(self.look.running):
            self.attempt(request_longer, held, by=self.person("robin"), asked=asked(10))

    def _opening_checked(self) -> None:
        """A web hook is asked about two, a worker has one of them in its hands, and a rule has given a third."""
        self.robin_asks("payroll", ticket="BAD-1")
        self.robin_asks("ledger", ticket="INC-1")
        of_alex = [one for one in self.look.eligibilities if one.role_id == self.world.roles["payroll"].pk]
        self.attempt(request_activation, of_alex[1], by=self.person("alex"), asked=asked(60))
        self.take_up_call(0)

    def _opening_loud(self) -> None:
        """Approval was skipped for one that waited, for which another web hook call is out."""
        self.robin_asks("entry", "payroll")
        self.rush(0, 1, 30, "")
        self.robin_asks("operator")

    @rule(**ASKING)
    def ask(self, who: int, about: int, minutes: int, later: int | None, key: str, ticket: str) -> None:
        person, now = self.one(self.holders, who), timezone.now()
        starts_at = now + later * MINUTE if later else None
        self.attempt(
            request_activation,
            self.one(self.may_activate(person) if about else self.look.eligibilities, about),
            by=person,
            asked=asked(minutes, starts_at=starts_at, ticket=ticket),
            idempotency_key=key,
        )

    @rule(**ASKING)
    def ask_more(self, **said: Any) -> None:
        """Chance alone would ask too seldom."""
        self.ask(**said)

    @rule(who=which, first=which, second=which, minutes=st.sampled_from([30, 300]))
    def ask_for_two(self, who: int, first: int, second: int, minutes: int) -> None:
        person = self.one(self.holders, who)
        chosen = {one.pk: one for at in (first, second) for one in [self.one(self.may_activate(person), at)]}
        self.attempt(activate_together, list(chosen.values()), by=person, asked=asked(minutes))

    @rule(who=which, about=which, minutes=st.sampled_from([30, 240, 600]), key=ASKING["key"])
    def rush(self, who: int, about: int, minutes: int, key: str) -> None:
        """Past approval: what allows it, and at times what does not."""
        person = self.one([*self.holders, self.person("robin.admin")], who)
        mine = self.may_activate(person)
        loud = [one for one in mine if one.role_id in {self.world.roles[name].pk for name in LOUD}]
        self.attempt(
            activate_in_emergency,
            self.one(loud if about and loud else mine, max(0, about - 1)),
            by=person,
            prove=give_passkey_evidence,
            asked=asked(minutes),
            idempotency_key=key,
        )

    @precondition(lambda self: self.look.uses)
    @rule(about=which, who=which, named=coin, justified=coin)
    def review(self, about: int, who: int, named: bool, justified: bool) -> None:
        """Of what was activated in an emergency, at times by somebody who may not."""
        use = self.one(self.look.uses, about)
        may = list(reviewers_of(use))
        person = self.one(may if named and may else self.everybody, who)
        finding = "justified" if justified else "not_justified"
        done = self.attempt(review_emergency, use, by=person, finding=finding, review="I looked at the log")
        assert done is None or person in may, f"{person} was not to review it, and has"

    @precondition(lambda self: self.look.uses)
    @rule(about=which, then=which)
    def end_loud_one(self, about: int, then: int) -> None:
        use = self.one(self.look.uses, about)
        self.attempt(end_emergency, use, by=self.person("dag"), justification=WHY)
        self.review(about, then, True, True)

    @precondition(lambda self: self.look.running)
    @rule(about=which)
    def deactivate(self, about: int) -> None:
        held = self.one(self.look.running, about)
        self.attempt(request_deactivation, held, by=self.look.people[held.person_id])

    @precondition(lambda self: self.look.running)
    @rule(about=which, minutes=st.sampled_from([1, 30, 120, 480]))
    def prolong(self, about: int, minutes: int) -> None:
        held = self.one(self.look.running, about)
        self.attempt(request_longer, held, by=self.look.people[held.person_id], asked=asked(minutes))

    @rule(about=which, again=coin, active=coin)
    def ask_to_keep(self, about: int, again: bool, active: bool) -> None:
        mine: list[Any] = [one for one in self.look.eligibilities if one.person_id]
        if active and self.look.direct:
            mine = self.look.direct
        held, verb = self.one(mine, about), request_renewal if again else request_extension
        self.attempt(verb, held, by=self.look.people[held.person_id], justification=WHY)

    # --- Answering ---

    @precondition(lambda self: self.look.waiting)
    @rule(**ANSWERING)
    def answer(self, about: int, who: int, named: bool, verdict: str, minutes: int | None) -> None:
        self.let_decide(self.one(self.look.waiting, about), who, named, verdict, minutes)

    @rule(**ANSWERING)
    def answer_late(self, about: int, who: int, named: bool, verdict: str, minutes: int | None) -> None:
        """On whatever was ever asked, mostly closed by now."""
        if self.look.requests:
            self.let_decide(self.one(self.look.requests[::-1], about), who, named, verdict, minutes)

    def let_decide(
        self, access_request: AccessRequest, who: int, named: bool, verdict: str, minutes: int | None
    ) -> None:
        may = list(approvers_of(access_request))
        person = self.one(may if named and may else self.everybody, who)
        given = None
        if access_request.act == Act.RENEW:
            given = Given(self.one([ELIGIBLE, ACTIVE], who), None, timezone.now() + 5 * DAY)
        decision = self.attempt(
            decide,
            access_request,
            by=person,
            verdict=verdict,
            justification=WHY,
            minutes=minutes,
            given=given,
        )
        assert decision is None or person in may, f"{person} was not asked, and has decided"

    @precondition(lambda self: self.look.waiting)
    @rule(**ANSWERING)
    def answer_more(self, **said: Any) -> None:
        self.answer(**said)

    @precondition(lambda self: self.look.waiting)
    @rule(about=which, who=which, says=SAYS)
    def go_on(self, about: int, who: int, says: Said | None) -> None:
        """What waits takes its next step: the web hook answers, or one who may approves."""
        access_request = self.one(self.look.waiting, about)
        if access_request.is_checking:
            self.hear_hook(self.look.calls.index(self.look.asked_of_hooks[access_request.pk]), says)
        else:
            self.let_decide(access_request, who, True, "approve", None)

    @precondition(lambda self: self.look.waiting)
    @rule(about=which, who=which, says=SAYS)
    def go_on_more(self, **said: Any) -> None:
        self.go_on(**said)

    # --- What a web hook answers, and when ---

    @precondition(lambda self: self.look.calls)
    @rule(about=which, says=SAYS)
    def hear_hook(self, about: int, says: Said | None) -> None:
        """As a worker whose turn it is: asked, and its answer, or its silence, let count."""
        self.hook_says = says
        sending.send(self.one(self.look.calls, about).pk)
        self.done[f"hook_says_{says.outcome if says else 'nothing'}"] += 1
        self.changed()

    @precondition(lambda self: self.look.calls)
    @rule(about=which)
    def take_up_call(self, about: int) -> None:
        """A worker asks, and the answer takes a while: time passes, others are at it as well, it may come twice."""
        claimed = sending.claim(self.one(self.look.calls, about).pk)
        if claimed is not None:
            self.in_hands.append(claimed)
        self.changed()

    @precondition(lambda self: self.in_hands)
    @rule(about=which, says=SAYS)
    def hear_hook_late(self, about: int, says: Said | None) -> None:
        claimed = self.one(self.in_hands, about)
        if says is None:
            take_silence(claimed, why="It did not answer in time.")
        else:
            take_answer(claimed, said=says)
        self.done["hook_heard_late"] += 1
        self.changed()

    @precondition(lambda self: self.look.waiting)
    @rule(about=which, who=which)
    def ask_something(self, about: int, who: int) -> None:
        access_request = self.one(self.look.waiting, about)
        may = list(approvers_of(access_request)) or self.everybody
        self.attempt(ask_back, access_request, by=self.one(may, who), text="Which job?")

    @precondition(lambda self: any(one.status == "asked_back" for one in self.look.waiting))
    @rule(about=which, other=st.sampled_from([None, "Another job is stuck", "Yet another one"]))
    def tell(self, about: int, other: str | None) -> None:
        asked_back = [one for one in self.look.waiting if one.status == "asked_back"]
        access_request = self.one(asked_back, about)
        by = self.look.people[access_request.requester_id]
        self.attempt(answer_question, access_request, by=by, answer="This one", justification=other)

    @rule(about=which, own=coin)
    def cancel(self, about: int, own: bool) -> None:
        some = self.look.waiting if about % 2 and self.look.waiting else self.look.requests[::-1]
        access_request = self.one(some, about)
        by = self.look.people[access_request.requester_id] if own else self.person("dana")
        self.attempt(cancel_request, access_request, by=by, justification=WHY)

    # --- Giving and taking ---

    @rule(which_role=which, who=which, days=st.sampled_from([None, 1, 20]), later=st.sampled_from([None, 90]))
    def make_eligible(self, which_role: int, who: int, days: int | None, later: int | None) -> None:
        now = timezone.now()
        self.attempt(
            request_eligibility,
            self.role(which_role),
            by=self.person("dana"),
            principal=self.one(self.principals, who),
            justification=WHY,
            starts_at=now + later * MINUTE if later else None,
            ends_at=now + days * DAY if days else None,
        )

    @rule(
        which_role=which,
        who=which,
        minutes=st.sampled_from([5, 300, 20160]),
        later=st.sampled_from([None, 90]),
    )
    def make_active(self, which_role: int, who: int, minutes: int, later: int | None) -> None:
        now, dana, role = timezone.now(), self.person("dana"), self.role(which_role)
        starts_at, ends_at = now + later * MINUTE if later else None, now + (minutes + 90) * MINUTE
        principal = self.one(self.principals, who)
        if isinstance(principal, Group):
            wanted = AskedAssignment(ACTIVE, starts_at, ends_at, WHY)
            self.attempt(assign, [Wish(role, role.directory.root_scope(), principal, wanted)], by=dana)
        else:
            said = {"justification": WHY, "starts_at": starts_at, "ends_at": ends_at}
            self.attempt(request_assignment, role, by=dana, person=principal, **said)

    @rule(about=which)
    def remove(self, about: int) -> None:
        held = self.one(self.look.held, about)
        self.attempt(request_removal, held, by=self.person("dag"), justification=WHY)

    @rule(
        about=which,
        minutes=st.sampled_from([10, 300, 7200]),
        act=st.sampled_from([Act.UPDATE, Act.UPDATE, Act.EXTEND, Act.RENEW]),
        turn=st.sampled_from([False, False, True]),
    )
    def change_times(self, about: int, minutes: int, act: str, turn: bool) -> None:
        held = self.one(self.look.held, about)
        kinds = {kind_of(held)} ^ ({ACTIVE, ELIGIBLE} if turn else set())
        wanted = AskedAssignment(kinds.pop(), None, timezone.now() + minutes * MINUTE, WHY)
        self.attempt(change, [Change(held, wanted, act)], by=self.person("dana"))
        self.may_break_rules = True  # an eligibility that counts again lets count again what rests on it

    # --- People ---

    @rule(name=st.sampled_from(["lee", "robin.admin", "jo", "kim", "alex", "robin"]))
    def leave_or_come_back(self, name: str) -> None:
        disabled = [one for one in self.everybody if not one.is_active]
        verb = enable_person if disabled else disable_person
        person = disabled[0] if disabled else self.person(name)
        self.attempt(verb, person, by=self.person("dana"), justification=WHY)

    @rule(who=which, minutes=st.sampled_from([None, 40, 4000]))
    def join_or_leave(self, who: int, minutes: int | None) -> None:
        """The group of those who are eligible, or hold something, through it."""
        person, group, now = self.one(self.holders, who), self.world.operators, timezone.now()
        membership = Membership.objects.filter(person=person, group=group, kind="member").first()
        if membership is not None and (membership.ends_at is None or membership.ends_at > now):
            if minutes is None:
                delete_as(membership, actor=PORTAL)
            else:
                membership.ends_at = max(membership.starts_at, now) + minutes * MINUTE
                save_as(membership, actor=PORTAL)
        else:
            membership = membership or Membership(person=person, group=group)
            membership.starts_at = now
            membership.ends_at = now + minutes * MINUTE if minutes else None
            save_as(membership, actor=PORTAL)
            self.may_break_rules = True
        self.changed()

    @rule(who=which, manager=which)
    def change_manager(self, who: int, manager: int) -> None:
        person, other = self.one(self.holders, who), self.one(self.everybody, manager)
        if person != other:
            person.manager = other
            save_as(person, actor=PORTAL)
        self.changed()

    @rule(who=st.sampled_from(["kim", "jo", "lee"]), deputy=which, days=st.sampled_from([1, 7]))
    def be_away_or_back(self, who: str, deputy: int, days: int) -> None:
        person, ends_at = self.person(who), timezone.now() + days * DAY
        if absence := Absence.objects.in_force().filter(person=person).first():
            self.attempt(end_absence, absence, by=person)
        else:
            stands_in = self.one(self.everybody, deputy)
            self.attempt(name_deputy, person, by=person, deputy=stands_in, ends_at=ends_at)

    # --- Rules and settings ---

    @rule(which_role=which, values=st.sampled_from(VALUES))
    def change_values(self, which_role: int, values: dict[str, Any]) -> None:
        change_settings(self.role(which_role), **values)
        self.changed()

    @rule(
        name=st.sampled_from(["entry", "operator"]),
        quorum=st.sampled_from([1, 2, ALL]),
        stages=st.sampled_from([1, 2]),
    )
    def change_approvers(self, name: str, quorum: int, stages: int) -> None:
        lines = list(Approver.objects.filter(role_settings__role=self.world.roles[name]).order_by("pk"))
        if quorum == 1 and lines:
            delete_as(lines[0], actor=PORTAL)  # struck out: it counts at once
            return self.changed()
        two = [self.person("kim"), self.person("jo")]
        later = [(Stage(1, 60), ["manager"], [self.person("lee")])]
        name_stages(self.world.roles[name], (Stage(quorum), two, []), *later[: stages - 1])
        self.changed()

    @rule(
        name=st.sampled_from(["Payments", "Operations"]),
        is_on=coin,
        gone=st.sampled_from([True, False, False]),
    )
    def keep_apart(self, name: str, is_on: bool, gone: bool) -> None:
        """A rule comes, is switched on or off, or goes."""
        about = {"Payments": ["entry", "release"], "Operations": ["operator", "reader", "entry"]}[name]
        roles = [self.world.roles[one] for one in about]
        found = SeparationRule.objects.filter(name=name).first()
        if found is not None and gone:
            self.attempt(remove_rule, found, by=self.person("dana"))
        else:
            kept = found or SeparationRule(name=name, reason="Four eyes.")
            kept.is_on = is_on or found is None
            self.attempt(save_rule, kept, by=self.person("dana"), roles=roles)
            self.may_break_rules = True

    # --- Time, and what follows it ---

    @rule(minutes=PASSING)
    def pass_time(self, minutes: int) -> None:
        self.clock.shift(minutes * MINUTE)
        self.changed()

    @rule(at=which)
    def pass_time_to_an_end(self, at: int) -> None:
        """To the very moment at which something ends or begins."""
        if moments := self.look.moments:
            self.clock.move_to(self.one(moments, at))
            self.changed()

    @rule(tidy=st.sampled_from([sweep, close_hopeless_requests, move_stages_on]))
    def tidy_up(self, tidy: Callable[[], None]) -> None:
        tidy()
        self.may_break_rules &= tidy is not sweep
        self.changed()

    @rule()
    def break_or_mend_directories(self) -> None:
        self.trouble = not self.trouble
        self.world.vault.trouble = Unavailable("Nobody there.") if self.trouble else None

    @rule()
    def settle(self) -> None:
        """Everything answers again, the longest pause is over, and everything that tidies up has come by."""
        self.trouble, self.world.vault.trouble = False, None
        self.clock.shift(6 * MINUTE)
        for _round in range(2):
            sweep()
        close_hopeless_requests()
        move_stages_on()
        self.may_break_rules = False
        self.changed()
        self.is_settled = True
