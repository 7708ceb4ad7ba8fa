"""Help after a lost factor: by somebody else, proved, told to everybody concerned."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from django.core import mail
from django.test import Client

from accounts.duties import Duty
from accounts.mfa.freshness import StepUpRequired, act_digest
from accounts.mfa.recovering import help_person
from accounts.models import (
    Authenticator,
    EnrolmentPass,
    FactorUse,
    Notification,
    RecoveryCodes,
    Session,
    User,
)
from audit.journal.actor import PORTAL, Actor
from audit.journal.models import AuditEvent
from audit.journal.refusing import NotAllowed, Refused
from tests.cast import Cast, code_for, sign_in
from tests.factories.people import PASSWORD, give_duty, make_person

pytestmark = pytest.mark.django_db

WHY = "Called back on the desk phone"


def proved(person: User, helped: User, *, why: str = WHY) -> Actor:
    """The actor ``person``, who has just proved themselves for helping ``helped``."""
    act = act_digest(verb="help_person", person=helped.pk, justification=why)
    FactorUse.objects.create(person=person, method="totp", device="d", session="s", act=act)
    return Actor.of(person, session="s")


def walk_through_help(client: Client, helped: User, helper: User) -> Any:
    """The administrator's pages, from the form to the link."""
    page = f"/people/{helped.pk}/help/"
    answer = client.post(client.post(page, {"justification": WHY})["Location"], {"code": code_for(helper)})
    return client.post(page, dict(answer.context["kept"]))


def test_help_takes_the_lost_factors_away_and_leads_to_new_ones(cast: Cast, client: Client) -> None:
    RecoveryCodes.renew(cast.employee)
    thief = Client()
    sign_in(thief, cast.employee)
    sign_in(client, cast.administrator)
    given = walk_through_help(client, cast.employee, cast.administrator).context["given"]

    assert not Authenticator.objects.filter(user=cast.employee).exists()
    assert not RecoveryCodes.objects.filter(user=cast.employee).exists()
    assert not Session.objects.filter(person=cast.employee).exists()
    assert thief.get("/second-factors/").status_code == 302

    path = given.url.removeprefix("http://localhost:8000")
    robin = Client()
    answer = robin.post(path, {"new_password1": "a new pass phrase", "new_password2": "a new pass phrase"})
    assert answer["Location"] == "/enrol/"
    robin.get("/enrol/")
    device = Authenticator.objects.get(user=cast.employee)
    assert robin.post("/enrol/", {"code": device.code_at(device.present_step)}).status_code == 200
    assert robin.get("/second-factors/").status_code == 200
    actions = AuditEvent.objects.filter(about=cast.employee).values_list("action", flat=True)
    assert "person.helped" in actions
    assert "person.joined" not in actions


def test_the_link_is_shown_to_the_administrator_and_never_mailed(
    cast: Cast, client: Client, django_capture_on_commit_callbacks: Any
) -> None:
    sign_in(client, cast.administrator)
    with django_capture_on_commit_callbacks(execute=True):
        answer = walk_through_help(client, cast.employee, cast.administrator)
    token = answer.context["given"].url.split("/")[-2]
    assert token in answer.content.decode()
    assert not any(token in str(message.message()) for message in mail.outbox)
    assert not any(token in str(vars(note)) for note in Notification.objects.all())
    assert not any(token in str(event.body()) for event in AuditEvent.objects.all())


def test_the_person_their_manager_and_the_other_administrators_are_told(cast: Cast) -> None:
    colleague = make_person("lee")
    give_duty(colleague, Duty.PRIVILEGED_ROLE_ADMINISTRATOR)
    help_person(cast.employee, justification=WHY, actor=proved(cast.administrator, cast.employee))
    told = Notification.objects.filter(notice="accounts/help_given")
    assert {note.person for note in told} == {cast.employee, cast.approver, cast.administrator, colleague}
    assert all(WHY in note.text for note in told)
    assert "your" in told.get(person=cast.employee).subject.lower()
    assert "Robin Sample" in told.get(person=cast.approver).subject


def test_C8_help_needs_a_fresh_factor_of_the_helper_every_time(cast: Cast) -> None:
    actor = proved(cast.administrator, cast.employee)
    help_person(cast.employee, justification=WHY, actor=actor)
    with pytest.raises(StepUpRequired):
        help_person(cast.employee, justification=WHY, actor=actor)
    with pytest.raises(StepUpRequired):
        help_person(cast.outsider, justification=WHY, actor=actor)


def test_nobody_helps_themselves_nor_another_account_of_their_own(cast: Cast) -> None:
    User.objects.filter(pk__in=[cast.administrator.pk, cast.outsider.pk]).update(person_key="4711")
    for helped in (User.objects.get(pk=cast.administrator.pk), User.objects.get(pk=cast.outsider.pk)):
        actor = proved(User.objects.get(pk=cast.administrator.pk), helped)
        with pytest.raises(NotAllowed):
            help_person(helped, justification=WHY, actor=actor)
    assert Authenticator.objects.filter(user=cast.outsider).exists()


@pytest.mark.parametrize("who", ["employee", "approver", "auditor", "outsider", "root"])
def test_E_nobody_else_helps_not_even_a_superuser(cast: Cast, client: Client, who: str) -> None:
    helper = getattr(cast, who)
    with pytest.raises(NotAllowed):
        help_person(cast.second_approver, justification=WHY, actor=proved(helper, cast.second_approver))
    sign_in(client, helper)
    assert client.get(f"/people/{cast.second_approver.pk}/help/").status_code == 404
    assert client.post(f"/people/{cast.second_approver.pk}/help/", {"justification": WHY}).status_code == 404


def test_the_portal_itself_helps_nobody(cast: Cast) -> None:
    with pytest.raises(NotAllowed):
        help_person(cast.employee, justification=WHY, actor=replace(PORTAL))


def test_a_disabled_person_is_not_helped(cast: Cast) -> None:
    User.objects.filter(pk=cast.outsider.pk).update(is_active=False)
    gone = User.objects.get(pk=cast.outsider.pk)
    with pytest.raises(Refused, match="disabled"):
        help_person(gone, justification=WHY, actor=proved(cast.administrator, gone))


def test_help_needs_a_justification(cast: Cast, client: Client) -> None:
    sign_in(client, cast.administrator)
    for justification in ("", "   ", "x" * 10_000):
        answer = client.post(f"/people/{cast.employee.pk}/help/", {"justification": justification})
        assert answer.status_code == 422
    assert not EnrolmentPass.objects.exists()


def test_the_old_password_opens_nothing_while_help_is_under_way(cast: Cast, client: Client) -> None:
    help_person(cast.employee, justification=WHY, actor=proved(cast.administrator, cast.employee))
    answer = client.post("/sign-in/", {"email": cast.employee.email, "password": PASSWORD})
    assert answer.status_code == 422
    assert client.get("/enrol/")["Location"] == "/sign-in/"
