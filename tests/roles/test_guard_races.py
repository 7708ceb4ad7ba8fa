"""Two administrators at once: threads through the verbs, processes past everything. One of the two always stays."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest
from django.db import IntegrityError, connection, connections, transaction

from accounts.duties import Duty
from accounts.leaving import disable_person, enable_person
from accounts.models import DutyHolding, User
from audit.journal.actor import Actor
from audit.journal.refusing import Refused
from audit.journal.verifying import verify_journal
from roles import triggers
from roles.models import Assignment, EndCause
from roles.provisioning import end_assignment
from tests.factories.holders import (
    administrators_role,
    appoint_for_good,
    make_administrator,
    run_sql,
    standing_administrators,
)
from tests.factories.roles import now
from tests.races import ROUNDS, Race, lost, racing, won
from tests.rivals import rivalling

pytestmark = pytest.mark.django_db(transaction=True)

WHY = "One of us two has to go"
Pair = tuple[User, User]


@pytest.fixture
def race_of_two() -> Iterator[Race]:
    with racing(2) as race:
        yield race


@pytest.fixture
def pair() -> Pair:
    """Two Global Administrators for good, and nobody else."""
    return make_administrator("one"), make_administrator("two")


def restore(pair: Pair) -> None:
    """Both are administrators again."""
    for one, other in (pair, pair[::-1]):
        if not now(one).is_active:
            enable_person(one, justification=WHY, actor=Actor.of(other))
        if not Assignment.objects.in_force().filter(person=one).exists():
            appoint_for_good(one, administrators_role())
    assert standing_administrators() == 2


def remove(person: User, by: User) -> None:
    held = Assignment.objects.select_related("role__directory", "scope", "person").live().get(person=person)
    end_assignment(held, actor=Actor.of(by), cause=EndCause.REMOVED)


def disable(person: User, by: User) -> None:
    disable_person(User.objects.get(pk=person.pk), justification=WHY, actor=Actor.of(by))


def test_G2_two_who_remove_or_disable_each_other_leave_one(race_of_two: Race, pair: Pair) -> None:
    one, two = pair
    acts = [(remove, remove), (disable, disable), (disable, remove)]
    for n in range(ROUNDS):
        first, second = acts[n % len(acts)]

        outcomes = race_of_two([partial(first, one, two), partial(second, two, one)])

        assert len(won(outcomes)) == 1, "one of them goes"
        [refusal] = lost(outcomes)
        assert isinstance(refusal, Refused)
        assert standing_administrators() == 1
        restore(pair)
    assert verify_journal().holds


#: what ends somebody's being an administrator, past every verb
STATEMENTS = (
    "UPDATE roles_assignment SET status = 'ended' WHERE status = 'active' AND person_id = {0}",
    "UPDATE accounts_user SET is_active = {false} WHERE id = {0}",
    "DELETE FROM accounts_dutyholding WHERE person_id = {0}",
)


def mend(pair: Pair) -> None:
    """Both are administrators again, past every verb."""
    keys = [one.pk for one in pair]
    User.objects.filter(pk__in=keys).update(is_active=True)
    Assignment.objects.filter(person__in=keys).update(status="active")
    for one in pair:
        DutyHolding.objects.get_or_create(person=one, duty=Duty.GLOBAL_ADMINISTRATOR)


def rounds(pair: Pair, count: int) -> Iterator[list[str]]:
    """For each round one statement for each of the two, every combination in turn."""
    false = "false" if connection.vendor == "postgresql" else "0"
    for n in range(count):
        mine, theirs = STATEMENTS[n % 3], STATEMENTS[n // 3 % 3]
        # Whoever deletes a holding and whoever ends an assignment look at different tables: see the test below.
        if {mine, theirs} == {STATEMENTS[0], STATEMENTS[2]}:
            theirs = mine
        yield [mine.format(pair[0].pk, false=false), theirs.format(pair[1].pk, false=false)]


def address() -> str:
    """How a process that knows nothing of the portal finds the database."""
    said = connection.settings_dict
    if connection.vendor != "postgresql":
        return str(said["NAME"])
    return f"postgresql:host={said['HOST']} port={said['PORT']} user={said['USER']} password={said['PASSWORD']} dbname={said['NAME']}"


def test_G2_G10_two_processes_with_statements_of_their_own_leave_one(pair: Pair) -> None:
    broken = 0
    with rivalling(address()) as rival:
        for statements in rounds(pair, ROUNDS):
            answers = rival(statements)

            assert answers.count("done") == 1, answers
            assert sum(triggers.SENTENCE in answer for answer in answers) == 1, answers
            broken += standing_administrators() != 1
            mend(pair)
    assert broken == 0


def test_G2_without_the_triggers_the_same_race_leaves_nobody(pair: Pair) -> None:
    triggers.remove_triggers(connection)
    try:
        with rivalling(address()) as rival:
            for statements in rounds(pair, 3):
                assert rival(statements) == ["done", "done"]
                assert standing_administrators() == 0
                mend(pair)
    finally:
        triggers.install_triggers(connection)


def test_G2_without_the_lock_two_transactions_that_only_count_leave_nobody(pair: Pair) -> None:
    """On SQLite the statement itself is the lock: the second writer waits, and is refused."""
    one, two = (Assignment.objects.filter(person=person) for person in pair)
    other = connections["default"].copy()
    if connection.vendor == "postgresql":
        run_sql(f"CREATE OR REPLACE FUNCTION {triggers.TAKE_TURN}() RETURNS void LANGUAGE sql AS ''")
    try:
        with transaction.atomic():
            one.update(status="ended")
            statement = f"UPDATE roles_assignment SET status = 'ended' WHERE id = {two.get().pk}"
            if connection.vendor == "postgresql":
                with other.cursor() as cursor:
                    cursor.execute(statement)
        if connection.vendor == "postgresql":
            assert standing_administrators() == 0
        else:
            with pytest.raises(IntegrityError, match=triggers.SENTENCE), other.cursor() as cursor:
                cursor.execute(statement)
    finally:
        other.close()
        triggers.install_triggers(connection)


def test_G2_a_transaction_that_sees_an_old_state_fails_instead_of_counting_it(pair: Pair) -> None:
    """REPEATABLE READ on PostgreSQL; a deferred transaction that has read on SQLite."""
    one, two = (Assignment.objects.get(person=person).pk for person in pair)
    end = "UPDATE roles_assignment SET status = 'ended' WHERE id = {}"
    postgresql = connection.vendor == "postgresql"
    other = connections["default"].copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ" if postgresql else "BEGIN DEFERRED")
            cursor.execute("SELECT count(*) FROM roles_assignment WHERE status = 'active'")
            assert cursor.fetchone() == (2,)
            run_sql(end.format(one))
            with pytest.raises(Exception, match=r"could not serialize|database is locked"):
                cursor.execute(end.format(two))
            cursor.execute("ROLLBACK")
    finally:
        other.close()
    assert standing_administrators() == 1
