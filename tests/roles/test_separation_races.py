"""Two roles that one human may not hold together, begun in the same instant: one winner, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest
from time_machine import TimeMachineFixture

from accounts.models import User
from approvals.requesting import request_activation
from audit.journal.actor import PORTAL
from audit.journal.verifying import verify_journal
from roles.models import Assignment, Role
from roles.provisioning import begin_assignment
from roles.separating import save_rule
from roles.separation import Holding, Separated, check_not_separated, violations
from roles.sweeping import sweep
from tests.factories.connectors import Vault
from tests.factories.people import make_person
from tests.factories.roles import HOUR, NOON, acting, asked, make_eligibility, make_role
from tests.factories.separation import make_rule
from tests.races import ROUNDS, Race, lost, racing, won

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def race_of_two() -> Iterator[Race]:
    with racing(2) as race:
        yield race


@pytest.fixture
def roles(clock: TimeMachineFixture, vault: Vault) -> tuple[Role, Role]:
    return make_role(vault.row, "Enter payments"), make_role(vault.row, "Release payments")


def human(n: int) -> tuple[User, User]:
    """Two accounts of one human."""
    one, two = (make_person(f"{name}{n}", person_key=f"human-{n}") for name in ("day", "admin"))
    return one, two


def test_two_activations_of_roles_kept_apart_in_the_same_instant_have_one_winner(
    race_of_two: Race, roles: tuple[Role, Role]
) -> None:
    make_rule(*roles)
    for n in range(ROUNDS):
        # The same account in even rounds, two accounts of one human in odd ones.
        one, other = human(n)
        people = (one, other if n % 2 else one)
        mine = [make_eligibility(role, person) for role, person in zip(roles, people, strict=True)]

        outcomes = race_of_two(
            [
                partial(request_activation, eligibility, actor=acting(person), asked=asked())
                for eligibility, person in zip(mine, people, strict=True)
            ]
        )

        assert len(won(outcomes)) == 1
        [refusal] = lost(outcomes)
        assert isinstance(refusal, Separated)
        assert Assignment.objects.live().filter(person__in=people).count() == 1
    assert violations() == {}
    assert verify_journal().holds


def begin(role: Role, person: User) -> Assignment:
    return begin_assignment(
        role,
        actor=PORTAL,
        person=person,
        scope=role.directory.root_scope(),
        starts_at=NOON,
        ends_at=NOON + HOUR,
    )


def test_without_the_question_under_the_pen_both_would_begin(
    race_of_two: Race, roles: tuple[Role, Role], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked before the verb takes the journal's pen, both are told that nothing is in the way; and nothing else stops them."""
    make_rule(*roles)
    person, _other = human(0)

    def ask(role: Role) -> Role:
        check_not_separated([Holding(person, role, NOON, NOON + HOUR)])
        return role

    assert not lost(race_of_two([partial(ask, role) for role in roles]))
    monkeypatch.setattr("roles.provisioning.check_not_separated", lambda wanted: None)
    assert not lost(race_of_two([partial(begin, role, person) for role in roles]))
    [[together]] = violations().values()
    assert len(together.late) == 1


def test_a_rule_made_while_both_roles_begin_leaves_one_after_the_next_sweep(
    race_of_two: Race, roles: tuple[Role, Role]
) -> None:
    rule = make_rule(*roles, is_on=False)
    for n in range(max(3, ROUNDS // 4)):
        person, _other = human(n)
        rule.is_on = False
        save_rule(rule, actor=PORTAL, roles=roles)
        begin(roles[0], person)

        def switch_on() -> None:
            rule.is_on = True
            save_rule(rule, actor=PORTAL, roles=roles)

        race_of_two([switch_on, partial(begin, roles[1], person)])
        sweep()

        assert Assignment.objects.live().filter(person=person).count() == 1
    assert violations() == {}
    assert verify_journal().holds
