"""Guesses are slowed down, for a name from one place and for a place, and forgotten in time."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from accounts.models import Attempts
from accounts.throttling import TooManyAttempts, count_attempt, forgive_attempt, wait_words
from tests.parallel import at_once

pytestmark = pytest.mark.django_db

HERE = "192.0.2.1"


def guesses(email: str, *, address: str = HERE, times: int = 100) -> int:
    """How many of so many attempts at one instant are looked at."""
    looked_at = 0
    for _time in range(times):
        try:
            count_attempt(email, address=address)
            looked_at += 1
        except TooManyAttempts:
            pass
    return looked_at


@pytest.fixture(autouse=True)
def clock() -> object:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        yield clock


def test_a_name_gets_a_few_attempts_from_one_address_and_as_many_from_another() -> None:
    assert guesses("a@example.test") == 6
    assert guesses("a@example.test", address="192.0.2.2") == 6


def test_an_address_gets_more_attempts_than_a_name_but_not_without_end() -> None:
    assert sum(guesses(f"p{number}@example.test", times=1) for number in range(100)) == 51


def test_C3_one_ipv6_network_is_one_place() -> None:
    looked_at = [
        guesses("a@example.test", address=f"2001:db8::{number:x}", times=1) for number in range(1, 50)
    ]
    assert sum(looked_at) == 6


def test_without_an_address_the_name_is_counted_alone() -> None:
    assert guesses("a@example.test", address="") == 6
    assert Attempts.objects.count() == 1


def test_a_right_password_takes_its_own_marks_back() -> None:
    for _time in range(200):
        count_attempt("a@example.test", address=HERE)
        forgive_attempt("a@example.test", address=HERE)
    assert set(Attempts.objects.values_list("failures", flat=True)) == {0}


def test_pauses_grow_and_end(clock: time_machine.Coordinates) -> None:
    waited = []
    for _time in range(12):
        while guesses("a@example.test", times=1) == 0:
            clock.shift(timedelta(seconds=1))
            waited.append(1)
    assert sum(waited) == 1 + 2 + 4 + 8 + 16 + 32


def test_failures_are_forgotten_after_an_hour(clock: time_machine.Coordinates) -> None:
    guesses("a@example.test")
    clock.shift(timedelta(hours=1, seconds=1))
    assert guesses("a@example.test") == 6


def test_old_marks_are_deleted(clock: time_machine.Coordinates) -> None:
    guesses("a@example.test")
    clock.shift(timedelta(hours=25))
    count_attempt("b@example.test", address=HERE)
    forgive_attempt("b@example.test", address=HERE)
    assert Attempts.objects.count() == 2


def test_waiting_is_said_in_words() -> None:
    now = timezone.now()
    assert wait_words(now + timedelta(seconds=12)) == "12 s"
    assert wait_words(now + timedelta(seconds=600.5)) == "11 min"
    assert wait_words(now - timedelta(seconds=1)) == "1 s"


@pytest.mark.django_db(transaction=True)
def test_attempts_at_the_same_instant_are_all_counted() -> None:
    answers = at_once([lambda: count_attempt("a@example.test", address=HERE) for _time in range(10)])
    assert sum(answer is None for answer in answers) == 6, answers
