"""Setting up second factors: the first by a one-time link, further ones with one that is already there."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from accounts.mfa.changing_factors import remove_factor
from accounts.mfa.enrolling import (
    PassSpent,
    begin_enrolment,
    confirm_enrolment,
    give_pass,
    pass_for,
    set_first_password,
)
from accounts.mfa.freshness import StepUpRequired
from accounts.models import Authenticator, EnrolmentPass, FactorUse, Notification, RecoveryCodes, User
from audit.journal.actor import Actor
from audit.journal.models import AuditEvent
from audit.journal.refusing import NotAllowed, Refused
from tests.cast import Cast, code_for, sign_in, wrong_code_for
from tests.factories.people import PASSWORD, make_person
from tests.parallel import at_once

pytestmark = pytest.mark.django_db

NEW_PASSWORD = "an entirely new pass phrase"
INVITATION = EnrolmentPass.Kind.INVITATION
#: what somebody may open who is not signed in, or only half; everything else asks to sign in
OPEN_TO_EVERYBODY = {
    "sign_in",
    "sign_in_code",
    "sign_out",
    "accept_invitation",
    "enrol_factor",
    "enrol_passkey",
    "passkey_challenge",
    "health",
}


@pytest.fixture
def newcomer(db: None) -> User:
    """Somebody who was invited and has not come yet."""
    return User.objects.create_user("new@example.test", "New Comer")


def invite(person: User, kind: EnrolmentPass.Kind = INVITATION) -> str:
    """Path of a new link."""
    return give_pass(person, kind=kind).url.removeprefix("http://localhost:8000")


def set_password(client: Client, path: str, password: str = NEW_PASSWORD) -> Any:
    return client.post(path, {"new_password1": password, "new_password2": password})


def app_of(person: User) -> Authenticator:
    """The app that the person has just been shown the QR code of."""
    return Authenticator.objects.get(user=person, confirmed=False)


def first_code(person: User) -> str:
    device = app_of(person)
    return device.code_at(device.present_step)


def test_a_link_leads_to_a_password_an_app_recovery_codes_and_the_portal(
    newcomer: User, client: Client
) -> None:
    path = invite(newcomer)
    page = client.get(path)
    assert page.status_code == 200
    assert page.context["person"] == newcomer
    assert set_password(client, path)["Location"] == "/enrol/"

    page = client.get("/enrol/")
    text = page.content.decode()
    assert "<svg" in text
    assert app_of(newcomer).secret in text
    page = client.post("/enrol/", {"name": "My phone", "code": first_code(newcomer)})

    assert page.status_code == 200
    assert len(page.context["codes"]) == 10
    assert all(re.fullmatch(r"([a-z2-7]{4}-){3}[a-z2-7]{4}", code) for code in page.context["codes"])
    assert client.get("/second-factors/").status_code == 200
    assert Authenticator.objects.get(user=newcomer).name == "My phone"
    actions = set(AuditEvent.objects.filter(about=newcomer).values_list("action", flat=True))
    assert {
        "password.set",
        "factor.enrolled",
        "person.joined",
        "factor.verified",
        "sign_in.succeeded",
    } <= actions
    assert Notification.objects.filter(person=newcomer, notice="accounts/factor_enrolled").exists()


def test_the_qr_code_fits_any_frame_and_carries_no_style_that_the_policy_refuses(
    newcomer: User, client: Client
) -> None:
    set_password(client, invite(newcomer))
    drawn = client.get("/enrol/").context["qr"]
    assert "viewBox" in drawn
    assert "width=" not in drawn, "a fixed size would be cut off by the frame"
    assert "style" not in drawn
    assert "<script" not in drawn


def test_the_picture_and_the_secret_stay_the_same_when_the_page_is_loaded_again(
    newcomer: User, client: Client
) -> None:
    set_password(client, invite(newcomer))
    assert client.get("/enrol/").context["secret"] == client.get("/enrol/").context["secret"]
    client.post("/enrol/", {"code": "000000"})
    assert Authenticator.objects.filter(user=newcomer).count() == 1


def test_C1_the_code_that_confirmed_an_app_does_not_sign_in_again(newcomer: User, client: Client) -> None:
    set_password(client, invite(newcomer))
    client.get("/enrol/")
    code = first_code(newcomer)
    client.post("/enrol/", {"code": code})
    other = Client()
    other.post("/sign-in/", {"email": newcomer.email, "password": NEW_PASSWORD})
    assert other.post("/sign-in/code/", {"code": code}).status_code == 422


def test_a_wrong_first_code_confirms_nothing_and_is_counted(newcomer: User, client: Client) -> None:
    set_password(client, invite(newcomer))
    client.get("/enrol/")
    answer = client.post("/enrol/", {"code": wrong_code_for(newcomer)})
    assert answer.status_code == 422
    assert app_of(newcomer).throttling_failure_count == 1
    assert client.get("/second-factors/").status_code == 302


def test_the_page_that_was_left_open_too_long_shows_a_new_picture(newcomer: User, client: Client) -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        set_password(client, invite(newcomer))
        before = client.get("/enrol/").context["secret"]
        clock.shift(timedelta(minutes=16))
        assert client.post("/enrol/", {"code": first_code(newcomer)})["Location"] == "/enrol/"
        assert client.get("/enrol/").context["secret"] != before


def test_C12_a_link_works_once(newcomer: User, client: Client) -> None:
    path = invite(newcomer)
    set_password(client, path)
    client.get("/enrol/")
    client.post("/enrol/", {"code": first_code(newcomer)})
    for browser in (client, Client()):
        assert browser.get(path).status_code == 404
        assert set_password(browser, path, "a thief's own password").status_code == 404
    assert User.objects.get(pk=newcomer.pk).check_password(NEW_PASSWORD)


def test_C12_a_link_may_be_opened_again_while_no_factor_is_set_up(newcomer: User, client: Client) -> None:
    path = invite(newcomer)
    set_password(client, path)
    assert set_password(Client(), path, "second thoughts about it").status_code == 302


def test_C12_of_two_browsers_with_the_same_link_one_gets_in(newcomer: User) -> None:
    path, first, second = invite(newcomer), Client(), Client()
    set_password(first, path)
    first.get("/enrol/")
    set_password(second, path)
    second.get("/enrol/")
    assert second.post("/enrol/", {"code": first_code(newcomer)}).status_code == 200
    assert first.post("/enrol/", {"code": "123456"})["Location"] == "/sign-in/"
    assert Authenticator.objects.filter(user=newcomer).count() == 1


@pytest.mark.parametrize(("kind", "hours"), [(INVITATION, 72), (EnrolmentPass.Kind.HELP, 1)])
def test_C12_a_link_ends_on_time(
    newcomer: User, client: Client, kind: EnrolmentPass.Kind, hours: int
) -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        path = invite(newcomer, kind)
        clock.shift(timedelta(hours=hours, seconds=-1))
        assert client.get(path).status_code == 200
        clock.shift(timedelta(seconds=1))
        assert client.get(path).status_code == 404


def test_C12_a_new_link_ends_the_earlier_ones(newcomer: User, client: Client) -> None:
    earlier, later = invite(newcomer), invite(newcomer)
    assert client.get(earlier).status_code == 404
    assert client.get(later).status_code == 200


def test_C12_a_link_of_a_disabled_person_does_not_work(newcomer: User, client: Client) -> None:
    path = invite(newcomer)
    User.objects.filter(pk=newcomer.pk).update(is_active=False)
    assert client.get(path).status_code == 404


def test_C12_a_link_has_256_random_bits_and_only_its_digest_is_kept(newcomer: User) -> None:
    token = invite(newcomer).split("/")[2]
    assert len(token) == 43
    kept = EnrolmentPass.objects.get()
    assert token not in str(vars(kept))
    assert len(kept.digest) == 64
    found = pass_for(token)
    assert found == kept
    assert pass_for(kept.digest) is None


def test_C12_a_link_that_ended_while_the_page_was_open_changes_nothing(newcomer: User) -> None:
    given = give_pass(newcomer, kind=INVITATION)
    give_pass(newcomer, kind=INVITATION)
    with pytest.raises(PassSpent):
        set_first_password(given.enrolment_pass, password=NEW_PASSWORD, actor=Actor.of(newcomer))
    assert not User.objects.get(pk=newcomer.pk).has_usable_password()


def test_D10_a_link_is_built_from_the_portals_own_address_whatever_the_host_header_says(
    cast: Cast, client: Client
) -> None:
    sign_in(client, cast.administrator)
    said = {"display_name": "New Comer", "email": "new@example.test"}
    answer = client.post(
        "/people/invite/", said, HTTP_HOST="evil.localhost", HTTP_X_FORWARDED_HOST="evil.example"
    )
    assert answer.context["given"].url.startswith("http://localhost:8000/invitation/")


@pytest.mark.parametrize("password", ["short", "qwerty123456", "123456789012", "new@example.test"])
def test_a_weak_password_is_refused(newcomer: User, client: Client, password: str) -> None:
    path = invite(newcomer)
    assert set_password(client, path, password).status_code == 422
    assert not User.objects.get(pk=newcomer.pk).has_usable_password()


def every_address(patterns: Any = None, before: str = "", names: str = "") -> list[tuple[str, str]]:
    """Name and path of every page, with made-up arguments."""
    found = []
    for pattern in patterns or get_resolver().url_patterns:
        route = before + re.sub(r"<[^>]*>", "x", re.sub(r"<int:\w+>", "1", str(pattern.pattern)))
        if isinstance(pattern, URLResolver):
            within = f"{names}{pattern.namespace}:" if pattern.namespace else names
            found += every_address(pattern.url_patterns, route, within)
        elif isinstance(pattern, URLPattern):
            found.append((f"{names}{pattern.name}", "/" + route))
    return found


def visits(client: Client) -> dict[str, str]:
    """Every page that does not lead to the sign-in page: its name, and what it answered."""
    shown = {}
    for name, path in every_address():
        for method in (client.get, client.post):
            answer = method(path)
            if answer.status_code == 404 and name not in OPEN_TO_EVERYBODY:
                assert answer.resolver_match is None, f"{path}: the view itself answered"
            elif not (answer.status_code == 302 and answer["Location"].startswith("/sign-in/?")):
                shown[name] = f"{method.__name__} {path}: {answer.status_code}"
    return shown


def test_C7_nobody_reaches_anything_without_signing_in(client: Client) -> None:
    shown = visits(client)
    assert set(shown) <= OPEN_TO_EVERYBODY | {"admin:login", "admin:None"}, shown


def test_C7_with_a_password_alone_nothing_else_can_be_reached(cast: Cast, client: Client) -> None:
    client.post("/sign-in/", {"email": cast.administrator.email, "password": PASSWORD})
    shown = visits(client)
    assert set(shown) <= OPEN_TO_EVERYBODY | {"admin:login", "admin:None"}, shown


def test_C7_half_enrolled_nothing_else_can_be_reached(newcomer: User, client: Client) -> None:
    set_password(client, invite(newcomer))
    assert client.get("/enrol/").status_code == 200
    shown = visits(client)
    assert set(shown) <= OPEN_TO_EVERYBODY | {"admin:login", "admin:None"}, shown


def test_C7_a_password_set_by_a_link_does_not_sign_in_without_a_factor(
    newcomer: User, client: Client
) -> None:
    set_password(client, invite(newcomer))
    other = Client()
    answer = other.post("/sign-in/", {"email": newcomer.email, "password": NEW_PASSWORD})
    assert answer.status_code == 422
    assert other.get("/enrol/")["Location"] == "/sign-in/"


def test_C8_a_password_alone_enrols_nothing(cast: Cast, client: Client) -> None:
    client.post("/sign-in/", {"email": cast.employee.email, "password": PASSWORD})
    assert client.get("/enrol/")["Location"] == "/sign-in/"
    assert client.post("/enrol/", {"code": "123456"})["Location"] == "/sign-in/"
    assert Authenticator.objects.filter(user=cast.employee).count() == 1


def test_C8_a_further_app_needs_a_fresh_code_of_the_first(cast: Cast, client: Client) -> None:
    sign_in(client, cast.employee)
    address = client.get("/enrol/")["Location"]
    assert address.startswith("/step-up/")
    assert Authenticator.objects.filter(user=cast.employee).count() == 1
    client.post(address, {"code": code_for(cast.employee)})
    assert client.get("/enrol/").status_code == 200
    client.post("/enrol/", {"name": "Tablet", "code": first_code(cast.employee)})
    page = client.get("/second-factors/")
    assert [device.name for device in page.context["devices"]] == ["Phone", "Tablet"]


def test_C8_the_proof_is_good_for_one_app_only(cast: Cast, client: Client) -> None:
    sign_in(client, cast.employee)
    client.post(client.get("/enrol/")["Location"], {"code": code_for(cast.employee)})
    client.get("/enrol/")
    RecoveryCodes.renew(cast.employee)
    client.post("/enrol/", {"name": "Tablet", "code": first_code(cast.employee)})
    assert client.get("/enrol/")["Location"].startswith("/step-up/")


def test_C8_nobody_begins_for_somebody_else(cast: Cast, newcomer: User) -> None:
    given = give_pass(newcomer, kind=INVITATION)
    for person, enrolment_pass in ((cast.employee, None), (newcomer, given.enrolment_pass)):
        with pytest.raises(NotAllowed):
            begin_enrolment(person, enrolment_pass=enrolment_pass, actor=Actor.of(cast.outsider, session="s"))
    with pytest.raises(PassSpent):
        begin_enrolment(newcomer, enrolment_pass=None, actor=Actor.of(newcomer, session="s"))


def test_C8_a_link_of_somebody_else_enrols_nothing(cast: Cast, newcomer: User) -> None:
    other = User.objects.create_user("other@example.test", "Other Comer")
    given = give_pass(other, kind=INVITATION)
    with pytest.raises(PassSpent):
        begin_enrolment(newcomer, enrolment_pass=given.enrolment_pass, actor=Actor.of(newcomer, session="s"))


def test_C8_who_has_a_factor_cannot_use_a_link_instead_of_it(cast: Cast) -> None:
    given = give_pass(cast.employee, kind=INVITATION)
    with pytest.raises(StepUpRequired):
        begin_enrolment(
            cast.employee, enrolment_pass=given.enrolment_pass, actor=Actor.of(cast.employee, session="s")
        )


def test_C8_new_recovery_codes_need_a_fresh_code(cast: Cast, client: Client) -> None:
    old = RecoveryCodes.renew(cast.employee)
    sign_in(client, cast.employee)
    answer = client.post("/second-factors/", {"act": "new_recovery_codes"})
    assert answer.status_code == 303
    page = client.post(answer["Location"], {"code": code_for(cast.employee)})
    page = client.post("/second-factors/", dict(page.context["kept"]))
    assert len(page.context["codes"]) == 10
    assert not set(page.context["codes"]) & set(old)
    assert Notification.objects.filter(
        notice="accounts/recovery_codes_replaced", person=cast.employee
    ).exists()
    client.post("/sign-out/")
    client.post("/sign-in/", {"email": cast.employee.email, "password": PASSWORD})
    assert client.post("/sign-in/code/", {"recovery_code": old[0]}).status_code == 422


def test_an_app_is_removed_after_a_fresh_code_and_its_person_is_told(cast: Cast, client: Client) -> None:
    tablet = Authenticator.objects.create(user=cast.employee, name="Tablet", confirmed=True)
    sign_in(client, cast.employee)
    answer = client.post("/second-factors/", {"act": "remove", "device": tablet.pk})
    assert answer.status_code == 303
    page = client.post(answer["Location"], {"code": code_for(cast.employee)})
    assert client.post("/second-factors/", dict(page.context["kept"]))["Location"] == "/second-factors/"
    assert not Authenticator.objects.filter(pk=tablet.pk).exists()
    assert AuditEvent.objects.get(action="factor.removed").detail == {
        "device": "Tablet",
        "method": "totp",
    }
    assert Notification.objects.get(notice="accounts/factor_removed").person == cast.employee


def test_the_last_app_cannot_be_removed(cast: Cast, client: Client) -> None:
    device = Authenticator.objects.get(user=cast.employee)
    sign_in(client, cast.employee)
    assert client.post("/second-factors/", {"act": "remove", "device": device.pk}).status_code == 422
    with pytest.raises(Refused, match="last"):
        remove_factor(device, actor=Actor.of(cast.employee, session="s"))


def test_somebody_elses_app_is_not_there(cast: Cast, client: Client) -> None:
    sign_in(client, cast.employee)
    device = Authenticator.objects.get(user=cast.outsider)
    for key in (device.pk, "x", "", "²"):
        assert client.post("/second-factors/", {"act": "remove", "device": key}).status_code == 404
    with pytest.raises(NotAllowed):
        remove_factor(device, actor=Actor.of(cast.employee, session="s"))


@pytest.mark.django_db(transaction=True)
def test_C12_a_link_used_in_parallel_is_used_up_once() -> None:
    newcomer = User.objects.create_user("new@example.test", "New Comer")
    given, actor = give_pass(newcomer, kind=INVITATION), Actor.of(newcomer, session="s")
    device = begin_enrolment(newcomer, enrolment_pass=given.enrolment_pass, actor=actor)
    codes = [device.code_at(device.present_step + step) for step in (-1, 0, 1)]
    answers = at_once(
        [
            lambda code=code: confirm_enrolment(
                device, code=code, name="", enrolment_pass=given.enrolment_pass, actor=actor
            )
            for code in codes
        ]
    )
    assert sum(not isinstance(answer, Exception) for answer in answers) == 1, answers
    assert FactorUse.objects.count() == 1


def test_people_made_for_tests_have_factors() -> None:
    assert Authenticator.objects.filter(user=make_person("x"), confirmed=True).count() == 1
