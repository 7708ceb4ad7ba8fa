"""A fresh second factor for this very act: asked when it is missing, bound to the act, used once."""

from datetime import timedelta
from typing import Any

import pytest
from time_machine import TimeMachineFixture

from accounts.mfa.freshness import StepUpRequired
from accounts.models import FactorUse
from approvals import requesting
from approvals.models import AccessRequest
from approvals.requesting import act_of, request_activation
from audit.journal.actor import PORTAL, Actor
from audit.journal.refusing import Refused
from roles.models import Eligibility, EndCause
from roles.provisioning import end_assignment
from tests.cast import Cast
from tests.factories.connectors import Vault
from tests.factories.roles import (
    HOUR,
    MICROSECOND,
    NOON,
    acting,
    asked,
    entries_on,
    give_evidence,
    make_eligibility,
    make_role,
    now,
    proof,
    refusals_on,
)

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)


@pytest.fixture
def eligibility(clock: TimeMachineFixture, cast: Cast, vault: Vault) -> Eligibility:
    """The employee may activate a role that asks for a second factor every time."""
    return make_eligibility(make_role(vault.row, factor="every_time"), cast.employee)


@pytest.fixture
def robin(cast: Cast) -> Actor:
    return acting(cast.employee)


def prove(eligibility: Eligibility, actor: Actor, **what: Any) -> FactorUse:
    """Give the second factor for exactly this activation."""
    return give_evidence(actor, act=act_of(eligibility, asked(**what), actor.person))


def test_it_is_asked_for_when_nothing_else_is_missing(eligibility: Eligibility, robin: Actor) -> None:
    with pytest.raises(StepUpRequired) as question:
        request_activation(eligibility, actor=robin, asked=asked())

    assert question.value.act == act_of(eligibility, asked(), robin.person)
    assert question.value.what_for == "Activate Operator for 4 h"
    assert question.value.minutes == 0
    assert not AccessRequest.objects.exists()
    assert refusals_on(eligibility) == [], "a question back is not a refusal"


def test_it_is_not_asked_for_while_something_else_is_wrong(eligibility: Eligibility, robin: Actor) -> None:
    with pytest.raises(Refused) as refusal:
        request_activation(eligibility, actor=robin, asked=asked(justification=""))

    assert refusal.value.code == "justification_missing"


def test_the_evidence_stays_with_the_request(eligibility: Eligibility, robin: Actor) -> None:
    evidence = prove(eligibility, robin)

    access_request = request_activation(eligibility, actor=robin, asked=asked())

    kept = access_request.factor_use
    assert kept is not None
    assert (kept.pk, kept.method, kept.device_name, kept.at) == (evidence.pk, "totp", "Phone", NOON)
    assert now(kept).used_at == NOON
    said = entries_on(access_request).get(action="activation.requested").detail["second_factor"]
    assert (said["method"], said["device"]) == ("totp", "Phone")


def test_C5_the_same_evidence_does_not_do_twice(eligibility: Eligibility, robin: Actor) -> None:
    prove(eligibility, robin)
    first = request_activation(eligibility, actor=robin, asked=asked()).assignment
    assert first is not None
    end_assignment(first, actor=PORTAL, cause=EndCause.REMOVED)

    with pytest.raises(StepUpRequired):
        request_activation(eligibility, actor=robin, asked=asked())


def test_C5_were_it_not_used_up_it_would_do_twice(
    eligibility: Eligibility, robin: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requesting, "use_factor", lambda evidence, *, act: None)
    prove(eligibility, robin)
    first = request_activation(eligibility, actor=robin, asked=asked()).assignment
    assert first is not None
    end_assignment(first, actor=PORTAL, cause=EndCause.REMOVED)

    assert request_activation(eligibility, actor=robin, asked=asked()).status == "approved"


@pytest.mark.parametrize(
    "other",
    [
        {"minutes": 30},
        {"justification": "Something else"},
        {"ticket": "INC-2"},
        {"starts_at": NOON + HOUR},
    ],
)
def test_C5_evidence_for_one_wish_does_not_do_for_another(
    eligibility: Eligibility, robin: Actor, other: dict[str, Any]
) -> None:
    prove(eligibility, robin)

    with pytest.raises(StepUpRequired):
        request_activation(eligibility, actor=robin, asked=asked(**other))

    assert not FactorUse.objects.filter(used_at__isnull=False).exists()


def test_C5_evidence_for_one_role_does_not_do_for_another(
    eligibility: Eligibility, robin: Actor, vault: Vault
) -> None:
    other = make_eligibility(make_role(vault.row, "Reader", factor="every_time"), robin.person)
    prove(eligibility, robin)

    with pytest.raises(StepUpRequired):
        request_activation(other, actor=robin, asked=asked())


@pytest.mark.parametrize("minutes", [0, 15])
def test_C5_evidence_of_another_session_does_not_do(cast: Cast, vault: Vault, minutes: int) -> None:
    eligibility = make_eligibility(make_role(vault.row, **proof(minutes)), cast.employee)
    prove(eligibility, acting(cast.employee, session="another browser"))

    for session in ("this browser", ""):
        with pytest.raises(StepUpRequired):
            request_activation(eligibility, actor=acting(cast.employee, session=session), asked=asked())


@pytest.mark.parametrize("minutes", [0, 15])
def test_C6_evidence_of_another_person_does_not_do(cast: Cast, vault: Vault, minutes: int) -> None:
    eligibility = make_eligibility(make_role(vault.row, **proof(minutes)), cast.employee)
    give_evidence(acting(cast.outsider), act=act_of(eligibility, asked(), cast.employee))

    with pytest.raises(StepUpRequired):
        request_activation(eligibility, actor=acting(cast.employee), asked=asked())


def test_C5_a_sign_in_a_moment_ago_does_not_do_where_it_is_asked_every_time(
    eligibility: Eligibility, robin: Actor
) -> None:
    give_evidence(robin, act="")

    with pytest.raises(StepUpRequired):
        request_activation(eligibility, actor=robin, asked=asked())


@pytest.mark.parametrize(
    ("age", "does"), [(10 * MINUTE - MICROSECOND, True), (10 * MINUTE, False), (HOUR, False)]
)
def test_C5_evidence_waits_ten_minutes_for_its_act(
    eligibility: Eligibility, robin: Actor, age: timedelta, does: bool
) -> None:
    give_evidence(robin, act=act_of(eligibility, asked(), robin.person), at=NOON - age)

    if does:
        request_activation(eligibility, actor=robin, asked=asked())
    else:
        with pytest.raises(StepUpRequired):
            request_activation(eligibility, actor=robin, asked=asked())


def test_B11_evidence_from_the_future_does_not_do(eligibility: Eligibility, robin: Actor) -> None:
    give_evidence(robin, act=act_of(eligibility, asked(), robin.person), at=NOON + MINUTE)

    with pytest.raises(StepUpRequired):
        request_activation(eligibility, actor=robin, asked=asked())


@pytest.mark.parametrize(("age", "does"), [(15 * MINUTE - MICROSECOND, True), (15 * MINUTE, False)])
def test_C5_evidence_of_the_session_does_while_it_is_younger_than_the_settings_say(
    clock: TimeMachineFixture, cast: Cast, vault: Vault, robin: Actor, age: timedelta, does: bool
) -> None:
    eligibility = make_eligibility(make_role(vault.row, factor="recent", factor_minutes=15), cast.employee)
    evidence = give_evidence(robin, act="", at=NOON - age)

    if does:
        assert request_activation(eligibility, actor=robin, asked=asked()).factor_use == evidence
    else:
        with pytest.raises(StepUpRequired) as question:
            request_activation(eligibility, actor=robin, asked=asked())
        assert question.value.minutes == 15, "the page says how long the new one will count"


def test_evidence_that_counts_for_a_while_does_for_more_than_one_act(
    clock: TimeMachineFixture, cast: Cast, vault: Vault, robin: Actor
) -> None:
    give_evidence(robin)

    for name in ("Operator", "Reader"):
        eligibility = make_eligibility(
            make_role(vault.row, name, factor="recent", factor_minutes=15), cast.employee
        )
        assert request_activation(eligibility, actor=robin, asked=asked()).status == "approved"


def test_where_none_is_asked_none_is_kept(cast: Cast, vault: Vault, robin: Actor) -> None:
    eligibility = make_eligibility(make_role(vault.row, factor="none"), cast.employee)
    give_evidence(robin)

    assert request_activation(eligibility, actor=robin, asked=asked()).factor_use is None


def test_a_refusal_further_on_does_not_use_up_the_evidence(cast: Cast, vault: Vault, robin: Actor) -> None:
    role = make_role(vault.row, approvers=[cast.employee], factor="every_time", if_nobody="refuse")
    eligibility = make_eligibility(role, cast.employee)
    evidence = prove(eligibility, robin)

    with pytest.raises(Refused, match="Nobody could decide"):
        request_activation(eligibility, actor=robin, asked=asked())

    assert now(evidence).used_at is None
