"""What a reviewer is advised, and why: from plain facts, and from what stands in the portal."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from time_machine import TimeMachineFixture

from accounts.models import User
from approvals.reviews.gathering import facts_of
from approvals.reviews.models import AccessReview, ReviewItem, Verdict
from approvals.reviews.recommending import Facts, reasons, recommended
from roles.models import Role
from tests.cast import Cast
from tests.factories.people import make_group, make_person
from tests.factories.reviews import LONG_AGO, assign, item_of, make_series, make_service, open_run
from tests.factories.roles import (
    NOON,
    acting,
    activate,
    ask,
    give_evidence,
    make_eligibility,
    make_role,
)

KEEP, REMOVE = Verdict.APPROVE, Verdict.DENY
DAY = timedelta(days=1)
UNUSED = Facts(now=NOON, look_back=30 * DAY)
HELD = replace(UNUSED, is_held=True)


@pytest.mark.parametrize(
    ("facts", "advice", "why"),
    [
        (UNUSED, REMOVE, ["Never activated."]),
        (replace(UNUSED, since=NOON), "", ["Given within the last day, not activated yet."]),
        (replace(UNUSED, since=NOON - 30 * DAY), "", ["Given 30 days ago, not activated yet."]),
        (replace(UNUSED, since=NOON - 31 * DAY), REMOVE, ["Never activated."]),
        (
            replace(UNUSED, since=NOON - DAY, is_enabled=False),
            REMOVE,
            ["The account is disabled.", "Given 1 day ago, not activated yet."],
        ),
        (replace(UNUSED, used_at=NOON - 2 * DAY), KEEP, ["Last activated 2 days ago."]),
        (replace(UNUSED, used_at=NOON - 30 * DAY), KEEP, ["Last activated 30 days ago."]),
        (replace(UNUSED, used_at=NOON - 31 * DAY), REMOVE, ["Last activated 31 days ago."]),
        (replace(UNUSED, used_at=NOON), KEEP, ["Activated within the last day."]),
        (
            replace(UNUSED, used_at=NOON, is_enabled=False),
            REMOVE,
            ["The account is disabled.", "Activated within the last day."],
        ),
        (HELD, "", []),
        (replace(HELD, signed_in_at=NOON - DAY), KEEP, ["The account is in use."]),
        (replace(HELD, signed_in_at=NOON - 40 * DAY), REMOVE, ["Not signed in for 40 days."]),
        (replace(HELD, is_person=False), "", []),
        (replace(HELD, is_enabled=False), REMOVE, ["The account is disabled."]),
        (
            replace(UNUSED, peers=12, peers_with=1),
            REMOVE,
            ["Never activated.", "Hardly anybody beside them has this role: 1 of 12."],
        ),
        (
            replace(UNUSED, peers=2, peers_with=0, denied=3),
            REMOVE,
            [
                "Never activated.",
                "0 of 2 people beside them have this role too.",
                "3 requests for it were denied in twelve months.",
            ],
        ),
    ],
)
def test_the_advice_and_its_reasons(facts: Facts, advice: str, why: list[str]) -> None:
    assert recommended(facts) == advice
    assert reasons(facts) == why


@pytest.mark.usefixtures("clock")
@pytest.mark.django_db
class TestWhatIsKnown:
    """What a review writes down of each access when it opens."""

    def run(self, cast: Cast, role: Role, **terms: object) -> AccessReview:
        series = make_series(cast.administrator, cast.approver, roles=[role], **terms)  # type: ignore[arg-type]
        return open_run(series)

    def test_use_sign_in_and_advice_are_those_of_the_start(
        self, clock: TimeMachineFixture, cast: Cast, role: Role
    ) -> None:
        used = make_eligibility(role, cast.employee)
        make_eligibility(role, cast.outsider, starts_at=LONG_AGO)
        make_eligibility(role, cast.auditor)
        activate(used, cast.employee, minutes=60)
        clock.shift(DAY)
        activate(used, cast.employee, minutes=60)
        give_evidence(acting(cast.employee))
        clock.shift(3 * DAY)
        review = self.run(cast, role)
        item = item_of(review, cast.employee)
        assert (item.uses, item.used_at, item.signed_in_at) == (2, NOON + DAY, NOON + DAY)
        assert (item.recommendation, item_of(review, cast.outsider).recommendation) == (KEEP, REMOVE)
        assert item_of(review, cast.auditor).recommendation == "", "they had no time to use it"
        activate(used, cast.employee, minutes=60)
        assert item_of(review, cast.employee).uses == 2, "what comes later is not of this review"
        assert reasons(facts_of(item, review, is_person=True))[0] == "Last activated 3 days ago."

    def test_peers_are_enabled_people_with_the_same_manager_or_else_department(
        self, cast: Cast, role: Role
    ) -> None:
        make_eligibility(role, cast.employee)
        one, two, gone = (make_person(f"peer{n}", manager=cast.approver) for n in range(3))
        for who in (one, gone):
            make_eligibility(role, who)
        User.objects.filter(pk=gone.pk).update(is_active=False)
        make_service("robot", cast.approver)
        make_eligibility(role, cast.second_approver)  # of Operations, as Kim is, and without a manager
        review = self.run(cast, role)
        assert [
            (item_of(review, who).peers, item_of(review, who).peers_with) for who in (cast.employee, one)
        ] == [
            (2, 1),
            (2, 1),
        ], two
        item = item_of(review, cast.second_approver)
        assert (item.peers, item.peers_with) == (1, 0)
        assert item_of(review, gone).recommendation == REMOVE
        assert not item_of(review, gone).was_enabled

    def test_denied_requests_of_a_year_are_counted(
        self, clock: TimeMachineFixture, cast: Cast, role: Role
    ) -> None:
        from approvals.deciding import decide

        strict = make_role(role.directory, "Strict", approvers=[cast.approver])
        row = make_eligibility(strict, cast.employee)
        for _ in range(2):
            decide(ask(row, cast.employee), actor=acting(cast.approver), verdict="deny", justification="No")
            clock.shift(200 * DAY)
        assert item_of(self.run(cast, strict), cast.employee).denied == 1

    def test_where_it_recommends_nothing_there_is_no_advice(self, cast: Cast, role: Role) -> None:
        make_eligibility(role, cast.employee)
        assert item_of(self.run(cast, role, recommends=False), cast.employee).recommendation == ""

    def test_a_group_and_a_program_are_not_judged_by_sign_ins(self, cast: Cast, role: Role) -> None:
        robot = make_service("robot", cast.approver)
        assign(role, robot)
        team = make_group("Team", cast.employee, cast.outsider)
        make_eligibility(role, team, starts_at=LONG_AGO)
        review = self.run(cast, role, of_services=True)
        assert item_of(review, robot).recommendation == ""
        item = item_of(review, team)
        assert (item.members, item.recommendation, item.peers) == (2, REMOVE, 0)
        assert ReviewItem.objects.filter(review=review).count() == 2
