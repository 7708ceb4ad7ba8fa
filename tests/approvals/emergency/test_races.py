"""Several emergencies, and several reviews, in the same instant."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest
from time_machine import TimeMachineFixture

from approvals.emergency.activating import act_of, activate_in_emergency
from approvals.emergency.models import EmergencyUse
from approvals.emergency.reviewing import review_emergency
from approvals.emergency.unreviewed import StillOpen
from approvals.models import AccessRequest
from audit.alerts.models import Alert
from audit.journal.refusing import Overtaken
from audit.journal.verifying import verify_journal
from tests.cast import Cast
from tests.factories.connectors import Vault
from tests.factories.emergencies import end, give_passkey_evidence, rush
from tests.factories.people import make_person
from tests.factories.roles import acting, acts_on, asked, make_eligibility, make_role, name_approvers, now
from tests.races import AT_ONCE, Race, lost, racing, won

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def race() -> Iterator[Race]:
    with racing() as race:
        yield race


def test_of_eight_emergencies_of_one_person_one_is_opened(
    race: Race, cast: Cast, vault: Vault, clock: TimeMachineFixture
) -> None:
    robin = acting(cast.employee)
    eligible = [
        make_eligibility(
            make_role(vault.row, f"Rescue {n}", approvers=[cast.approver], emergency_allowed=True),
            cast.employee,
        )
        for n in range(AT_ONCE)
    ]
    for one in eligible:
        give_passkey_evidence(robin, act=act_of(one, asked(), cast.employee))

    outcomes = race([partial(activate_in_emergency, one, actor=robin, asked=asked()) for one in eligible])

    (use,) = won(outcomes)
    assert all(isinstance(refusal, StillOpen) for refusal in lost(outcomes))
    assert {refusal.message.partition("(")[0] for refusal in lost(outcomes)} == {
        f"Your emergency activation of {use.access_request.role} of 4 May 2026, 12:00 "
    }
    assert (EmergencyUse.objects.count(), AccessRequest.objects.count(), Alert.objects.count()) == (1, 1, 1)
    assert verify_journal().holds


def test_of_eight_reviews_one_counts_and_the_others_learn_whose(
    race: Race, cast: Cast, vault: Vault, clock: TimeMachineFixture
) -> None:
    people = [make_person(f"approver{n}") for n in range(AT_ONCE)]
    role = make_role(vault.row, approvers=[cast.approver], emergency_allowed=True)
    name_approvers(role, *people)
    use = end(rush(make_eligibility(role, cast.employee), cast.employee))
    findings = ["justified", "not_justified"] * (AT_ONCE // 2)

    outcomes = race(
        [
            partial(review_emergency, now(use), actor=acting(one), finding=finding, review="So it was")
            for one, finding in zip(people, findings, strict=True)
        ]
    )

    (kept,) = won(outcomes)
    assert all(isinstance(refusal, Overtaken) for refusal in lost(outcomes))
    said = f"{kept.reviewer} was faster and reviewed it: {kept.get_finding_display().lower()}."
    assert {refusal.message for refusal in lost(outcomes)} == {said}
    assert acts_on(use) == ["emergency.activated", "emergency.reviewed"]
    assert verify_journal().holds
