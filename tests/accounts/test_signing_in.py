"""Signing in: password, then code; and what a session is worth."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
import time_machine
from django.conf import settings
from django.contrib.auth.hashers import MD5PasswordHasher
from django.test import Client
from django.utils import timezone

from accounts.models import Authenticator, FactorUse, Session, StepUp, User
from audit.journal.actor import Actor
from audit.journal.models import AuditEvent
from tests.cast import Cast, code_for, sign_in, wrong_code_for
from tests.factories.people import PASSWORD, give_duty, make_person

pytestmark = pytest.mark.django_db

SIGN_IN = "/sign-in/"
CODE = "/sign-in/code/"


def give_password(client: Client, email: str, password: str = PASSWORD, **headers: Any) -> Any:
    return client.post(SIGN_IN, {"email": email, "password": password}, **headers)


def problem_of(answer: Any) -> str:
    return "".join(answer.context["form"].non_field_errors())


def is_signed_in(client: Client) -> bool:
    answer = client.get("/second-factors/")
    assert answer.status_code in (200, 302)
    return bool(answer.status_code == 200)


def test_password_and_code_open_the_page_that_was_asked_for(cast: Cast, client: Client) -> None:
    answer = client.get("/second-factors/")
    assert (answer.status_code, answer["Location"]) == (302, "/sign-in/?next=%2Fsecond-factors%2F")
    sign_in(client, cast.employee, next_path="/second-factors/")
    assert is_signed_in(client)


def test_a_sign_in_is_in_the_journal_with_who_from_where_and_how(cast: Cast, client: Client) -> None:
    sign_in(client, cast.employee)
    event = AuditEvent.objects.get(action="sign_in.succeeded")
    assert (event.actor, event.about, event.actor_address) == (cast.employee, cast.employee, "127.0.0.1")
    assert event.detail == {"method": "totp", "device": "Phone"}


def test_a_signed_in_person_who_opens_the_sign_in_page_is_led_on(cast: Cast, client: Client) -> None:
    sign_in(client, cast.employee)
    assert client.get(SIGN_IN + "?next=/people/")["Location"] == "/people/"


def test_a_password_alone_signs_nobody_in(cast: Cast, client: Client) -> None:
    give_password(client, cast.employee.email)
    assert not is_signed_in(client)
    assert not Session.objects.filter(person=cast.employee).exists()


def test_the_code_page_leads_back_to_the_password_when_none_was_given(client: Client) -> None:
    assert client.get(CODE)["Location"] == SIGN_IN


def test_the_code_page_waits_ten_minutes_for_the_code(cast: Cast, client: Client) -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        give_password(client, cast.employee.email)
        clock.shift(timedelta(minutes=9, seconds=58))
        assert client.get(CODE).status_code == 200
        clock.shift(timedelta(seconds=4))
        assert client.get(CODE)["Location"] == SIGN_IN


def test_D2_a_person_disabled_between_password_and_code_is_not_signed_in(cast: Cast, client: Client) -> None:
    give_password(client, cast.employee.email)
    User.objects.filter(pk=cast.employee.pk).update(is_active=False)
    assert client.post(CODE, {"code": code_for(cast.employee)})["Location"] == SIGN_IN
    assert not is_signed_in(client)


def test_D2_a_password_changed_between_password_and_code_makes_the_first_worthless(
    cast: Cast, client: Client
) -> None:
    give_password(client, cast.employee.email)
    cast.employee.set_password("another long password")
    cast.employee.save()
    assert client.post(CODE, {"code": code_for(cast.employee)})["Location"] == SIGN_IN


def test_a_person_without_a_second_factor_is_told_what_to_do_and_not_let_in(
    cast: Cast, client: Client
) -> None:
    Authenticator.objects.filter(user=cast.employee).delete()
    answer = give_password(client, cast.employee.email)
    assert answer.status_code == 422
    assert "no second factor" in problem_of(answer)
    assert client.get("/enrol/")["Location"] == SIGN_IN
    assert AuditEvent.objects.get(action="sign_in.refused").detail == {"why": "no_factor"}


def test_C11_wrong_unknown_and_disabled_get_the_same_answer(cast: Cast, client: Client) -> None:
    make_person("gone", is_active=False)
    never_came = User.objects.create_user("invited@example.test", "Invited Person")
    assert not never_came.has_usable_password()
    said = set()
    for email, password in (
        (cast.employee.email, "wrong password"),
        ("nobody@example.test", PASSWORD),
        ("not even an email", PASSWORD),
        ("gone@example.test", PASSWORD),
        ("gone@example.test", "wrong password"),
        (never_came.email, PASSWORD),
    ):
        answer = give_password(client, email, password)
        text = answer.content.decode().replace(email, "EMAIL")
        text = re.sub(r'value="\w{64}"|name="portal-now" content="[^"]*"', "", text)
        said.add((answer.status_code, text))
    assert len(said) == 1
    assert said.pop()[0] == 422


def test_C11_an_unknown_email_costs_as_many_hashes_as_a_wrong_password(
    cast: Cast, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_person("gone", is_active=False)
    User.objects.create_user("invited@example.test", "Invited Person")
    hashed: list[str] = []
    encode = MD5PasswordHasher.encode

    def counting(self: MD5PasswordHasher, password: str, salt: str) -> str:
        hashed.append(password)
        return encode(self, password, salt)

    monkeypatch.setattr(MD5PasswordHasher, "encode", counting)
    costs = set()
    for email in (cast.employee.email, "nobody@example.test", "gone@example.test", "invited@example.test"):
        hashed.clear()
        give_password(client, email, "wrong password")
        costs.add(len(hashed))
    assert costs == {1}


def test_what_was_typed_for_an_unknown_email_is_not_written_down(client: Client) -> None:
    give_password(client, "my-secret-in-the-wrong-field", "x")
    event = AuditEvent.objects.get(action="sign_in.refused")
    assert event.about is None
    assert "my-secret" not in str(event.body())


def test_a_refused_sign_in_is_in_the_journal_with_whose_account_it_was(cast: Cast, client: Client) -> None:
    give_password(client, cast.employee.email, "wrong password", REMOTE_ADDR="192.0.2.7")
    event = AuditEvent.objects.get(action="sign_in.refused")
    assert (event.about, event.actor, event.outcome) == (cast.employee, None, "refused")
    assert (event.actor_name, event.actor_address) == ("somebody not signed in", "192.0.2.7")


@pytest.mark.parametrize("spelling", ["Robin@Example.Test", "  robin@example.test ", "ｒobin@example.test"])
def test_C13_other_spellings_of_an_email_are_the_same_person(
    cast: Cast, client: Client, spelling: str
) -> None:
    assert give_password(client, spelling)["Location"] == CODE


def test_C13_another_spelling_does_not_get_attempts_of_its_own(cast: Cast, client: Client) -> None:
    for spelling in ("robin@example.test", "ROBIN@example.test", " Robin@example.test") * 3:
        answer = give_password(client, spelling, "wrong password")
    assert answer.status_code == 429


def test_C10_ten_thousand_wrong_passwords_elsewhere_do_not_keep_the_person_out(
    cast: Cast, client: Client
) -> None:
    stranger = Client(REMOTE_ADDR="198.51.100.9")
    with time_machine.travel(timezone.now(), tick=False):
        answers = [
            give_password(stranger, cast.administrator.email, "guess").status_code for _try in range(100)
        ]
    assert answers[:6] == [422] * 6
    assert set(answers[6:]) == {429}
    sign_in(client, cast.administrator)
    assert is_signed_in(client)


def test_C10_even_from_the_same_address_a_pause_ends_after_fifteen_minutes(
    cast: Cast, client: Client
) -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        for _try in range(40):
            give_password(client, cast.employee.email, "guess")
            clock.shift(timedelta(minutes=15))
        sign_in(client, cast.employee)


def test_a_pause_says_how_long_it_is_and_looks_at_nothing(cast: Cast, client: Client) -> None:
    with time_machine.travel(timezone.now(), tick=False):
        for _try in range(6):
            give_password(client, cast.employee.email, "guess")
        answer = give_password(client, cast.employee.email, PASSWORD)
    assert (answer.status_code, problem_of(answer)) == (429, "Too many attempts. Try again in 1 s.")


def test_C4_a_right_password_of_ones_own_does_not_wipe_out_guesses_at_others(
    cast: Cast, client: Client
) -> None:
    for guess in range(60):
        give_password(client, f"victim{guess}@example.test", "guess")
        if guess % 10 == 0:
            give_password(client, cast.outsider.email)
    answer = give_password(client, "one-more@example.test", "guess")
    assert answer.status_code == 429


def test_D1_a_key_set_before_sign_in_is_worthless_after_it(cast: Cast, client: Client) -> None:
    keys = set()
    client.get(SIGN_IN)
    client.session.save()
    keys.add(client.session.session_key)
    for page, said in ((SIGN_IN, {"email": cast.employee.email, "password": PASSWORD}), (CODE, None)):
        client.post(page, said or {"code": code_for(cast.employee)})
        keys.add(client.cookies[settings.SESSION_COOKIE_NAME].value)
    assert len(keys) == 3
    last = client.cookies[settings.SESSION_COOKIE_NAME].value
    assert list(Session.objects.filter(session_key__in=keys).values_list("session_key", flat=True)) == [last]


def test_D1_a_step_up_gives_the_session_a_new_key_and_keeps_its_binding(cast: Cast, client: Client) -> None:
    sign_in(client, cast.employee)
    before = client.cookies[settings.SESSION_COOKIE_NAME].value
    client.post("/step-up/", {"code": code_for(cast.employee)})
    after = client.cookies[settings.SESSION_COOKIE_NAME].value
    assert before != after
    assert not Session.objects.filter(session_key=before).exists()
    assert is_signed_in(client)
    assert FactorUse.objects.values("session").distinct().count() == 1


def test_D2_a_disabled_persons_next_request_is_refused(cast: Cast, client: Client) -> None:
    sign_in(client, cast.employee)
    User.objects.filter(pk=cast.employee.pk).update(is_active=False)
    assert not is_signed_in(client)


def test_D2_a_changed_password_ends_every_session(cast: Cast, client: Client) -> None:
    sign_in(client, cast.employee)
    cast.employee.set_password("another long password")
    cast.employee.save()
    assert not is_signed_in(client)


def test_D2_a_removed_device_ends_the_sessions_it_opened(cast: Cast, client: Client) -> None:
    sign_in(client, cast.employee)
    Authenticator.objects.filter(user=cast.employee).delete()
    assert not is_signed_in(client)
    assert not Session.objects.filter(person=cast.employee).exists()


def test_D3_signing_out_deletes_the_servers_copy(cast: Cast, client: Client) -> None:
    sign_in(client, cast.employee)
    key = client.cookies[settings.SESSION_COOKIE_NAME].value
    assert client.post("/sign-out/")["Location"] == SIGN_IN
    assert not Session.objects.filter(session_key=key).exists()
    thief = Client()
    thief.cookies[settings.SESSION_COOKIE_NAME] = key
    assert not is_signed_in(thief)
    assert AuditEvent.objects.filter(action="sign_out.succeeded", actor=cast.employee).exists()


def test_D4_signing_out_by_a_link_is_refused(cast: Cast, client: Client) -> None:
    sign_in(client, cast.employee)
    assert client.get("/sign-out/").status_code == 405
    assert is_signed_in(client)


@pytest.mark.parametrize("path", [SIGN_IN, CODE, "/sign-out/", "/step-up/", "/second-factors/", "/enrol/"])
def test_D4_a_form_without_its_token_is_refused(cast: Cast, path: str) -> None:
    client = Client(enforce_csrf_checks=True)
    said = {"email": cast.employee.email, "password": PASSWORD, "code": code_for(cast.employee)}
    assert client.post(path, said).status_code == 403


def test_D4_a_form_from_another_origin_is_refused(cast: Cast) -> None:
    client = Client(enforce_csrf_checks=True)
    token = str(client.get(SIGN_IN).context["csrf_token"])
    said = {"email": cast.employee.email, "password": PASSWORD, "csrfmiddlewaretoken": token}
    assert client.post(SIGN_IN, said, HTTP_ORIGIN="http://127.0.0.2:8000").status_code == 403
    assert client.post(SIGN_IN, said, HTTP_ORIGIN="http://testserver").status_code == 302


@pytest.mark.parametrize(
    "elsewhere",
    [
        "//evil.example",
        "///evil.example",
        "https://evil.example/",
        "HTTPS://evil.example",
        "\\\\evil.example",
        "/\\evil.example",
        "\\/evil.example",
        "/\t/evil.example",
        "\t//evil.example",
        " //evil.example",
        "javascript:alert(1)",
        "java\nscript:alert(1)",
        "data:text/html,x",
        "evil.example",
        "@evil.example",
        "http:evil.example",
        "http:///evil.example",
        "//evil.example\\@testserver",
        "//testserver@evil.example",
        "",
    ],
)
def test_D6_nobody_is_led_elsewhere_after_signing_in(cast: Cast, client: Client, elsewhere: str) -> None:
    client.post(f"{SIGN_IN}?{_query(elsewhere)}", {"email": cast.employee.email, "password": PASSWORD})
    answer = client.post(CODE, {"code": code_for(cast.employee)})
    assert answer["Location"] == "/"


@pytest.mark.parametrize("here", ["/people/?q=a&page=2", "/my-roles/", "/%0d%0aSet-Cookie:x"])
def test_D6_a_path_of_the_portal_is_kept(cast: Cast, client: Client, here: str) -> None:
    client.post(f"{SIGN_IN}?{_query(here)}", {"email": cast.employee.email, "password": PASSWORD})
    answer = client.post(CODE, {"code": code_for(cast.employee)})
    assert answer["Location"] == here
    assert "Set-Cookie:x" not in str(answer.headers).replace(here, "")


def _query(path: str) -> str:
    return urlencode({"next": path})


def test_D11_no_page_may_be_kept_by_a_cache(cast: Cast, client: Client) -> None:
    assert "no-store" in client.get(SIGN_IN)["Cache-Control"]
    sign_in(client, cast.administrator)
    for path in ("/second-factors/", "/people/", f"/people/{cast.employee.pk}/", "/not-there/", "/people/0/"):
        assert "no-store" in client.get(path)["Cache-Control"], path


def test_a_session_ends_after_an_hour_without_use(cast: Cast, client: Client) -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        sign_in(client, cast.employee)
        for _hour in range(3):
            clock.shift(timedelta(minutes=59))
            assert is_signed_in(client)
        clock.shift(timedelta(minutes=61))
        assert not is_signed_in(client)
        clock.shift(timedelta(minutes=-30))
        assert not is_signed_in(client), "a session that ended stays ended"


def test_what_a_page_fetches_by_itself_does_not_keep_a_session_alive(cast: Cast, client: Client) -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        sign_in(client, cast.employee)
        for _time in range(4):
            clock.shift(timedelta(minutes=14))
            assert client.get("/second-factors/", HTTP_HX_REQUEST="true").status_code == 200
        clock.shift(timedelta(minutes=5))
        assert not is_signed_in(client)


def test_a_session_ends_after_twelve_hours_whatever_is_done(cast: Cast, client: Client) -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        sign_in(client, cast.employee)
        for _time in range(23):
            clock.shift(timedelta(minutes=30))
            client.post("/step-up/", {"code": code_for(cast.employee)})
            assert is_signed_in(client)
        clock.shift(timedelta(minutes=31))
        assert not is_signed_in(client)


def test_what_was_sent_after_a_session_had_ended_is_kept_for_its_person(cast: Cast, client: Client) -> None:
    help_page = f"/people/{cast.employee.pk}/help/"
    with time_machine.travel(timezone.now(), tick=False) as clock:
        sign_in(client, cast.administrator)
        clock.shift(timedelta(minutes=61))
        answer = client.post(help_page, {"justification": "Called back on the desk phone", "password": "x"})
        waiting = StepUp.objects.get()
        assert waiting.form == {"justification": ["Called back on the desk phone"]}
        address = f"/step-up/{waiting.token}/"
        assert answer["Location"] == f"{SIGN_IN}?{_query(address)}"

        other = Client()
        sign_in(other, cast.outsider)
        assert other.get(address).status_code == 404

        sign_in(client, cast.administrator, next_path=address)
        page = client.get(address).content.decode()
    assert "Called back on the desk phone" in page
    assert "data-autosubmit" not in page


def test_C6_the_next_person_in_the_same_browser_inherits_nothing(cast: Cast, client: Client) -> None:
    give_duty(cast.outsider, "global_administrator")
    sign_in(client, cast.administrator)
    mine = FactorUse.objects.get(person=cast.administrator)
    client.post(f"/people/{cast.employee.pk}/help/", {"justification": "by Dana"})
    waiting = StepUp.objects.get()
    give_password(client, cast.outsider.email)
    assert not is_signed_in(client)
    client.post(CODE, {"code": code_for(cast.outsider)})
    theirs = FactorUse.objects.get(person=cast.outsider)
    assert mine.session != theirs.session
    assert client.get(f"/step-up/{waiting.token}/").status_code == 404
    assert not Session.objects.filter(person=cast.administrator).exists()


def test_C6_a_code_of_somebody_else_does_not_finish_a_sign_in(cast: Cast, client: Client) -> None:
    give_password(client, cast.employee.email)
    answer = client.post(CODE, {"code": code_for(cast.outsider)})
    assert answer.status_code == 422
    assert not is_signed_in(client)


def test_a_wrong_code_says_so_and_keeps_the_page(cast: Cast, client: Client) -> None:
    give_password(client, cast.employee.email)
    answer = client.post(CODE, {"code": wrong_code_for(cast.employee)})
    assert answer.status_code == 422
    assert answer.context["person"] == cast.employee
    assert "not right" in answer.context["form"].errors["code"][0]


def test_the_actor_of_somebody_not_signed_in_is_not_the_portal(cast: Cast, client: Client) -> None:
    answer = client.get(SIGN_IN)
    actor: Actor = answer.wsgi_request.actor  # type: ignore[attr-defined]
    assert actor.person is not None
    assert actor.kind == "person"


def test_a_fragment_asked_for_without_a_session_leads_the_whole_page_to_the_sign_in(client: Client) -> None:
    answer = client.get(
        "/second-factors/", HTTP_HX_REQUEST="true", HTTP_HX_CURRENT_URL="http://testserver/people/?q=a"
    )
    assert answer.status_code == 401
    assert answer["HX-Redirect"] == "/sign-in/?next=%2Fpeople%2F%3Fq%3Da"
