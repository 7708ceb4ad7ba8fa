"""Codes: each counts once, ever; wrong ones are counted whatever happens."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import OperationalError, transaction
from django.test import Client
from django.utils import timezone

from accounts.mfa import verifying
from accounts.mfa.models import pause_after
from accounts.mfa.verifying import Busy, TooManyCodes, WrongCode, verify_factor
from accounts.models import Authenticator, FactorUse, Notification, RecoveryCodes, User
from audit.journal.actor import Actor
from audit.journal.models import AuditEvent
from tests.cast import Cast, code_for, make_cast, sign_in, wrong_code_for
from tests.factories.people import PASSWORD, make_person
from tests.parallel import at_once

pytestmark = pytest.mark.django_db


def verify(person: User, code: str, *, act: str = "", session: str = "s") -> FactorUse:
    return verify_factor(
        person, code=code, act=act, actor=Actor.of(person, address="192.0.2.1", session=session)
    )


def device_of(person: User) -> Authenticator:
    return Authenticator.objects.get(user=person)


def test_a_right_code_leaves_evidence_of_method_device_place_and_time(cast: Cast) -> None:
    with time_machine.travel(timezone.now(), tick=False):
        evidence = verify(cast.employee, code_for(cast.employee), act="a" * 64)
        assert evidence.at == timezone.now()
    assert (evidence.person, evidence.method, evidence.device_name) == (cast.employee, "totp", "Phone")
    assert (evidence.address, evidence.session, evidence.act) == ("192.0.2.1", "s", "a" * 64)
    event = AuditEvent.objects.get(action="factor.verified")
    assert (event.about, event.outcome) == (cast.employee, "done")


def test_C1_a_code_sent_twice_is_accepted_once(cast: Cast) -> None:
    code = code_for(cast.employee)
    verify(cast.employee, code)
    with pytest.raises(WrongCode):
        verify(cast.employee, code)
    assert FactorUse.objects.count() == 1


def test_C1_an_older_code_is_refused_once_a_newer_one_was_used(cast: Cast) -> None:
    device = device_of(cast.employee)
    with time_machine.travel(timezone.now(), tick=False):
        verify(cast.employee, device.code_at(device.present_step))
        with pytest.raises(WrongCode):
            verify(cast.employee, device.code_at(device.present_step - 1))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("times", [4, 8])
def test_C1_a_code_sent_many_times_in_parallel_is_accepted_once(times: int) -> None:
    person = make_person("robin")
    for _round in range(5):
        Authenticator.objects.filter(user=person).update(throttling_failure_count=0, last_t=-1)
        FactorUse.objects.all().delete()
        code = code_for(person)
        answers = at_once(
            [lambda code=code, number=n: verify(person, code, session=f"s{number}") for n in range(times)]
        )
        accepted = [answer for answer in answers if isinstance(answer, FactorUse)]
        assert len(accepted) == FactorUse.objects.count() == 1, answers
        assert all(isinstance(answer, FactorUse | WrongCode | TooManyCodes) for answer in answers), answers


@pytest.mark.django_db(transaction=True)
def test_C1_a_code_sent_four_times_in_parallel_signs_in_once() -> None:
    cast = make_cast()
    clients = [Client() for _browser in range(4)]
    for client in clients:
        client.post("/sign-in/", {"email": cast.employee.email, "password": PASSWORD})
    code = code_for(cast.employee)
    answers = at_once(
        [lambda browser=client: browser.post("/sign-in/code/", {"code": code}) for client in clients]
    )
    assert sorted(answer.status_code for answer in answers)[:2] == [302, 422]
    assert AuditEvent.objects.filter(action="sign_in.succeeded").count() == 1


@pytest.mark.parametrize(
    "spell",
    [
        lambda code: code + " ",
        lambda code: " " + code,
        lambda code: code + "\n",
        lambda code: code[:3] + " " + code[3:],
        lambda code: code[:2] + "_" + code[2:],
        lambda code: "+" + code,
        lambda code: "0" + code,
        lambda code: "".join(chr(0xFF10 + int(digit)) for digit in code),
        lambda code: "".join(chr(0x0660 + int(digit)) for digit in code),
        lambda code: "".join(chr(0x1D7CE + int(digit)) for digit in code),
        lambda code: code + "\x00",
        lambda code: code + ".0",
        lambda code: "0x" + code,
        lambda code: "",
    ],
)
def test_C2_a_code_has_one_spelling(cast: Cast, client: Client, spell: Any) -> None:
    code = spell(code_for(cast.employee))
    with pytest.raises(WrongCode):
        verify(cast.employee, code)
    client.post("/sign-in/", {"email": cast.employee.email, "password": PASSWORD})
    assert client.post("/sign-in/code/", {"code": code}).status_code == 422
    assert not FactorUse.objects.exists()
    assert device_of(cast.employee).throttling_failure_count == 0, "what cannot be a code is not looked at"


def test_C2_a_used_code_is_not_taken_again_in_another_spelling(cast: Cast) -> None:
    code = code_for(cast.employee)
    verify(cast.employee, code)
    for spelling in (f"{code} ", f"+{code}", "".join(chr(0xFF10 + int(digit)) for digit in code)):
        with pytest.raises(WrongCode):
            verify(cast.employee, spelling)


@pytest.mark.parametrize(("steps", "accepted"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_B_stale_codes_are_refused(cast: Cast, steps: int, accepted: bool) -> None:
    device = device_of(cast.employee)
    with time_machine.travel(timezone.now(), tick=False):
        code = device.code_at(device.present_step + steps)
        if accepted:
            verify(cast.employee, code)
        else:
            with pytest.raises(WrongCode):
                verify(cast.employee, code)


def test_the_window_of_accepted_codes_does_not_wander(cast: Cast) -> None:
    device = device_of(cast.employee)
    with time_machine.travel(timezone.now(), tick=False):
        verify(cast.employee, device.code_at(device.present_step + 1))
        with pytest.raises(WrongCode):
            verify(cast.employee, device.code_at(device.present_step + 2))


def test_C3_guesses_from_five_hundred_sessions_share_one_counter_and_end_in_a_disabled_device(
    cast: Cast,
) -> None:
    person, looked_at = cast.employee, 0
    with time_machine.travel(timezone.now(), tick=False) as clock:
        for number in range(500):
            try:
                verify(person, wrong_code_for(person), session=f"session {number}")
            except WrongCode:
                looked_at += 1
            except TooManyCodes:
                pass
            clock.shift(timedelta(minutes=15))
            if not Authenticator.objects.filter(user=person, confirmed=True).exists():
                break
    assert looked_at == 100
    device = device_of(person)
    assert device.is_disabled
    assert not device.confirmed
    assert User.objects.get(pk=person.pk).is_active, "the authenticator is disabled, not the account"
    assert AuditEvent.objects.get(action="factor.disabled").about == person
    told = Notification.objects.get(notice="accounts/factor_disabled")
    assert told.person == person
    assert "100 wrong codes" in told.text


def test_C3_a_disabled_device_accepts_nothing_any_more(cast: Cast) -> None:
    device = device_of(cast.employee)
    Authenticator.objects.filter(pk=device.pk).update(throttling_failure_count=100, confirmed=False)
    with pytest.raises(WrongCode):
        verify(cast.employee, device.code_at(device.present_step))


def test_C3_pauses_grow_and_are_capped() -> None:
    pauses = [pause_after(failures, free=2).total_seconds() for failures in range(14)]
    assert pauses == [0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900]
    assert pause_after(10**9, free=2) == timedelta(minutes=15)


def test_C3_during_a_pause_even_the_right_code_is_not_looked_at(cast: Cast) -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        for _try in range(3):
            with pytest.raises(WrongCode):
                verify(cast.employee, wrong_code_for(cast.employee))
        code = code_for(cast.employee)
        with pytest.raises(TooManyCodes, match="in 1 s"):
            verify(cast.employee, code)
        assert device_of(cast.employee).throttling_failure_count == 3, "waiting helps"
        clock.shift(timedelta(seconds=2))
        verify(cast.employee, code_for(cast.employee))


def test_C4_a_right_code_resets_that_device_only(cast: Cast) -> None:
    phone = device_of(cast.employee)
    tablet = Authenticator.objects.create(user=cast.employee, name="Tablet", confirmed=True)
    with pytest.raises(WrongCode):
        verify(cast.employee, wrong_code_for(cast.employee))
    verify(cast.employee, code_for(cast.employee))
    phone.refresh_from_db()
    tablet.refresh_from_db()
    assert (phone.throttling_failure_count, tablet.throttling_failure_count) == (0, 1)


def test_a_right_code_of_one_device_is_no_failure_of_another(cast: Cast) -> None:
    tablet = Authenticator.objects.create(user=cast.employee, name="Tablet", confirmed=True)
    evidence = verify(cast.employee, tablet.code_at(tablet.present_step))
    assert evidence.device_name == "Tablet"
    assert device_of_name(cast.employee, "Phone").throttling_failure_count == 0


def device_of_name(person: User, name: str) -> Authenticator:
    return Authenticator.objects.get(user=person, name=name)


def test_C4_a_failure_stays_counted_and_recorded_when_the_page_fails(
    cast: Cast, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.post("/sign-in/", {"email": cast.employee.email, "password": PASSWORD})
    client.raise_request_exception = False
    monkeypatch.setattr("accounts.mfa.forms.CodeForm.refuse", lambda form, refusal: 1 / 0)
    assert client.post("/sign-in/code/", {"code": wrong_code_for(cast.employee)}).status_code == 500
    assert device_of(cast.employee).throttling_failure_count == 1
    assert AuditEvent.objects.filter(action="factor.refused", about=cast.employee).count() == 1


@pytest.mark.django_db(transaction=True)
def test_C4_a_code_is_not_looked_at_inside_somebody_elses_transaction() -> None:
    person = make_person("robin")
    with pytest.raises(RuntimeError, match="durable"), transaction.atomic():
        verify(person, code_for(person))


@pytest.mark.django_db(transaction=True)
def test_C4_wrong_codes_in_parallel_are_all_counted() -> None:
    person = make_person("robin")
    at_once([lambda: verify(person, wrong_code_for(person)) for _try in range(3)])
    assert device_of(person).throttling_failure_count == 3


def test_a_code_belongs_to_its_person(cast: Cast) -> None:
    with pytest.raises(WrongCode):
        verify(cast.employee, code_for(cast.outsider))


def test_a_database_that_does_not_answer_is_a_refusal_not_a_crash(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(*_args: object) -> None:
        raise OperationalError("database is locked")

    monkeypatch.setattr(verifying, "verify_token", locked)
    with pytest.raises(Busy) as refused:
        verify(cast.employee, code_for(cast.employee))
    assert refused.value.status_code == 503


def test_a_device_that_is_not_confirmed_proves_nothing(cast: Cast) -> None:
    device = Authenticator.objects.create(user=cast.employee, name="New", confirmed=False)
    with pytest.raises(WrongCode):
        verify(cast.employee, device.code_at(device.present_step))


def test_C9_a_recovery_code_works_once(cast: Cast) -> None:
    codes = RecoveryCodes.renew(cast.employee)
    assert len(set(codes)) == 10
    assert verify(cast.employee, codes[3]).method == "recovery_code"
    with pytest.raises(WrongCode):
        verify(cast.employee, codes[3])
    assert RecoveryCodes.objects.get(user=cast.employee).token_set.count() == 9


@pytest.mark.django_db(transaction=True)
def test_C9_a_recovery_code_sent_eight_times_in_parallel_works_once() -> None:
    person = make_person("robin")
    code = RecoveryCodes.renew(person)[0]
    answers = at_once([lambda: verify(person, code) for _try in range(8)])
    assert sum(isinstance(answer, FactorUse) for answer in answers) == 1, answers


def test_C9_recovery_codes_are_kept_as_digests_only(cast: Cast) -> None:
    codes = RecoveryCodes.renew(cast.employee)
    kept = list(RecoveryCodes.objects.get(user=cast.employee).token_set.values_list("token", flat=True))
    assert not set(codes) & set(kept)
    for text in kept:
        assert len(text) == 16
        with pytest.raises(WrongCode):
            verify(cast.employee, text)


def test_C9_guesses_at_recovery_codes_are_slowed_down_and_leave_the_app_alone(cast: Cast) -> None:
    RecoveryCodes.renew(cast.employee)
    with time_machine.travel(timezone.now(), tick=False):
        for _try in range(3):
            with pytest.raises(WrongCode):
                verify(cast.employee, "aaaa-bbbb-cccc-dddd")
        with pytest.raises(TooManyCodes):
            verify(cast.employee, "aaaa-bbbb-cccc-dddd")
    verify(cast.employee, code_for(cast.employee))


def test_a_recovery_code_signs_in_also_when_typed_in_capitals_with_spaces(cast: Cast, client: Client) -> None:
    code = RecoveryCodes.renew(cast.employee)[0]
    client.post("/sign-in/", {"email": cast.employee.email, "password": PASSWORD})
    said = {"code": "", "recovery_code": f" {code.upper().replace('-', ' ')} "}
    assert client.post("/sign-in/code/", said)["Location"] == "/"
    assert client.get("/second-factors/").context["recovery_codes_left"] == 9


def test_C10_a_device_disabled_by_a_stranger_leaves_the_recovery_codes(cast: Cast, client: Client) -> None:
    code = RecoveryCodes.renew(cast.administrator)[0]
    device = device_of(cast.administrator)
    Authenticator.objects.filter(pk=device.pk).update(throttling_failure_count=99)
    with pytest.raises(WrongCode):
        verify(cast.administrator, wrong_code_for(cast.administrator))
    assert not device_of(cast.administrator).confirmed
    client.post("/sign-in/", {"email": cast.administrator.email, "password": PASSWORD})
    assert client.post("/sign-in/code/", {"recovery_code": code})["Location"] == "/"


def test_a_session_opened_by_a_device_ends_when_that_device_is_disabled(cast: Cast, client: Client) -> None:
    sign_in(client, cast.employee)
    Authenticator.objects.filter(user=cast.employee).update(confirmed=False, throttling_failure_count=100)
    assert client.get("/second-factors/").status_code == 302
