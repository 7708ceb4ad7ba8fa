"""Break-glass accounts: named by another, alarmed at every use, and never kept out by somebody who guesses."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.breaking_glass import name_break_glass, unname_break_glass
from accounts.duties import Duty
from accounts.leaving import disable_person
from accounts.mfa.freshness import StepUpRequired, act_digest
from accounts.mfa.keeping_open import OtherFactorNeeded
from accounts.mfa.recovering import help_person
from accounts.mfa.verifying import TooManyCodes, WrongCode, verify_factor
from accounts.models import Attempts, Authenticator, Notification, RecoveryCodes, User
from accounts.signing_in import WrongCredentials, prove_password
from accounts.throttling import TooManyAttempts
from audit.alerts.break_glass import BREAK_GLASS_USED
from audit.alerts.models import Alert
from audit.journal.actor import PORTAL, Actor
from audit.journal.refusing import NotAllowed, Overtaken, Refused
from roles.models import EndCause
from roles.provisioning import end_assignment
from tests.cast import Cast, code_for, sign_in, wrong_code_for
from tests.factories.holders import make_administrator
from tests.factories.pages import kept_fields
from tests.factories.people import PASSWORD, give_duty, make_person
from tests.factories.roles import acting, give_evidence, notices_of, now

pytestmark = pytest.mark.django_db

WHY = "For the day when nothing else works"


@pytest.fixture
def glass(db: None) -> User:
    """A break-glass account. Its keeper has proved themselves in the office before."""
    person = make_administrator("glass")
    name_break_glass(person, justification=WHY, actor=PORTAL)
    verify_factor(person, code=code_for(person), act="", actor=at("192.0.2.1", person))
    Alert.objects.all().delete()
    Notification.objects.all().delete()
    return person


def at(address: str, person: User | None = None) -> Actor:
    """Somebody at an address, who has given the password of ``person`` if it is named."""
    return Actor(person=person, name=str(person), address=address, session="half")


def proved(person: User, verb: str, about: User) -> Actor:
    """Somebody who has just proved themselves for this."""
    actor = acting(person)
    give_evidence(actor, act=act_digest(verb=verb, person=about.pk, justification=WHY))
    return actor


# --- Naming ---


def test_a_global_administrator_names_another_and_takes_it_back(cast: Cast) -> None:
    person = make_administrator("glass")
    with pytest.raises(StepUpRequired):
        name_break_glass(person, justification=WHY, actor=acting(cast.administrator))

    name_break_glass(person, justification=WHY, actor=proved(cast.administrator, "name_break_glass", person))
    assert now(person).is_break_glass
    assert now(person).history.first().history_user == cast.administrator  # type: ignore[attr-defined]
    with pytest.raises(Overtaken):
        name_break_glass(person, justification=WHY, actor=acting(cast.administrator))

    unname_break_glass(
        person, justification=WHY, actor=proved(cast.administrator, "unname_break_glass", person)
    )
    assert not now(person).is_break_glass


def test_nobody_else_names_anybody_and_nobody_names_themselves(cast: Cast) -> None:
    person = make_administrator("glass")
    give_duty(cast.approver, Duty.PRIVILEGED_ROLE_ADMINISTRATOR)
    for who in (cast.approver, cast.auditor, cast.outsider, cast.root, person):
        for verb in (name_break_glass, unname_break_glass):
            with pytest.raises(NotAllowed):
                verb(person, justification=WHY, actor=acting(who))


@pytest.mark.parametrize("unfit", ["no_role", "role_with_an_end", "no_factor", "disabled"])
def test_it_must_be_able_to_sign_in_and_to_do_everything(cast: Cast, unfit: str) -> None:
    make_administrator("another")
    person = cast.outsider if unfit == "no_role" else make_administrator("glass")
    match unfit:
        case "role_with_an_end":
            person.assignments.update(ends_at=timezone.now() + timedelta(days=3650))
        case "no_factor":
            Authenticator.objects.filter(user=person).delete()
        case "disabled":
            User.objects.filter(pk=person.pk).update(is_active=False)

    with pytest.raises(Refused):
        name_break_glass(person, justification=WHY, actor=PORTAL)

    assert not now(person).is_break_glass


def test_it_is_neither_disabled_nor_helped_from_beneath_nor_loses_its_role(cast: Cast, glass: User) -> None:
    give_duty(cast.approver, Duty.PRIVILEGED_ROLE_ADMINISTRATOR)
    make_administrator("another")
    with pytest.raises(Refused, match="break-glass"):
        disable_person(now(glass), justification=WHY, actor=acting(cast.administrator))
    with pytest.raises(NotAllowed):
        help_person(now(glass), justification=WHY, actor=proved(cast.approver, "help_person", glass))
    with pytest.raises(Refused, match="break-glass"):
        end_assignment(glass.assignments.get(), actor=PORTAL, cause=EndCause.REMOVED)


def test_on_the_page_it_is_named_after_a_step_up_and_marked_in_the_list(cast: Cast, client: Client) -> None:
    person = make_administrator("glass")
    sign_in(client, cast.administrator)
    page, address = reverse("person", args=[person.pk]), reverse("name_break_glass", args=[person.pk])
    assert address in client.get(page).content.decode()
    assert client.post(address, {"break_glass-justification": ""}).status_code == 422

    asked = client.post(address, {"break_glass-justification": WHY})["Location"]
    answer = client.post(asked, {"code": code_for(cast.administrator)})
    answer = client.post(address, kept_fields(answer.content.decode()))

    assert answer["Location"] == page
    assert "Break-glass account" in client.get(reverse("people")).content.decode()
    assert reverse("unname_break_glass", args=[person.pk]) in client.get(page).content.decode()


def test_the_form_is_for_global_administrators_alone(cast: Cast, client: Client) -> None:
    person = make_administrator("glass")
    give_duty(cast.approver, Duty.PRIVILEGED_ROLE_ADMINISTRATOR)
    sign_in(client, cast.approver)

    assert "break-glass" not in client.get(reverse("person", args=[person.pk])).content.decode()
    for name in ("name_break_glass", "unname_break_glass"):
        answer = client.post(reverse(name, args=[person.pk]), {"break_glass-justification": WHY})
        assert answer.status_code == 404


# --- Alarms ---


def test_signing_in_and_each_proof_raise_a_high_alert_that_says_when_and_from_where(
    cast: Cast, glass: User, client: Client
) -> None:
    sign_in(client, now(glass))

    [alert] = Alert.objects.filter(kind=BREAK_GLASS_USED)
    assert (alert.severity, alert.title) == ("high", "The break-glass account Glass is in use")
    assert "sign_in.succeeded at 20" in alert.text
    assert "from 127.0.0.1" in alert.text
    assert notices_of(cast.administrator).count("audit/alert_raised") == 1
    verify_factor(now(glass), code=code_for(glass), act="x", actor=acting(now(glass), "later"))
    assert Alert.objects.open().count() == 2, "another session is told anew"


def test_each_act_counts_and_nothing_but_a_person_resolves_it(cast: Cast, glass: User) -> None:
    actor = acting(now(glass))
    disable_person(cast.outsider, justification=WHY, actor=actor)

    [alert] = Alert.objects.filter(kind=BREAK_GLASS_USED)
    assert alert.status == "open"
    assert alert.text.startswith("Last: person.")


def test_without_the_name_the_same_raises_nothing(cast: Cast, client: Client) -> None:
    sign_in(client, make_administrator("ordinary"))
    assert not Alert.objects.filter(kind=BREAK_GLASS_USED).exists()


# --- Nobody is kept out ---


def test_hundreds_of_wrong_passwords_from_everywhere_keep_nobody_out(cast: Cast, glass: User) -> None:
    for number in range(200):
        here = "192.0.2.1" if number % 2 else f"198.51.100.{number % 100}"
        with pytest.raises((WrongCredentials, TooManyAttempts)):
            prove_password(glass.email, password="guessed", actor=at(here))

    turn_comes()
    assert prove_password(glass.email, password=PASSWORD, actor=at("192.0.2.1")) == glass, (
        "beside the attacker"
    )
    assert prove_password(glass.email, password=PASSWORD, actor=at("203.0.113.9")) == glass, "anywhere else"
    [alert] = Alert.objects.filter(kind=BREAK_GLASS_USED)
    assert alert.times_seen > 80, "one alert for all of it"
    assert notices_of(cast.administrator).count("audit/alert_raised") == 1


def turn_comes() -> None:
    """A second goes by, in which nobody else on the network is looked at."""
    Attempts.objects.filter(failures=0).update(last_at=timezone.now() - timedelta(seconds=1))


def test_others_beside_an_attacker_wait(cast: Cast) -> None:
    for _ in range(10):
        with pytest.raises((WrongCredentials, TooManyAttempts)):
            prove_password(cast.employee.email, password="guessed", actor=at("192.0.2.1"))
    turn_comes()
    with pytest.raises(TooManyAttempts):
        prove_password(cast.employee.email, password=PASSWORD, actor=at("192.0.2.1"))


def test_in_a_pause_a_wrong_password_gets_the_answer_of_one_not_looked_at(cast: Cast, glass: User) -> None:
    answers = {}
    for email in (glass.email, "nobody@example.test"):
        for _ in range(7):
            try:
                prove_password(email, password="guessed", actor=at("192.0.2.7"))
            except Refused as refusal:
                answers[email] = type(refusal)
    assert set(answers.values()) == {TooManyAttempts}


def already_guessed(person: User, times: int) -> None:
    """So many wrong codes in a row were tried a while ago."""
    Authenticator.objects.filter(user=person).update(throttling_failure_count=times)


def guess_codes(person: User, times: int) -> None:
    """Somebody who has got hold of the password guesses the code, from many places."""
    for number in range(times):
        with pytest.raises((WrongCode, TooManyCodes, OtherFactorNeeded)):
            verify_factor(
                person, code=wrong_code_for(person), act="", actor=at(f"198.51.100.{number // 4}", person)
            )


def test_hundreds_of_wrong_codes_given_with_the_password_keep_nobody_out(glass: User) -> None:
    person = now(glass)
    [recovery, *_] = RecoveryCodes.renew(person)
    already_guessed(person, 190)
    guess_codes(person, 20)

    assert Authenticator.objects.get(user=person).confirmed, "the device is not disabled"
    with pytest.raises(OtherFactorNeeded):
        verify_factor(person, code=code_for(person), act="", actor=at("198.51.100.200", person))
    assert verify_factor(person, code=code_for(person), act="", actor=at("192.0.2.1", person)), "the office"
    already_guessed(person, 300)
    guess_codes(person, 4)
    assert verify_factor(person, code=recovery, act="", actor=at("203.0.113.7", person)), "anywhere"


def test_of_somebody_else_the_device_would_be_disabled(glass: User) -> None:
    person = make_person("ordinary")
    already_guessed(person, 99)
    guess_codes(person, 1)
    assert not Authenticator.objects.get(user=person).confirmed


def test_one_who_is_named_no_more_is_not_disabled_by_what_was_tried_before(glass: User) -> None:
    Authenticator.objects.filter(user=glass).update(throttling_failure_count=500)
    unname_break_glass(glass, justification=WHY, actor=PORTAL)

    person = now(glass)
    assert verify_factor(person, code=code_for(person), act="", actor=at("192.0.2.1", person))
