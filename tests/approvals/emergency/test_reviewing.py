"""The review of an emergency activation: by somebody else, once, when it is over."""

from __future__ import annotations

import pytest
from time_machine import TimeMachineFixture

from accounts.duties import Duty
from accounts.models import Absence, Notification, User
from approvals.emergency.models import EmergencyUse
from approvals.emergency.permissions import reviewers_of, uses_open_to
from approvals.emergency.reminding import remind_of_emergencies
from approvals.emergency.reviewing import end_emergency, review_emergency
from audit.alerts.alerting import resolve
from audit.alerts.models import Alert
from audit.journal.actor import PORTAL
from audit.journal.models import AuditEvent
from audit.journal.refusing import NotAllowed, Overtaken, Refused
from roles.models import Assignment, Eligibility, Role
from roles.models.stages import Stage
from tests.cast import Cast
from tests.factories.emergencies import end, rush
from tests.factories.people import give_duty, make_group, make_person
from tests.factories.roles import (
    HOUR,
    NOON,
    acting,
    acts_on,
    appoint,
    entries_on,
    make_eligibility,
    make_portal_directory,
    name_stages,
    notices_of,
    now,
    open_alerts,
    refusals_on,
    strike_approvers,
)

pytestmark = pytest.mark.django_db

JUSTIFIED, NOT_JUSTIFIED = EmergencyUse.Finding.JUSTIFIED, EmergencyUse.Finding.NOT_JUSTIFIED


@pytest.fixture
def use(eligibility: Eligibility, cast: Cast) -> EmergencyUse:
    """Robin's, and over."""
    return end(rush(eligibility, cast.employee))


def review(
    use: EmergencyUse, person: User, finding: str = JUSTIFIED, words: str = "The database was down"
) -> EmergencyUse:
    return review_emergency(use, actor=acting(person), finding=finding, review=words)


def test_who_was_skipped_reviews_it_and_the_holder_may_go_on(
    use: EmergencyUse, eligibility: Eligibility, cast: Cast
) -> None:
    review(use, cast.approver)

    kept = now(use)
    assert (kept.status, kept.finding, kept.reviewer, kept.reviewed_at, kept.review) == (
        "reviewed",
        "justified",
        cast.approver,
        NOON,
        "The database was down",
    )
    assert [row.status for row in kept.history.order_by("pk")] == ["open", "reviewed"]
    entry = entries_on(use).get(action="emergency.reviewed")
    assert (entry.actor_name, entry.justification, entry.detail["finding"]) == (
        "Kim Placeholder",
        "The database was down",
        "justified",
    )
    assert open_alerts() == []
    [said] = Notification.objects.filter(notice="approvals/emergency_reviewed")
    assert said.person == cast.employee
    assert "It was justified." in said.text
    assert "They wrote: The database was down" in said.text
    assert rush(eligibility, cast.employee).status == "open"


def test_what_was_not_justified_raises_another_alert(use: EmergencyUse, cast: Cast) -> None:
    guard = make_person("guard")
    give_duty(guard, Duty.SECURITY_ADMINISTRATOR)

    review(use, cast.administrator, NOT_JUSTIFIED, "Nothing was wrong that day")

    assert open_alerts() == ["emergency_not_justified"]
    alert = Alert.objects.get(kind="emergency_not_justified")
    assert alert.severity == "high"
    assert alert.title == "An emergency activation of Operator by Robin Sample was found not justified"
    assert notices_of(guard) == ["audit/alert_raised"]
    [said] = Notification.objects.filter(notice="approvals/emergency_reviewed")
    assert "It was not justified" in said.text


@pytest.mark.parametrize(
    ("finding", "words", "field"),
    [
        ("", "So it was", "finding"),
        ("maybe", "So it was", "finding"),
        (JUSTIFIED, "  ", "review"),
        (JUSTIFIED, "x" * 2001, "review"),
    ],
)
def test_a_finding_and_words_are_needed(
    use: EmergencyUse, cast: Cast, finding: str, words: str, field: str
) -> None:
    with pytest.raises(Refused) as refusal:
        review(use, cast.approver, finding, words)

    assert refusal.value.field == field
    assert now(use).status == "open"


def test_nobody_reviews_their_own_under_whatever_account(use: EmergencyUse, role: Role, cast: Cast) -> None:
    User.objects.filter(pk__in=[cast.employee.pk, cast.administrator.pk]).update(person_key="robin")
    appoint(cast.employee, "own", role)

    for person in (cast.employee, cast.administrator):
        with pytest.raises(NotAllowed, match="their own"):
            review(use, now(person))

    assert refusals_on(use) == ["own_emergency"] * 2
    assert now(use).status == "open"


def test_who_has_no_part_in_it_and_who_was_disabled_may_not(use: EmergencyUse, cast: Cast) -> None:
    for person in (cast.outsider, cast.root, cast.auditor, cast.second_approver):
        with pytest.raises(NotAllowed, match="you are none of them"):
            review(use, person)
    kim = cast.approver
    User.objects.filter(pk=kim.pk).update(is_active=False)
    with pytest.raises(NotAllowed):
        review(use, kim)
    with pytest.raises(NotAllowed):
        review_emergency(use, actor=PORTAL, finding=JUSTIFIED, review="By itself")


def test_it_is_not_reviewed_while_it_is_in_force(
    eligibility: Eligibility, cast: Cast, clock: TimeMachineFixture
) -> None:
    use = rush(eligibility, cast.employee)

    with pytest.raises(Refused) as refusal:
        review(use, cast.approver)

    assert refusal.value.code == "still_in_force"
    assert refusal.value.message == (
        "It is in force until 4 May 2026, 16:00. It is reviewed once it is over: end it now, or wait."
    )
    clock.shift(4 * HOUR)
    assert review(use, cast.approver).status == "reviewed", "time decides, not whether a sweep has run"


def test_who_manages_the_role_ends_it_at_once_and_reviews_it_then(
    eligibility: Eligibility, cast: Cast
) -> None:
    use = rush(eligibility, cast.employee)

    with pytest.raises(NotAllowed):
        end_emergency(use, actor=acting(cast.approver), justification="Stop")
    with pytest.raises(Refused, match="Say why"):
        end_emergency(use, actor=acting(cast.administrator), justification=" ")
    end_emergency(use, actor=acting(cast.administrator), justification="Stop")

    assignment = now(use).access_request.assignment
    assert assignment is not None
    assert (assignment.status, assignment.end_cause) == (Assignment.Status.ENDING, "removed")
    with pytest.raises(Overtaken):
        end_emergency(use, actor=acting(cast.administrator), justification="Stop")
    assert review(use, cast.administrator).status == "reviewed"


def test_a_second_review_comes_too_late_and_learns_whose_was_first(use: EmergencyUse, cast: Cast) -> None:
    stale = now(use)
    review(use, cast.approver)

    with pytest.raises(Overtaken) as refusal:
        review(stale, cast.administrator, NOT_JUSTIFIED)

    assert refusal.value.message == "Kim Placeholder was faster and reviewed it: it was justified."
    assert now(use).finding == "justified"


def test_both_directions_of_who_may_review_agree_over_the_whole_cast(
    role: Role, cast: Cast, clock: TimeMachineFixture
) -> None:
    team = make_group("Team", make_person("member"), cast.employee)
    extra = [make_person(name) for name in ("owner", "late", "deputy", "may.become")]
    owner, late, deputy, may_become = extra
    name_stages(role, (Stage(escalate_after=30), ["manager"], [late]), (Stage(), [team], []))
    appoint(owner, "own", role)
    duty = make_portal_directory().roles.get(entitlement=Duty.GLOBAL_ADMINISTRATOR)
    make_eligibility(duty, may_become)
    Absence.objects.create(person=late, deputy=deputy, starts_at=NOON - HOUR, ends_at=NOON + HOUR)
    User.objects.filter(pk__in=[cast.employee.pk, cast.root.pk]).update(person_key="robin")
    appoint(cast.root, "own", role)

    use = end(rush(make_eligibility(role, now(cast.employee)), now(cast.employee)))

    may = {one for one in User.objects.all() if uses_open_to(one).filter(pk=use.pk).exists()}
    assert may == set(reviewers_of(use))
    assert sorted(map(str, may)) == ["Dana Fictive", "Deputy", "Kim Placeholder", "Late", "Member", "Owner"]


def test_where_the_administrators_were_skipped_those_who_may_become_one_review_it_too(
    role: Role, cast: Cast
) -> None:
    strike_approvers(role)
    may_become = make_person("may.become")
    duty = make_portal_directory().roles.get(entitlement=Duty.GLOBAL_ADMINISTRATOR)
    make_eligibility(duty, may_become)
    use = end(rush(make_eligibility(role, cast.employee), cast.employee))

    assert may_become in reviewers_of(use)
    assert review(use, may_become).status == "reviewed"


def test_who_no_longer_is_an_approver_reviews_nothing(use: EmergencyUse, role: Role, cast: Cast) -> None:
    strike_approvers(role)

    with pytest.raises(NotAllowed):
        review(use, cast.approver)


def test_those_who_may_review_it_are_reminded_once_a_day(
    use: EmergencyUse, cast: Cast, clock: TimeMachineFixture
) -> None:
    def reminded() -> int:
        remind_of_emergencies()
        return acts_on(use).count("emergency.reminded")

    assert reminded() == 0
    clock.shift(24 * HOUR)
    assert [reminded(), reminded()] == [1, 1]
    clock.shift(24 * HOUR)
    assert reminded() == 2
    assert notices_of(cast.approver).count("approvals/emergency_unreviewed") == 2
    assert "approvals/emergency_unreviewed" not in notices_of(cast.employee)
    review(use, cast.approver)
    clock.shift(48 * HOUR)
    assert reminded() == 2


def test_an_alert_that_was_settled_without_a_review_comes_again(
    use: EmergencyUse, cast: Cast, clock: TimeMachineFixture
) -> None:
    resolve(Alert.objects.get(), actor=acting(cast.administrator))
    clock.shift(24 * HOUR)

    remind_of_emergencies()

    assert open_alerts() == ["emergency_used"]
    assert AuditEvent.objects.filter(action="alert.raised").count() == 2
