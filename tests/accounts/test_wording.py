"""Questions that are put into words once: the same rows as ever, whatever the values."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

import pytest
from django.db import connection, connections
from django.db.models import Q, QuerySet

from accounts import wording
from accounts.models import Membership, User
from accounts.wording import Fixed, among, worded, words_of
from tests.cast import Cast
from tests.factories.people import make_group
from tests.factories.roles import HOUR, NOON

pytestmark = pytest.mark.django_db


class Builder:
    """Counts how often it is asked to build its question."""

    def __init__(self) -> None:
        self.times = 0

    def people(self, *keys: int) -> QuerySet[User]:
        self.times += 1
        return User.objects.filter(pk__in=keys).order_by("pk")


@pytest.fixture(autouse=True)
def _nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wording, "_known", type(wording._known)())


def in_group(now: datetime, person: int) -> QuerySet[Membership]:
    return Membership.objects.in_force(now).filter(person=person).select_related("group")  # type: ignore[return-value]


def called(name: str, but: tuple[int, ...]) -> QuerySet[User]:
    return User.objects.filter(display_name=name).exclude(pk__in=but)


def test_it_is_built_once_and_asked_with_other_values(cast: Cast, settings: Any) -> None:
    settings.CHECK_WORDING = False
    builder = Builder()
    ask = builder.people
    assert worded(ask, cast.employee.pk) == [cast.employee]
    assert worded(ask, cast.approver.pk) == [cast.approver]
    assert worded(ask, cast.outsider.pk) == [cast.outsider]
    assert builder.times == 1
    # another number of values is another shape
    assert set(worded(ask, cast.employee.pk, cast.approver.pk)) == {cast.employee, cast.approver}
    assert builder.times == 2


def test_rows_come_with_what_belongs_to_them_and_moments_count(cast: Cast) -> None:
    group = make_group("Operators", cast.employee)
    Membership.objects.update(starts_at=NOON, ends_at=NOON + HOUR)
    for now, expected in ((NOON, [group]), (NOON + HOUR, []), (NOON - timedelta(microseconds=1), [])):
        assert [one.group for one in worded(in_group, now, cast.employee.pk)] == expected
    assert worded(in_group, NOON, cast.approver.pk) == []


def test_what_is_there_how_many_and_what_is_fixed_belong_to_the_shape(cast: Cast) -> None:
    robin = cast.employee

    def ask(key: int | None, names: tuple[str, ...], column: Fixed, is_active: bool) -> QuerySet[User]:
        found = Q(pk=key) if key else Q()
        return User.objects.filter(found | Q(**{f"{column.value}__in": names}), is_active=is_active)

    name, email = (robin.display_name,), (robin.email,)
    assert worded(ask, None, name, Fixed("display_name"), True) == [robin]
    assert worded(ask, None, name, Fixed("email"), True) == []
    assert worded(ask, None, email, Fixed("email"), True) == [robin]
    assert worded(ask, robin.pk, (), Fixed("email"), True) == [robin]
    assert worded(ask, robin.pk, email, Fixed("email"), False) == []


def test_nothing_can_come_of_an_empty_list(cast: Cast) -> None:
    ask = Builder().people
    assert worded(ask) == []
    assert words_of(ask) is None
    assert not User.objects.filter(pk__in=among(ask)).exists()


def test_it_may_stand_inside_another_question(cast: Cast) -> None:
    ask = Builder().people
    keys = lambda *values: ask(*values).order_by().values("pk")  # noqa: E731
    both = (cast.employee.pk, cast.approver.pk)
    found = User.objects.filter(pk__in=among(keys, *both)).exclude(pk=cast.approver.pk)
    assert list(found) == [cast.employee]


@pytest.mark.parametrize("name", ['Robin\'s "%s" %(x)s', "\\", "", "ünïcödé 你好"])
def test_hostile_texts_are_values(cast: Cast, name: str) -> None:
    User.objects.filter(pk=cast.employee.pk).update(display_name=name)
    worded(called, "somebody else", (0,))
    assert worded(called, name, (0,)) == [cast.employee]
    assert worded(called, name, (cast.employee.pk,)) == []


def test_a_question_that_looks_at_a_value_is_found_out(cast: Cast) -> None:
    def ask(key: int) -> QuerySet[User]:
        return User.objects.filter(pk=key) if key > 1_000_000 else User.objects.filter(email="")

    with pytest.raises(AssertionError, match="was put as"):
        worded(ask, cast.employee.pk)


@pytest.mark.parametrize("value", ["robin", 7, NOON])
def test_a_question_that_makes_something_of_a_value_is_refused(value: Any) -> None:
    def ask(given: Any) -> QuerySet[User]:
        return User.objects.filter(display_name__contains=f"<{given}>")

    with pytest.raises(TypeError, match="does not put in"):
        worded(ask, value)


def test_what_is_no_value_is_refused(cast: Cast) -> None:
    with pytest.raises(TypeError, match="User is no value"):
        worded(Builder().people, cast.employee)


def test_a_member_of_an_enum_is_part_of_the_words(cast: Cast, settings: Any) -> None:
    class Which(Enum):
        EMAIL = "email"
        NAME = "display_name"

    def ask(column: Which, value: str) -> QuerySet[User]:
        return User.objects.filter(**{column.value: value})

    assert worded(ask, Which.EMAIL, cast.employee.email) == [cast.employee]
    assert worded(ask, Which.NAME, cast.employee.email) == []


def test_no_more_shapes_are_kept_than_are_of_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wording, "KEPT", 3)
    ask = Builder().people
    for many in range(1, 8):
        worded(ask, *range(many))
    assert len(wording._known) == 3


@pytest.mark.django_db(transaction=True)
def test_each_thread_asks_over_its_own_connection(cast: Cast) -> None:
    ask = Builder().people
    worded(ask, cast.employee.pk)
    found: list[Any] = []

    def elsewhere() -> None:
        own = connections["default"]
        with own.execute_wrapper(lambda execute, *said: found.append(own) or execute(*said)):
            found.append(worded(ask, cast.approver.pk))
        own.close()

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join(timeout=30)
    assert found[0] is not connections["default"]
    assert found[-1] == [cast.approver]


def test_postgresql_keeps_the_plan_of_what_is_asked_again_and_of_nothing_else(cast: Cast) -> None:
    builder = Builder()
    for n in range(wording.PLANNED_AFTER + 1):
        assert worded(builder.people, cast.employee.pk + n) == list(builder.people(cast.employee.pk + n))
        list(User.objects.filter(display_name="Nobody").order_by("pk"))

    kept = kept_plans()

    asked_again = [words for words in kept if 'FROM "accounts_user"' in words and '"id" IN ($1)' in words]
    assert bool(asked_again) is (connection.vendor == "postgresql")
    assert not any('"display_name" = ' in words for words in kept)


def test_what_never_changes_stands_in_the_words_of_a_kept_plan(cast: Cast) -> None:
    def ask(key: int) -> QuerySet[User]:
        return User.objects.filter(pk=key).exclude(display_name="100%s 'of' it")

    for _ in range(wording.PLANNED_AFTER + 1):
        assert worded(ask, cast.employee.pk) == [cast.employee]

    said = [words for words in kept_plans() if "100%s ''of'' it" in words]
    assert bool(said) is (connection.vendor == "postgresql")


def kept_plans() -> list[str]:
    """The statements whose plans this connection's server keeps; SQLite keeps none."""
    if connection.vendor != "postgresql":
        return []
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement FROM pg_prepared_statements")
        return [words for (words,) in cursor.fetchall()]
