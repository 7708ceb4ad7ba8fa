"""People come by invitation."""

from __future__ import annotations

from typing import Any

import pytest
from django.core import mail
from django.test import Client

from accounts.inviting import invite_again, invite_person
from accounts.models import Authenticator, EnrolmentPass, Group, Notification, User
from audit.journal.actor import Actor
from audit.journal.models import AuditEvent
from audit.journal.refusing import NotAllowed, Refused
from tests.cast import Cast, sign_in

pytestmark = pytest.mark.django_db

NEW = {"display_name": "New Comer", "manager": None, "department": "Sales", "groups": []}


def test_an_invited_person_has_a_manager_and_groups_and_cannot_sign_in_yet(
    cast: Cast, client: Client
) -> None:
    group = Group.objects.create(name="Sales")
    sign_in(client, cast.administrator)
    said = {
        "display_name": "New Comer",
        "email": "New@Example.test",
        "manager": cast.approver.pk,
        "department": "Sales",
        "groups": [group.pk],
    }
    answer = client.post("/people/invite/", said)
    assert answer.status_code == 200
    person = User.objects.get(email="new@example.test")
    assert (person.manager, person.department) == (cast.approver, "Sales")
    assert [membership.group for membership in person.memberships.in_force()] == [group]
    assert not person.has_usable_password()
    event = AuditEvent.objects.get(action="person.invited")
    assert (event.about, event.actor, event.detail["groups"]) == (person, cast.administrator, ["Sales"])
    assert person.history.latest().history_user == cast.administrator


def test_the_invitation_is_mailed_with_the_link_and_nothing_of_it_is_kept(
    cast: Cast, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        given = invite_person("new@example.test", **NEW, actor=Actor.of(cast.administrator))
    message = mail.outbox[0]
    assert message.to == ["new@example.test"]
    assert given.url in message.body
    assert "Dana Fictive" in message.subject
    assert not Notification.objects.exists()
    token = given.url.split("/")[-2]
    assert not any(token in str(event.body()) for event in AuditEvent.objects.all())


def test_an_invitation_stands_when_mail_does_not_work(
    cast: Cast, settings: Any, django_capture_on_commit_callbacks: Any
) -> None:
    settings.EMAIL_BACKEND, settings.EMAIL_HOST = "django.core.mail.backends.smtp.EmailBackend", "127.0.0.1"
    settings.EMAIL_PORT = 1
    with django_capture_on_commit_callbacks(execute=True):
        invite_person("new@example.test", **NEW, actor=Actor.of(cast.administrator))
    assert EnrolmentPass.objects.count() == 1


def test_C13_somebody_who_is_here_already_is_not_invited_again_in_another_spelling(
    cast: Cast, client: Client
) -> None:
    sign_in(client, cast.administrator)
    answer = client.post("/people/invite/", {"display_name": "X", "email": "ROBIN@example.test"})
    assert answer.status_code == 422
    assert "Robin Sample" in answer.context["form"].errors["email"][0]
    assert answer.context["form"]["display_name"].value() == "X"


def test_an_invited_person_may_be_invited_again(cast: Cast, client: Client) -> None:
    first = invite_person("new@example.test", **NEW, actor=Actor.of(cast.administrator))
    person = first.enrolment_pass.person
    sign_in(client, cast.administrator)
    answer = client.post(f"/people/{person.pk}/invite-again/")
    assert answer.context["given"].url != first.url
    assert Client().get(first.url.removeprefix("http://localhost:8000")).status_code == 404


def test_C8_who_has_been_here_is_helped_not_invited(cast: Cast, client: Client) -> None:
    sign_in(Client(), cast.employee)
    Authenticator.objects.filter(user=cast.employee).delete()
    for person in (cast.employee, cast.outsider):
        with pytest.raises(Refused):
            invite_again(person, actor=Actor.of(cast.administrator))


@pytest.mark.parametrize("who", ["employee", "approver", "auditor", "outsider", "root"])
def test_E_nobody_else_invites_not_even_a_superuser(cast: Cast, client: Client, who: str) -> None:
    with pytest.raises(NotAllowed):
        invite_person("new@example.test", **NEW, actor=Actor.of(getattr(cast, who)))
    sign_in(client, getattr(cast, who))
    assert client.get("/people/invite/").status_code == 404
    assert (
        client.post("/people/invite/", {"display_name": "X", "email": "new@example.test"}).status_code == 404
    )
    assert not User.objects.filter(email="new@example.test").exists()


def test_E2_no_further_field_can_be_set_by_the_form(cast: Cast, client: Client) -> None:
    sign_in(client, cast.administrator)
    more = {"is_superuser": "on", "is_active": "", "password": "x", "person_key": "1", "pk": cast.employee.pk}
    client.post("/people/invite/", {"display_name": "X", "email": "new@example.test"} | more)
    person = User.objects.get(email="new@example.test")
    assert (person.is_superuser, person.is_active, person.person_key) == (False, True, "")


def test_D7_markup_in_a_name_stays_text(
    cast: Cast, client: Client, django_capture_on_commit_callbacks: Any
) -> None:
    sign_in(client, cast.administrator)
    with django_capture_on_commit_callbacks(execute=True):
        said = {
            "display_name": "<script>alert(1)</script>\r\nBcc: x@example.test",
            "email": "new@example.test",
        }
        answer = client.post("/people/invite/", said)
    assert "<script>alert" not in answer.content.decode()
    for path in ("/people/", f"/people/{User.objects.get(email='new@example.test').pk}/"):
        assert "<script>alert" not in client.get(path).content.decode()
    html = str(mail.outbox[0].alternatives[0][0])  # type: ignore[attr-defined]
    assert "<script>alert" not in html
    assert mail.outbox[0].recipients() == ["new@example.test"]


def test_D8_template_words_in_a_name_stay_text(cast: Cast, django_capture_on_commit_callbacks: Any) -> None:
    name = "{{ settings.SECRET_KEY }}{% debug %}{0.__class__}"
    with django_capture_on_commit_callbacks(execute=True):
        invite_person("new@example.test", **NEW | {"display_name": name}, actor=Actor.of(cast.administrator))
    assert name in mail.outbox[0].body
