"""Disabling a person: from the same moment on they are nobody here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from accounts.duties import Duty
from accounts.leaving import disable_person, enable_person
from accounts.mfa.enrolling import give_pass
from accounts.models import DutyHolding, EnrolmentPass, Session, User
from accounts.signals import user_left
from audit.journal.actor import PORTAL, Actor
from audit.journal.models import AuditEvent
from audit.journal.refusing import NotAllowed, Overtaken, Refused
from tests.cast import Cast, code_for, make_cast, sign_in
from tests.factories.people import PASSWORD, give_duty
from tests.parallel import at_once

pytestmark = pytest.mark.django_db

WHY = "Left on 18 November"


@pytest.fixture
def news() -> Iterator[list[dict[str, Any]]]:
    """What ``user_left`` told."""
    told: list[dict[str, Any]] = []

    def hear(sender: object, **said: Any) -> None:
        told.append(said)

    user_left.connect(hear)
    yield told
    user_left.disconnect(hear)


def test_a_disabled_person_is_signed_out_everywhere_and_cannot_come_back(
    cast: Cast, client: Client, news: list[dict[str, Any]]
) -> None:
    browsers = [Client(), Client()]
    for browser in browsers:
        sign_in(browser, cast.employee)
    give_pass(cast.employee, kind=EnrolmentPass.Kind.HELP)
    sign_in(client, cast.administrator)
    answer = client.post(f"/people/{cast.employee.pk}/disable/", {"justification": WHY})
    assert answer["Location"] == f"/people/{cast.employee.pk}/"

    assert not User.objects.get(pk=cast.employee.pk).is_active
    assert not Session.objects.filter(person=cast.employee).exists()
    assert not EnrolmentPass.objects.filter(expires_at__gt=AuditEvent.objects.latest("at").at).exists()
    for browser in browsers:
        assert browser.get("/second-factors/").status_code == 302
    answer = Client().post("/sign-in/", {"email": cast.employee.email, "password": PASSWORD})
    assert answer.status_code == 422
    assert [said["person"].pk for said in news] == [cast.employee.pk]
    assert news[0]["actor"].person.pk == cast.administrator.pk
    event = AuditEvent.objects.get(action="person.disabled")
    assert (event.about, event.actor, event.justification) == (cast.employee, cast.administrator, WHY)


def test_who_disabled_whom_and_why_is_in_the_persons_history(cast: Cast) -> None:
    disable_person(cast.employee, justification=WHY, actor=Actor.of(cast.administrator))
    row = cast.employee.history.latest()
    assert (row.is_active, row.history_user, row.history_change_reason) == (False, cast.administrator, WHY)


def test_D2_every_disabled_persons_next_request_is_refused(cast: Cast) -> None:
    for _time in range(20):
        browser = Client()
        sign_in(browser, cast.employee)
        disable_person(cast.employee, justification=WHY, actor=Actor.of(cast.administrator))
        assert browser.get("/second-factors/").status_code == 302
        enable_person(cast.employee, justification=WHY, actor=Actor.of(cast.administrator))
        assert browser.get("/second-factors/").status_code == 302, "an old session does not come back to life"


def test_an_enabled_person_signs_in_as_before(cast: Cast, client: Client) -> None:
    disable_person(cast.employee, justification=WHY, actor=Actor.of(cast.administrator))
    sign_in(client, cast.administrator)
    client.post(f"/people/{cast.employee.pk}/enable/", {"justification": "Came back"})
    sign_in(Client(), cast.employee)
    assert AuditEvent.objects.get(action="person.enabled").justification == "Came back"


def test_nobody_disables_themselves(cast: Cast, client: Client) -> None:
    give_duty(cast.approver, Duty.GLOBAL_ADMINISTRATOR)
    with pytest.raises(NotAllowed):
        disable_person(cast.administrator, justification=WHY, actor=Actor.of(cast.administrator))
    sign_in(client, cast.administrator)
    answer = client.post(f"/people/{cast.administrator.pk}/disable/", {"justification": WHY})
    assert answer.status_code == 403
    assert User.objects.get(pk=cast.administrator.pk).is_active


@pytest.mark.parametrize("who", ["employee", "approver", "auditor", "outsider", "root"])
def test_E_nobody_else_disables_not_even_a_superuser(cast: Cast, client: Client, who: str) -> None:
    actor = getattr(cast, who)
    for verb in (disable_person, enable_person):
        with pytest.raises(NotAllowed):
            verb(cast.second_approver, justification=WHY, actor=Actor.of(actor))
    sign_in(client, actor)
    for act in ("disable", "enable"):
        path = f"/people/{cast.second_approver.pk}/{act}/"
        assert client.post(path, {"justification": WHY}).status_code == 404
    assert User.objects.get(pk=cast.second_approver.pk).is_active


def test_a_refusal_is_in_the_journal(cast: Cast) -> None:
    with pytest.raises(NotAllowed):
        disable_person(cast.employee, justification=WHY, actor=Actor.of(cast.outsider))
    event = AuditEvent.objects.get(action="portal.refused")
    assert (event.actor, event.detail["verb"], event.outcome) == (cast.outsider, "disable_person", "refused")


def test_disabling_or_enabling_twice_says_that_somebody_was_faster(cast: Cast) -> None:
    actor = Actor.of(cast.administrator)
    with pytest.raises(Overtaken):
        enable_person(cast.employee, justification=WHY, actor=actor)
    disable_person(cast.employee, justification=WHY, actor=actor)
    with pytest.raises(Overtaken):
        disable_person(cast.employee, justification=WHY, actor=actor)


def test_G_the_last_global_administrator_for_good_stays(cast: Cast) -> None:
    with pytest.raises(Refused, match="last Global Administrator"):
        disable_person(cast.administrator, justification=WHY, actor=PORTAL)
    give_duty(cast.approver, Duty.GLOBAL_ADMINISTRATOR)
    disable_person(cast.administrator, justification=WHY, actor=PORTAL)


@pytest.mark.django_db(transaction=True)
def test_G_two_administrators_who_disable_each_other_leave_one() -> None:
    cast = make_cast()
    give_duty(cast.approver, Duty.GLOBAL_ADMINISTRATOR)
    pair = [(cast.administrator, cast.approver), (cast.approver, cast.administrator)]
    answers = at_once(
        [
            lambda a=one, b=other: disable_person(a, justification=WHY, actor=Actor.of(b))
            for one, other in pair
        ]
    )
    assert sum(isinstance(answer, Refused) for answer in answers) == 1, answers
    assert DutyHolding.objects.in_force().filter(duty=Duty.GLOBAL_ADMINISTRATOR).count() == 1


def test_what_hears_the_news_can_stop_the_act(cast: Cast) -> None:
    def fail(sender: object, **said: Any) -> None:
        raise RuntimeError("the upper app could not")

    user_left.connect(fail)
    try:
        with pytest.raises(RuntimeError):
            disable_person(cast.employee, justification=WHY, actor=Actor.of(cast.administrator))
    finally:
        user_left.disconnect(fail)
    assert User.objects.get(pk=cast.employee.pk).is_active


def test_disabling_needs_a_justification_and_keeps_what_was_typed(cast: Cast, client: Client) -> None:
    sign_in(client, cast.administrator)
    for justification in ("", " ", "x" * 10_000):
        answer = client.post(f"/people/{cast.employee.pk}/disable/", {"justification": justification})
        assert answer.status_code == 422
    assert User.objects.get(pk=cast.employee.pk).is_active


def test_D2_a_sign_in_begun_before_does_not_finish(cast: Cast, client: Client) -> None:
    client.post("/sign-in/", {"email": cast.employee.email, "password": PASSWORD})
    disable_person(cast.employee, justification=WHY, actor=Actor.of(cast.administrator))
    assert client.post("/sign-in/code/", {"code": code_for(cast.employee)})["Location"] == "/sign-in/"
