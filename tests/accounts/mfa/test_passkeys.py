"""What a passkey proves, for whom, where and how often. Each refusal has its own test."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
import time_machine
from django.utils import timezone

from accounts.mfa import ceremonies
from accounts.mfa.freshness import (
    PHISHING_RESISTANT,
    StepUpRequired,
    act_digest,
    fresh_factor,
    require_fresh_factor,
    use_factor,
)
from accounts.mfa.proving import (
    ANSWERED_WITHIN,
    NoPasskey,
    PasskeyPaused,
    PasskeyRefused,
    begin_proof,
    verify_passkey,
)
from accounts.models import FactorUse, Passkey, PasskeyChallenge, User
from audit.journal.actor import Actor
from audit.journal.models import AuditEvent
from audit.journal.refusing import NotAllowed
from pim_portal.hosts import is_address, origin_of
from tests.cast import Cast, make_cast
from tests.factories.passkeys import HERE, PRESENT, VERIFIED, Browser, Key, give_passkey
from tests.factories.people import make_person
from tests.parallel import at_once

pytestmark = pytest.mark.django_db

ACT = act_digest(verb="test")


def actor_of(person: User, session: str = "mine") -> Actor:
    return Actor.of(person, session=session)


def ask(person: User, *, act: str = ACT, session: str = "mine") -> dict[str, Any]:
    return begin_proof(person, act=act, actor=actor_of(person, session))


def prove(person: User, answer: str, *, act: str = ACT, session: str = "mine") -> FactorUse:
    return verify_passkey(person, answer=answer, act=act, actor=actor_of(person, session))


def why_refused() -> str:
    """What the journal says about the refusal that came last."""
    entry = AuditEvent.objects.filter(action="factor.refused").latest("number")
    return str(entry.detail["why"])


@pytest.fixture
def key(cast: Cast) -> Key:
    """What lies on the employee's laptop."""
    return give_passkey(cast.employee)


def test_a_passkey_proves_the_act_it_signed_for_and_says_when_it_was_used(cast: Cast, key: Key) -> None:
    evidence = prove(cast.employee, key.signed(ask(cast.employee)))

    assert (evidence.method, evidence.device_name, evidence.act) == ("passkey", "Laptop", ACT)
    passkey = Passkey.objects.get()
    assert passkey.last_used_at is not None
    assert passkey.sign_count == key.count
    assert AuditEvent.objects.get(action="factor.verified").detail["method"] == "passkey"


def test_the_device_is_asked_to_recognise_the_person_and_is_told_only_of_their_own_keys(
    cast: Cast, key: Key
) -> None:
    give_passkey(cast.outsider)
    options = ask(cast.employee)

    assert options["userVerification"] == "required"
    assert options["rpId"] == "localhost"
    assert len(options["allowCredentials"]) == 1


@pytest.mark.parametrize(
    ("at", "why"),
    [
        (Browser(origin="https://localhost.evil.test"), "origin"),
        (Browser(origin="http://localhost:9999"), "origin"),
        (Browser(rp_id="evil.test"), "RP ID"),
        (Browser(flags=PRESENT), "not verified"),
        (Browser(flags=VERIFIED), "not present"),
        (Browser(framed=True), "frame"),
    ],
    ids=["another site", "another port", "another host name", "not recognised", "not there", "in a frame"],
)
def test_what_was_signed_elsewhere_or_by_nobody_in_particular_is_refused(
    cast: Cast, key: Key, at: Browser, why: str
) -> None:
    with pytest.raises(PasskeyRefused):
        prove(cast.employee, key.signed(ask(cast.employee), at))
    assert why in why_refused()
    assert not FactorUse.objects.exists()


def test_a_signature_by_another_key_under_the_same_name_is_refused(cast: Cast, key: Key) -> None:
    forged = replace(Key(), id=key.id, count=key.count)
    with pytest.raises(PasskeyRefused):
        prove(cast.employee, forged.signed(ask(cast.employee)))
    assert "signature" in why_refused()


@pytest.mark.parametrize("count", [1, 0], ids=["a key that counts", "a key that does not count"])
def test_an_answer_sent_a_second_time_is_refused(cast: Cast, count: int) -> None:
    answer = give_passkey(cast.employee, count=count).signed(ask(cast.employee))
    prove(cast.employee, answer)
    with pytest.raises(PasskeyRefused):
        prove(cast.employee, answer)
    assert FactorUse.objects.count() == 1


def test_a_copied_key_is_found_out_by_its_counter(cast: Cast, key: Key) -> None:
    copied = key.copy()
    for _time in range(3):
        prove(cast.employee, key.signed(ask(cast.employee)))
    with pytest.raises(PasskeyRefused):
        prove(cast.employee, copied.signed(ask(cast.employee)))
    assert "count" in why_refused()


def test_a_challenge_works_for_its_act_in_its_session_and_for_its_person_only(cast: Cast, key: Key) -> None:
    elsewhere: list[dict[str, str]] = [
        {"act": "b" * 64},
        {"act": ""},
        {"session": "another"},
        {"session": ""},
    ]
    for where in elsewhere:
        with pytest.raises(PasskeyRefused):
            prove(cast.employee, key.signed(ask(cast.employee)), **where)
    theirs = give_passkey(cast.outsider)
    with pytest.raises(PasskeyRefused):
        prove(cast.outsider, theirs.signed(ask(cast.employee)))
    assert not FactorUse.objects.exists()


def test_a_challenge_of_the_portals_own_making_only(cast: Cast, key: Key) -> None:
    for made_up in ("", "AAAA", "A" * 86):
        with pytest.raises(PasskeyRefused):
            prove(cast.employee, key.signed({"challenge": made_up}))
    prove(cast.employee, key.signed(ask(cast.employee)))
    with pytest.raises(PasskeyRefused):  # a spent one is kept empty, and empty is no challenge
        prove(cast.employee, key.signed({"challenge": ""}))


def test_a_challenge_is_over_after_five_minutes_and_when_a_newer_one_was_given(cast: Cast, key: Key) -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        late = key.signed(ask(cast.employee))
        clock.shift(ANSWERED_WITHIN + timedelta(seconds=1))
        with pytest.raises(PasskeyRefused):
            prove(cast.employee, late)
        earlier = ask(cast.employee)
        ask(cast.employee)
        with pytest.raises(PasskeyRefused):
            prove(cast.employee, key.signed(earlier))


def test_somebody_elses_passkey_is_refused(cast: Cast, key: Key) -> None:
    theirs = give_passkey(cast.outsider)
    with pytest.raises(PasskeyRefused):
        prove(cast.employee, theirs.signed(ask(cast.employee)))
    assert why_refused() == "not a passkey of this person"
    assert Passkey.objects.get(user=cast.outsider).throttling_failure_count == 0


def test_a_disabled_persons_passkey_is_refused(cast: Cast, key: Key) -> None:
    answer = key.signed(ask(cast.employee))
    User.objects.filter(pk=cast.employee.pk).update(is_active=False)
    with pytest.raises(PasskeyRefused):
        prove(cast.employee, answer)


def test_a_passkey_that_was_removed_or_never_counted_is_refused(cast: Cast, key: Key) -> None:
    answer = key.signed(ask(cast.employee))
    Passkey.objects.update(confirmed=False)
    with pytest.raises(PasskeyRefused):
        prove(cast.employee, answer)
    with pytest.raises(NoPasskey):
        ask(cast.employee)


def test_without_a_session_there_is_nothing_to_bind_a_challenge_to(cast: Cast, key: Key) -> None:
    with pytest.raises(NotAllowed):
        ask(cast.employee, session="")


def test_refused_answers_bring_pauses_but_never_end_the_passkeys_life(cast: Cast, key: Key) -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        for _time in range(3):
            with pytest.raises(PasskeyRefused):
                prove(cast.employee, key.signed(ask(cast.employee), Browser(flags=PRESENT)))
        with pytest.raises(PasskeyPaused):
            prove(cast.employee, key.signed(ask(cast.employee)))
        Passkey.objects.update(throttling_failure_count=500)
        clock.shift(timedelta(minutes=15))
        prove(cast.employee, key.signed(ask(cast.employee)))
    assert Passkey.objects.get().throttling_failure_count == 0


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "x",
        "[]",
        "{}",
        "null",
        '{"response": 1}',
        '{"rawId": 5, "response": {"clientDataJSON": "e30"}}',
        "[" * 30_000,
    ],
)
def test_what_no_browser_sends_is_refused_like_everything_else(cast: Cast, key: Key, answer: str) -> None:
    ask(cast.employee)
    with pytest.raises(PasskeyRefused):
        prove(cast.employee, answer)


@pytest.mark.parametrize("part", ["signature", "authenticatorData", "clientDataJSON"])
@pytest.mark.parametrize("to", ["", "AA", "é", None, 7, "AAAA" * 40])
def test_a_part_that_is_not_what_it_should_be_is_refused(cast: Cast, key: Key, part: str, to: object) -> None:
    said = json.loads(key.signed(ask(cast.employee)))
    said["response"][part] = to
    with pytest.raises(PasskeyRefused):
        prove(cast.employee, json.dumps(said))


@pytest.mark.django_db(transaction=True)
def test_one_answer_sent_many_times_at_once_proves_once() -> None:
    person = make_cast().employee
    for _round in range(5):
        FactorUse.objects.all().delete()
        Passkey.objects.all().delete()
        answer = give_passkey(person, count=0).signed(ask(person))
        answers = at_once([lambda answer=answer: prove(person, answer) for _one in range(4)])
        assert sum(isinstance(one, FactorUse) for one in answers) == FactorUse.objects.count() == 1, answers


# --- Freshness that asks for a method ---


def test_a_code_does_not_count_where_only_a_passkey_does(cast: Cast, key: Key) -> None:
    actor = actor_of(cast.employee)
    FactorUse.objects.create(person=cast.employee, method="totp", device="d", session="mine", act=ACT)
    for minutes in (0, 30):
        assert fresh_factor(actor, act=ACT, minutes=minutes) is not None
        assert fresh_factor(actor, act=ACT, minutes=minutes, methods=PHISHING_RESISTANT) is None
        assert fresh_factor(actor, act=ACT, minutes=minutes, methods=()) is None, "none of none is none"

    evidence = prove(cast.employee, key.signed(ask(cast.employee)))
    found = require_fresh_factor(actor, act=ACT, minutes=0, what_for="it", methods=PHISHING_RESISTANT)
    assert found == evidence
    use_factor(found, act=ACT)
    with pytest.raises(StepUpRequired) as question:
        require_fresh_factor(actor, act=ACT, minutes=0, what_for="it", methods=PHISHING_RESISTANT)
    assert question.value.methods == {"passkey"}


def test_who_asks_for_no_method_gets_any(cast: Cast, key: Key) -> None:
    with pytest.raises(StepUpRequired) as question:
        require_fresh_factor(actor_of(cast.employee), act=ACT, minutes=0, what_for="it")
    assert question.value.methods == frozenset()
    prove(cast.employee, key.signed(ask(cast.employee)))
    assert fresh_factor(actor_of(cast.employee), act=ACT, minutes=0) is not None


# --- Each guard of ours taken away lets through what it is there for ---


def test_without_the_look_at_frames_a_framed_answer_would_count(
    cast: Cast, key: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ceremonies, "_check_not_framed", lambda client_data: None)
    prove(cast.employee, key.signed(ask(cast.employee), replace(HERE, framed=True)))


def test_without_asking_for_it_an_unrecognised_person_would_count(
    cast: Cast, key: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    lenient = {"require_user_verification": False}
    monkeypatch.setattr(ceremonies, "_state", lambda challenge: lenient | {"challenge": challenge})
    prove(cast.employee, key.signed(ask(cast.employee), replace(HERE, flags=PRESENT)))


def test_old_challenges_are_cleared_away(cast: Cast, key: Key) -> None:
    ask(cast.employee)
    with time_machine.travel(timezone.now() + timedelta(hours=1), tick=False):
        ask(cast.employee, act="b" * 64)
    assert PasskeyChallenge.objects.count() == 1


def test_two_people_with_one_device_have_two_passkeys(cast: Cast, key: Key) -> None:
    other = give_passkey(make_person("other"))
    prove(cast.employee, key.signed(ask(cast.employee)))
    with pytest.raises(PasskeyRefused):
        prove(cast.employee, other.signed(ask(cast.employee)))


# --- Where they hold ---


@pytest.mark.parametrize(
    ("address", "origin"),
    [
        ("https://pim.example.test", "https://pim.example.test"),
        ("https://PIM.example.test:443", "https://pim.example.test"),
        ("https://pim.example.test:8443", "https://pim.example.test:8443"),
        ("http://localhost:8000", "http://localhost:8000"),
        ("http://[::1]:80", "http://localhost"),
        ("http://127.0.0.1:8000", "http://localhost:8000"),
    ],
)
def test_the_origin_is_the_portals_address_as_a_browser_names_it(address: str, origin: str) -> None:
    host = urlsplit(address).hostname or ""
    assert origin_of(address, host="localhost" if is_address(host) else host) == origin
