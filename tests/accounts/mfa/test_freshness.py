"""Evidence of a second factor: for this person, in this session, for this act, fresh, once."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.contrib.auth.models import AnonymousUser
from django.utils import timezone

from accounts.mfa.freshness import (
    StepUpRequired,
    act_digest,
    fresh_factor,
    require_fresh_factor,
    use_factor,
)
from accounts.models import FactorUse, User
from audit.journal.actor import PORTAL, Actor
from audit.journal.models import AuditEvent
from audit.journal.recording import journaled
from audit.journal.refusing import Overtaken
from tests.cast import Cast
from tests.factories.people import make_person
from tests.parallel import at_once

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 18, 13, 20, tzinfo=UTC)
ACT = act_digest(verb="activate", role=7, minutes=240, justification="ticket 1")
OTHER_ACT = act_digest(verb="activate", role=8, minutes=240, justification="ticket 1")


def prove(person: User, *, act: str = "", session: str = "mine", minutes_ago: float = 0) -> FactorUse:
    at = timezone.now() - timedelta(minutes=minutes_ago)
    return FactorUse.objects.create(person=person, method="totp", device="d", session=session, act=act, at=at)


@pytest.fixture
def actor(cast: Cast) -> Actor:
    return Actor.of(cast.employee, session="mine")


def test_the_digest_of_an_act_depends_on_everything_and_on_no_order() -> None:
    assert act_digest(a=1, b="x", at=NOW) == act_digest(at=NOW, b="x", a=1)
    assert act_digest(why="one\r\ntwo") == act_digest(why="one\ntwo"), (
        "a browser's line break is no other act"
    )
    digests = {
        act_digest(a=1),
        act_digest(a="1"),
        act_digest(b=1),
        act_digest(a=[1]),
        act_digest(a=None),
        act_digest(),
    }
    assert len(digests) == 6
    assert all(len(digest) == 64 for digest in digests)


def test_C5_every_time_accepts_only_evidence_for_exactly_this_act(cast: Cast, actor: Actor) -> None:
    prove(cast.employee)
    prove(cast.employee, act=OTHER_ACT)
    assert fresh_factor(actor, act=ACT, minutes=0) is None
    evidence = prove(cast.employee, act=ACT)
    assert fresh_factor(actor, act=ACT, minutes=0) == evidence


def test_C5_evidence_for_an_act_waits_ten_minutes(cast: Cast, actor: Actor) -> None:
    with time_machine.travel(NOW, tick=False):
        prove(cast.employee, act=ACT, minutes_ago=10)
        assert fresh_factor(actor, act=ACT, minutes=0) is None
        prove(cast.employee, act=ACT, minutes_ago=9.99)
        assert fresh_factor(actor, act=ACT, minutes=0) is not None


def test_C5_evidence_is_used_up_by_its_act(cast: Cast, actor: Actor) -> None:
    evidence = prove(cast.employee, act=ACT)
    use_factor(evidence, act=ACT)
    assert fresh_factor(actor, act=ACT, minutes=0) is None
    assert FactorUse.objects.get().used_at is not None


def test_C5_a_sign_in_of_a_minute_ago_is_fresh_for_five_minutes_but_not_for_every_time(
    cast: Cast, actor: Actor
) -> None:
    with time_machine.travel(NOW, tick=False):
        evidence = prove(cast.employee, minutes_ago=1)
        assert fresh_factor(actor, act=ACT, minutes=0) is None
        assert fresh_factor(actor, act=ACT, minutes=1) is None
        assert fresh_factor(actor, act=ACT, minutes=5) == evidence


def test_C5_a_sign_in_of_an_hour_ago_is_not_fresh_for_half_an_hour(cast: Cast, actor: Actor) -> None:
    prove(cast.employee, minutes_ago=60)
    assert fresh_factor(actor, act=ACT, minutes=30) is None


def test_evidence_from_the_future_counts_for_nothing(cast: Cast, actor: Actor) -> None:
    prove(cast.employee, act=ACT, minutes_ago=-5)
    assert fresh_factor(actor, act=ACT, minutes=0) is None
    assert fresh_factor(actor, act=ACT, minutes=60) is None


def test_recent_evidence_is_not_used_up_by_an_act_it_was_not_given_for(cast: Cast, actor: Actor) -> None:
    general = prove(cast.employee)
    for _time in range(2):
        evidence = require_fresh_factor(actor, act=ACT, minutes=5, what_for="it")
        assert evidence == general
        use_factor(evidence, act=ACT)
    assert FactorUse.objects.get().used_at is None


def test_within_its_minutes_an_act_may_be_repeated_with_evidence_it_used_before(
    cast: Cast, actor: Actor
) -> None:
    prove(cast.employee, act=ACT)
    for _time in range(2):
        use_factor(require_fresh_factor(actor, act=ACT, minutes=5, what_for="it"), act=ACT)


def test_C6_evidence_counts_for_its_person_in_its_session_only(cast: Cast, actor: Actor) -> None:
    prove(cast.employee, act=ACT, session="another")
    prove(cast.outsider, act=ACT)
    for minutes in (0, 60):
        assert fresh_factor(actor, act=ACT, minutes=minutes) is None


def test_without_a_session_or_a_person_nothing_is_fresh(cast: Cast, actor: Actor) -> None:
    prove(cast.employee, act=ACT, session="")
    nobody = Actor.of(AnonymousUser(), session="mine")  # type: ignore[arg-type]
    for who in (replace(actor, session=""), nobody, PORTAL):
        for minutes in (0, 60):
            assert fresh_factor(who, act=ACT, minutes=minutes) is None


def test_an_act_without_a_digest_is_never_fresh_every_time(cast: Cast, actor: Actor) -> None:
    prove(cast.employee, act="")
    assert fresh_factor(actor, act="", minutes=0) is None


def test_a_question_carries_the_act_and_its_words_and_is_not_recorded_as_a_refusal(
    cast: Cast, actor: Actor
) -> None:
    @journaled
    def activate(person: User, *, actor: Actor) -> None:
        require_fresh_factor(actor, act=ACT, minutes=-3, what_for="Activating " + "x" * 400)

    with pytest.raises(StepUpRequired) as asked:
        activate(cast.employee, actor=actor)
    assert (asked.value.act, asked.value.minutes, len(asked.value.what_for)) == (ACT, 0, 300)
    assert not AuditEvent.objects.filter(action="portal.refused").exists()


def test_an_act_that_is_refused_after_all_gives_its_evidence_back(cast: Cast, actor: Actor) -> None:
    @journaled
    def activate(person: User, *, actor: Actor) -> None:
        use_factor(require_fresh_factor(actor, act=ACT, minutes=0, what_for="it"), act=ACT)
        raise Overtaken

    prove(cast.employee, act=ACT)
    with pytest.raises(Overtaken):
        activate(cast.employee, actor=actor)
    assert fresh_factor(actor, act=ACT, minutes=0) is not None


@pytest.mark.django_db(transaction=True)
def test_evidence_used_eight_times_in_parallel_is_used_once() -> None:
    person = make_person("robin")
    actor = Actor.of(person, session="mine")
    prove(person, act=ACT)

    @journaled
    def activate(person: User, *, actor: Actor) -> str:
        use_factor(require_fresh_factor(actor, act=ACT, minutes=0, what_for="it"), act=ACT)
        return "done"

    answers = at_once([lambda: activate(person, actor=actor) for _time in range(8)])
    assert answers.count("done") == 1, answers


@pytest.mark.django_db(transaction=True)
def test_evidence_read_before_and_used_twice_at_once_is_used_once() -> None:
    prove(make_person("robin"), act=ACT)
    rows = [FactorUse.objects.get() for _time in range(4)]
    answers = at_once([lambda row=row: use_factor(row, act=ACT) for row in rows])
    assert sum(isinstance(answer, Overtaken) for answer in answers) == 3, answers
