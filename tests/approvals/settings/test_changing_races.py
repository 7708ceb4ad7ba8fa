"""Several administrators at the same thing in the same instant: one winner, and the others are told honestly."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest

from accounts.duties import Duty
from accounts.mfa.freshness import act_digest
from accounts.models import User
from approvals.changing import Change, change
from approvals.filing import version_of as version_of_held
from approvals.models import SettingsChange
from approvals.settings.changing import Wanted, change_settings, confirm_change, version_of
from approvals.settings.places import Document, Place
from audit.journal.actor import PORTAL
from audit.journal.refusing import Overtaken
from audit.journal.verifying import verify_journal
from roles.effective import settings_at
from roles.models import Eligibility, Role, RoleSettings
from roles.requirements import ELIGIBLE, AskedAssignment
from tests.cast import Cast
from tests.factories.connectors import Vault
from tests.factories.people import give_duty, make_person
from tests.factories.roles import HOUR, acting, acts_on, give_evidence, make_eligibility, make_role, now
from tests.races import AT_ONCE, ROUNDS, Race, lost, racing, won

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def race() -> Iterator[Race]:
    with racing() as race:
        yield race


@pytest.fixture
def role(cast: Cast, vault: Vault) -> Role:
    return make_role(vault.row, max_minutes=30)


@pytest.fixture
def administrators(cast: Cast) -> list[User]:
    people = [make_person(f"administrator{n}") for n in range(AT_ONCE)]
    for person in people:
        give_duty(person, Duty.PRIVILEGED_ROLE_ADMINISTRATOR)
    return people


def test_of_eight_who_change_the_same_settings_at_once_one_wins(race: Race, role: Role, cast: Cast) -> None:
    place = Place(role=role)
    for number in range(ROUNDS):
        seen = version_of(place)
        wished = [Document({"max_minutes": 31 + number * AT_ONCE + n}, None, 0) for n in range(AT_ONCE)]

        outcomes = race(
            [
                partial(change_settings, [Wanted(place, one, seen)], actor=PORTAL, justification="")
                for one in wished
            ]
        )

        ((made,),) = won(outcomes)
        assert {type(refusal) for refusal in lost(outcomes)} == {Overtaken}
        assert settings_at(role).max_minutes == made.after["values"]["max_minutes"]
    assert verify_journal().holds


def test_of_eight_who_confirm_a_change_at_once_one_does(
    race: Race, role: Role, cast: Cast, administrators: list[User]
) -> None:
    for number in range(ROUNDS):
        row = RoleSettings.objects.get(role=role)
        place = Place(role=now(role))
        before = Document.of(place, row)
        after = Document(before.values | {"max_minutes": 60 + number}, before.approvers, 0)
        proposed = SettingsChange.objects.create(
            **place.columns, before=before.as_json(), after=after.as_json(), proposer=cast.administrator
        )
        for person in administrators:
            # evidence for this very act, as the step-up page leaves it
            give_evidence(acting(person), act=act_of_confirming(proposed))

        outcomes = race([partial(confirm_change, proposed, actor=acting(one)) for one in administrators])

        assert len(won(outcomes)) == 1
        assert {type(refusal) for refusal in lost(outcomes)} == {Overtaken}
        assert acts_on(proposed) == ["settings_change.applied"]
        assert settings_at(role).max_minutes == 60 + number


def test_of_eight_who_move_the_same_end_at_once_one_wins(
    race: Race, role: Role, cast: Cast, administrators: list[User]
) -> None:
    eligibility = make_eligibility(role, cast.employee)
    ends = now(eligibility).starts_at + 1000 * HOUR
    for number in range(ROUNDS):
        held = Eligibility.objects.select_related("role__directory", "scope", "person").get(pk=eligibility.pk)
        wished = [
            AskedAssignment(ELIGIBLE, None, ends + (number * AT_ONCE + n) * HOUR, "Longer")
            for n in range(AT_ONCE)
        ]

        outcomes = race(
            [
                partial(change, [Change(held, asked, seen=version_seen(held))], actor=acting(who))
                for asked, who in zip(wished, administrators, strict=True)
            ]
        )

        assert len(won(outcomes)) == 1
        assert {type(refusal) for refusal in lost(outcomes)} == {Overtaken}
    assert acts_on(eligibility).count("eligibility.changed") == ROUNDS


def act_of_confirming(proposed: SettingsChange) -> str:
    return act_digest(verb="confirm_change", change=proposed.pk)


def version_seen(held: Eligibility) -> str:
    return version_of_held(held)
