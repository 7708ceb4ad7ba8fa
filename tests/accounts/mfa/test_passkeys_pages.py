"""Passkeys through the pages: added, used to sign in and to step up, removed. A key of software answers for the browser."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from accounts.mfa.adding_passkeys import add_passkey, ask_for_passkey, begin_passkey
from accounts.mfa.changing_factors import remove_factor
from accounts.mfa.enrolling import PassSpent, begin_enrolment, confirm_enrolment, give_pass
from accounts.mfa.freshness import PHISHING_RESISTANT, StepUpRequired, require_fresh_factor
from accounts.mfa.stepping_up import begin_step_up
from accounts.models import (
    Authenticator,
    EnrolmentPass,
    FactorUse,
    Notification,
    Passkey,
    PasskeyChallenge,
    RecoveryCodes,
    Session,
    StepUp,
    User,
)
from audit.journal.actor import Actor
from audit.journal.models import AuditEvent
from audit.journal.refusing import NotAllowed, Refused
from tests.cast import Cast, code_for, sign_in
from tests.factories.passkeys import PRESENT, Browser, Key, give_passkey
from tests.factories.people import PASSWORD, give_duty
from tests.parallel import at_once

pytestmark = pytest.mark.django_db

ADD, FACTORS, SECOND_STEP = "/enrol/passkey/", "/second-factors/", "/sign-in/code/"
NEW_PASSWORD = "an entirely new pass phrase"


def challenge(client: Client, address: str = "") -> dict[str, Any]:
    """What the page's script is told when it asks, for the step-up at ``address`` or in general."""
    answer = client.post("/passkey/", {"step_up": address.removeprefix("/step-up/").strip("/")})
    assert answer.status_code == 200, answer.content
    options: dict[str, Any] = answer.json()
    return options


def sign_in_with(client: Client, person: User, key: Key) -> Any:
    client.post("/sign-in/", {"email": person.email, "password": PASSWORD})
    return client.post(SECOND_STEP, {"passkey": key.signed(challenge(client))})


def step_up_with(client: Client, address: str, key: Key) -> Any:
    return client.post(address, {"passkey": key.signed(challenge(client, address))})


def make_passkey(client: Client, key: Key, name: str = "Laptop", **at: Any) -> Any:
    """Send what the browser makes of the page for adding one."""
    options = json.loads(client.get(ADD).context["options"])
    return client.post(ADD, {"name": name, "passkey": key.made(options, Browser(**at))})


def told_of(person: User, notice: str) -> Iterator[str]:
    found = Notification.objects.filter(person=person, notice=f"accounts/{notice}")
    return iter(found.values_list("subject", flat=True))


@pytest.fixture
def newcomer(db: None, client: Client) -> User:
    """Somebody with a link, who has set their password and has no factor."""
    person = User.objects.create_user("new@example.test", "New Comer")
    path = give_pass(person, kind=EnrolmentPass.Kind.INVITATION).url.removeprefix("http://localhost:8000")
    client.post(path, {"new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD})
    return person


# --- Adding one ---


def test_a_first_factor_by_a_link_may_be_a_passkey(newcomer: User, client: Client) -> None:
    assert ADD in client.get("/enrol/").content.decode()
    key = Key()
    page = make_passkey(client, key, name="Blue key")

    assert page.status_code == 200
    assert len(page.context["codes"]) == 10
    assert not Authenticator.objects.filter(user=newcomer).exists(), "the app that was not finished is gone"
    entry = AuditEvent.objects.get(action="factor.enrolled", about=newcomer)
    assert entry.detail == {"device": "Blue key", "method": "passkey", "by": "invitation"}
    assert AuditEvent.objects.filter(action="person.joined", about=newcomer).exists()
    assert list(told_of(newcomer, "factor_enrolled")) == ["A passkey was added for you"]
    text = client.get(FACTORS).content.decode()
    assert "Blue key" in text
    assert "not used yet" in text

    # and it signs in from now on, alone
    other = Client()
    other.post("/sign-in/", {"email": newcomer.email, "password": NEW_PASSWORD})
    page = other.get(SECOND_STEP)
    assert "data-passkey-go" in page.content.decode()
    assert 'name="code"' not in page.content.decode(), "who has no app is not asked for its code"
    assert other.post(SECOND_STEP, {"passkey": key.signed(challenge(other))})["Location"] == "/"
    assert "last used" in other.get(FACTORS).content.decode()


def test_the_link_is_used_up_by_the_passkey(newcomer: User, client: Client) -> None:
    make_passkey(client, Key())
    assert EnrolmentPass.objects.get().used_at is not None
    assert client.get(ADD)["Location"].startswith("/step-up/"), "a further one needs the first"


@pytest.mark.parametrize(
    "wrong",
    [{"origin": "http://evil.test"}, {"rp_id": "evil.test"}, {"flags": PRESENT}, {"framed": True}],
    ids=["another site", "another host name", "not recognised", "in a frame"],
)
def test_a_passkey_made_elsewhere_or_for_nobody_in_particular_is_refused_and_the_link_still_works(
    newcomer: User, client: Client, wrong: dict[str, Any]
) -> None:
    assert make_passkey(client, Key(), **wrong).status_code == 422
    assert not Passkey.objects.exists()
    assert AuditEvent.objects.get(action="factor.refused").detail["device"] == "Laptop"
    assert make_passkey(client, Key()).status_code == 200


def test_a_challenge_makes_one_passkey(newcomer: User, client: Client) -> None:
    options = json.loads(client.get(ADD).context["options"])
    broken = Key().made(options, Browser(flags=PRESENT))
    assert client.post(ADD, {"passkey": broken}).status_code == 422
    assert client.post(ADD, {"passkey": Key().made(options)}).status_code == 422, "it was answered already"


def test_a_key_that_is_known_here_is_not_added_again(cast: Cast, client: Client) -> None:
    theirs, key = give_passkey(cast.outsider), give_passkey(cast.employee)
    sign_in(client, cast.employee)
    step_up_with(client, client.get(ADD)["Location"], key)
    assert make_passkey(client, theirs).status_code == 422
    assert Passkey.objects.count() == 2
    options = json.loads(client.get(ADD).context["options"])
    assert len(options["excludeCredentials"]) == 1
    assert options["authenticatorSelection"]["userVerification"] == "required"


def test_C8_a_first_passkey_needs_a_fresh_code_of_the_app(cast: Cast, client: Client) -> None:
    sign_in(client, cast.employee)
    address = client.get(ADD)["Location"]
    assert address.startswith("/step-up/")
    assert client.post(ADD, {"passkey": "{}"}).status_code == 303
    client.post(address, {"code": code_for(cast.employee)})
    assert len(make_passkey(client, Key()).context["codes"]) == 10
    assert client.get(ADD)["Location"].startswith("/step-up/"), "the proof was good for one"


@pytest.mark.parametrize("page", [ADD, "/enrol/"])
def test_C8_who_has_a_passkey_adds_any_further_factor_with_it_and_not_with_a_code(
    cast: Cast, client: Client, page: str
) -> None:
    key = give_passkey(cast.employee)
    sign_in(client, cast.employee)
    address = client.get(page)["Location"]
    text = client.get(address).content.decode()
    assert "A code is not enough here" in text
    assert 'name="code"' not in text

    assert client.post(address, {"code": code_for(cast.employee)}).status_code == 422
    assert client.get(page).status_code == 303
    assert step_up_with(client, address, key)["Location"] == page
    assert client.get(page).status_code == 200


@pytest.mark.parametrize("act", ["new_recovery_codes", "remove", "remove_passkey"])
def test_C8_who_has_a_passkey_changes_nothing_about_their_factors_with_a_code(
    cast: Cast, client: Client, act: str
) -> None:
    key = give_passkey(cast.employee)
    device = {"remove": Authenticator, "remove_passkey": Passkey}.get(act, Passkey)
    sign_in(client, cast.employee)
    said = {"act": act, "device": device.objects.get(user=cast.employee).pk}
    address = client.post(FACTORS, said)["Location"]
    assert client.post(address, {"code": code_for(cast.employee)}).status_code == 422
    asked = StepUp.objects.get()
    FactorUse.objects.create(
        person=cast.employee, method="recovery_code", device="d", session=asked.session, act=asked.act
    )
    assert client.post(FACTORS, said).status_code == 303, "nor with a recovery code"
    page = step_up_with(client, address, key)
    assert client.post(FACTORS, dict(page.context["kept"])).status_code in (200, 302)


def test_the_gate_of_somebody_else_stays_closed(cast: Cast, newcomer: User) -> None:
    with pytest.raises(NotAllowed):
        begin_passkey(newcomer, enrolment_pass=None, actor=Actor.of(cast.outsider, session="s"))
    with pytest.raises(PassSpent):
        begin_passkey(newcomer, enrolment_pass=None, actor=Actor.of(newcomer, session="s"))


def test_after_fifteen_minutes_adding_begins_anew(cast: Cast, client: Client) -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        sign_in(client, cast.employee)
        client.post(client.get(ADD)["Location"], {"code": code_for(cast.employee)})
        options = json.loads(client.get(ADD).context["options"])
        clock.shift(timedelta(minutes=15, seconds=1))
        answer = client.post(ADD, {"passkey": Key().made(options)})
        assert answer["Location"].startswith("/step-up/")
    assert not Passkey.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_C12_of_an_app_and_a_passkey_set_up_with_one_link_at_once_one_counts() -> None:
    person = User.objects.create_user("new@example.test", "New Comer")
    given, key = give_pass(person, kind=EnrolmentPass.Kind.HELP).enrolment_pass, Key()
    one, other = Actor.of(person, session="one"), Actor.of(person, session="other")
    device = begin_enrolment(person, enrolment_pass=given, actor=one)
    answer = key.made(ask_for_passkey(begin_passkey(person, enrolment_pass=given, actor=other)))
    code = device.code_at(device.present_step)

    def confirm() -> object:
        return confirm_enrolment(device, code=code, name="", enrolment_pass=given, actor=one)

    def add() -> object:
        return add_passkey(person, answer=answer, name="", enrolment_pass=given, actor=other)

    answers = at_once([confirm, add])
    assert sum(not isinstance(one, Exception) for one in answers) == 1, answers
    assert Authenticator.objects.filter(confirmed=True).count() + Passkey.objects.count() == 1


# --- Using one ---


def test_a_passkey_is_a_second_step_of_signing_in(cast: Cast, client: Client) -> None:
    key = give_passkey(cast.employee)
    assert sign_in_with(client, cast.employee, key)["Location"] == "/"
    entry = AuditEvent.objects.get(action="sign_in.succeeded")
    assert entry.detail == {"method": "passkey", "device": "Laptop"}
    assert FactorUse.objects.get().act == ""
    assert client.get(FACTORS).status_code == 200
    client.post("/sign-out/")
    sign_in(client, cast.employee)  # the code of the app still does


def test_a_passkey_without_the_password_is_nothing(cast: Cast, client: Client) -> None:
    key = give_passkey(cast.employee)
    assert client.post("/passkey/")["Location"] == "/sign-in/"
    options = challenge_of_somebody_signed_in(cast.employee)
    assert client.post(SECOND_STEP, {"passkey": key.signed(options)})["Location"] == "/sign-in/"


def challenge_of_somebody_signed_in(person: User) -> dict[str, Any]:
    other = Client()
    sign_in(other, person)
    return challenge(other)


def test_an_answer_from_another_browser_does_not_sign_in(cast: Cast, client: Client) -> None:
    key = give_passkey(cast.employee)
    client.post("/sign-in/", {"email": cast.employee.email, "password": PASSWORD})
    answer = key.signed(challenge_of_somebody_signed_in(cast.employee))
    assert client.post(SECOND_STEP, {"passkey": answer}).status_code == 422
    assert not Session.objects.filter(person=cast.employee).count() > 1


def test_a_spent_answer_is_not_shown_again_so_that_a_code_can_follow(cast: Cast, client: Client) -> None:
    give_passkey(cast.employee)
    client.post("/sign-in/", {"email": cast.employee.email, "password": PASSWORD})
    page = client.post(SECOND_STEP, {"passkey": '{"rawId": "abc"}'})
    assert page.status_code == 422
    assert "rawId" not in page.content.decode()
    assert client.post(SECOND_STEP, {"code": code_for(cast.employee)})["Location"] == "/"


def test_a_step_up_with_a_passkey_sends_the_form_on_and_counts_for_this_act_alone(
    cast: Cast, client: Client
) -> None:
    key = give_passkey(cast.administrator)
    sign_in_with(client, cast.administrator, key)
    page, why = f"/people/{cast.employee.pk}/help/", {"justification": "Called back"}
    address = client.post(page, why)["Location"]
    general = key.signed(challenge(client))
    assert client.post(address, {"passkey": general}).status_code == 422, "a challenge for something else"
    done = step_up_with(client, address, key)
    assert "data-autosubmit" in done.content.decode()
    assert client.post(page, {"justification": "Something else"}).status_code == 303
    assert client.post(page, dict(done.context["kept"])).status_code == 200
    assert client.post(page, dict(done.context["kept"])).status_code == 303, "the proof is used up"


def test_the_general_check_takes_a_passkey_too(cast: Cast, client: Client) -> None:
    key = give_passkey(cast.employee)
    sign_in(client, cast.employee)
    answer = client.post("/step-up/?next=/my-roles/", {"passkey": key.signed(challenge(client))})
    assert answer["Location"] == "/my-roles/"


def test_a_challenge_for_somebody_elses_step_up_is_not_there(cast: Cast, client: Client) -> None:
    give_passkey(cast.employee)
    give_passkey(cast.outsider)
    other = Client()
    sign_in(other, cast.outsider)
    token = other.get("/enrol/")["Location"].split("/")[2]
    sign_in(client, cast.employee)
    assert client.post("/passkey/", {"step_up": token}).status_code == 404
    assert client.post("/passkey/", {"step_up": "guess"}).status_code == 404


def test_a_step_up_for_a_passkey_tells_who_has_none_where_to_add_one(
    cast: Cast, client: Client, rf: Any
) -> None:
    sign_in(client, cast.employee)
    session = FactorUse.objects.get().session
    request = rf.post("/my-roles/1/activate/", {"justification": "x"})
    request.user, request.actor = cast.employee, Actor.of(cast.employee, session=session)
    with pytest.raises(StepUpRequired) as question:
        require_fresh_factor(
            request.actor, act="a" * 64, minutes=0, what_for="Activate Owner", methods=PHISHING_RESISTANT
        )
    address = f"/step-up/{begin_step_up(request, question=question.value).token}/"
    text = client.get(address).content.decode()
    assert "This role asks for a passkey. You have none yet: add one under" in text
    assert 'href="/second-factors/"' in text
    assert 'name="code"' not in text
    assert client.post(address, {"code": code_for(cast.employee)}).status_code == 422
    assert client.post("/passkey/", {"step_up": address.split("/")[2]}).status_code == 422

    # and once there is one, the same form goes on with it
    page = step_up_with(client, address, give_passkey(cast.employee))
    assert dict(page.context["kept"]) == {"justification": "x"}
    assert FactorUse.objects.latest("pk").act == "a" * 64


def test_without_script_no_button_stands_there_that_does_nothing(cast: Cast, client: Client) -> None:
    give_passkey(cast.employee)
    client.post("/sign-in/", {"email": cast.employee.email, "password": PASSWORD})
    page = client.get(SECOND_STEP).content.decode()
    assert "data-passkey-go hidden" in page
    assert 'name="code"' in page
    client.post(SECOND_STEP, {"code": code_for(cast.employee)})
    page = client.get(FACTORS).content.decode()
    assert 'data-passkey-link="localhost" hidden' in page
    assert "This browser cannot use passkeys here." in page


# --- Losing one ---


def test_a_passkey_is_removed_with_a_passkey_and_its_person_is_told(cast: Cast, client: Client) -> None:
    key = give_passkey(cast.employee, name="Old laptop")
    sign_in(client, cast.employee)
    said = {"act": "remove_passkey", "device": Passkey.objects.get().pk}
    page = step_up_with(client, client.post(FACTORS, said)["Location"], key)
    assert client.post(FACTORS, dict(page.context["kept"]))["Location"] == FACTORS
    assert not Passkey.objects.exists()
    assert AuditEvent.objects.get(action="factor.removed").detail == {
        "device": "Old laptop",
        "method": "passkey",
    }
    assert list(told_of(cast.employee, "factor_removed")) == ["A passkey of yours was removed"]


def test_the_last_factor_stays_whatever_it_is(cast: Cast) -> None:
    give_passkey(cast.employee)
    Authenticator.objects.filter(user=cast.employee).delete()
    with pytest.raises(Refused, match="last"):
        remove_factor(Passkey.objects.get(), actor=Actor.of(cast.employee, session="s"))
    with pytest.raises(NotAllowed):
        remove_factor(Passkey.objects.get(), actor=Actor.of(cast.outsider, session="s"))


def test_somebody_elses_passkey_is_not_there(cast: Cast, client: Client) -> None:
    give_passkey(cast.outsider)
    sign_in(client, cast.employee)
    said = {"act": "remove_passkey", "device": Passkey.objects.get().pk}
    assert client.post(FACTORS, said).status_code == 404


def test_help_takes_lost_passkeys_away_and_what_was_being_added(cast: Cast, client: Client) -> None:
    thief = Client()
    key = give_passkey(cast.employee)
    sign_in_with(thief, cast.employee, key)
    challenge(thief)
    RecoveryCodes.renew(cast.employee)
    sign_in(client, cast.administrator)
    page, why = f"/people/{cast.employee.pk}/help/", {"justification": "Called back"}
    address = client.post(page, why)["Location"]
    kept = client.post(address, {"code": code_for(cast.administrator)}).context["kept"]
    assert client.post(page, dict(kept)).status_code == 200
    assert not Passkey.objects.exists()
    assert not PasskeyChallenge.objects.exists()
    assert AuditEvent.objects.get(action="person.helped").detail["removed"] == ["Phone", "Laptop"]
    assert thief.get(FACTORS).status_code == 302


def test_an_administrator_with_a_passkey_helps_with_it_and_not_with_a_code(
    cast: Cast, client: Client
) -> None:
    give_passkey(cast.second_approver)
    give_duty(cast.second_approver, "global_administrator")
    sign_in(client, cast.second_approver)
    address = client.post(f"/people/{cast.employee.pk}/help/", {"justification": "Called back"})["Location"]
    assert client.post(address, {"code": code_for(cast.second_approver)}).status_code == 422
