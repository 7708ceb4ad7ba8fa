"""Service principals: programs that hold roles. They never sign in, and a person answers for each of them."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse

from accounts.adding_services import add_service
from accounts.duties import Duty
from accounts.inviting import invite_again, may_be_invited_again
from accounts.leaving import disable_person
from accounts.mfa.enrolling import give_pass
from accounts.models import EnrolmentPass, Membership, Notification, User
from accounts.signing_in import WrongCredentials, prove_password
from audit.journal.actor import PORTAL
from audit.journal.models import AuditEvent
from audit.journal.refusing import NotAllowed, Refused
from roles.assigning import make_eligible
from roles.cataloguing import manage_group
from roles.models import Assignment, Role
from roles.provisioning import begin_assignment
from roles.sweeping import sweep
from tests.cast import Cast
from tests.factories.connectors import Vault, vault  # noqa: F401
from tests.factories.pages import signed_in
from tests.factories.people import PASSWORD, make_group, password_hash
from tests.factories.roles import NOON, acting, make_portal_directory, make_role, notices_of, now

pytestmark = pytest.mark.django_db


@pytest.fixture
def service(cast: Cast) -> User:
    return add_service(
        "export@example.test",
        display_name="Invoice export",
        manager=cast.approver,
        description="Writes invoices",
        actor=acting(cast.administrator),
    )


def give(role: Role, service: User) -> Assignment:
    return begin_assignment(
        role,
        actor=PORTAL,
        person=service,
        scope=role.directory.root_scope(),
        starts_at=NOON,
        ends_at=None,
    )


def test_it_is_written_down_with_who_answers_for_it(cast: Cast, service: User) -> None:
    assert (service.kind, service.manager) == ("service", cast.approver)
    assert not service.has_usable_password()
    assert AuditEvent.objects.filter(action="service.added", about=service).exists()


@pytest.mark.parametrize("who", ["employee", "approver", "auditor", "root"])
def test_only_who_looks_after_people_adds_one(cast: Cast, who: str) -> None:
    with pytest.raises(NotAllowed):
        add_service(
            "x@example.test",
            display_name="X",
            manager=cast.approver,
            description="",
            actor=acting(getattr(cast, who)),
        )


def test_its_name_is_nobody_else_s_and_a_person_in_office_answers(cast: Cast, service: User) -> None:
    said = {"display_name": "X", "description": "", "actor": PORTAL}
    with pytest.raises(Refused, match="called so already"):
        add_service("Robin@Example.test", manager=cast.approver, **said)
    with pytest.raises(Refused, match="enabled person"):
        add_service("x@example.test", manager=service, **said)
    User.objects.filter(pk=cast.outsider.pk).update(is_active=False)
    with pytest.raises(Refused, match="enabled person"):
        add_service("x@example.test", manager=cast.outsider, **said)


def test_the_database_itself_gives_it_no_password(service: User) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.filter(pk=service.pk).update(password=password_hash())


def test_it_cannot_sign_in_whatever_its_password(
    cast: Cast, service: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(WrongCredentials):
        prove_password(service.email, password=PASSWORD, actor=PORTAL)
    monkeypatch.setattr("accounts.signing_in.authenticate", lambda *args, **kwargs: service)
    with pytest.raises(WrongCredentials):
        prove_password(service.email, password=PASSWORD, actor=PORTAL)
    answer = Client().post(reverse("sign_in"), {"email": service.email, "password": PASSWORD})
    assert answer.status_code != 302


def test_it_is_given_no_link_and_no_factor(cast: Cast, service: User) -> None:
    assert not may_be_invited_again(service)
    with pytest.raises(Refused):
        invite_again(service, actor=acting(cast.administrator))
    with pytest.raises(Refused, match="never signs in"):
        give_pass(service, kind=EnrolmentPass.Kind.HELP)
    assert not EnrolmentPass.objects.exists()


def test_it_is_never_eligible_holds_no_duty_and_is_in_no_group(
    cast: Cast,
    service: User,
    vault: Vault,  # noqa: F811
) -> None:
    with pytest.raises(Refused, match="never eligible"):
        make_eligible(make_role(vault.row), actor=PORTAL, principal=service)
    with pytest.raises(Refused, match="no duty"):
        give(make_portal_directory().roles.get(entitlement=Duty.SECURITY_READER), service)
    group = make_group("Engineers")
    member, _owner = manage_group(group, actor=PORTAL)
    with pytest.raises(Refused, match="in no group"):
        give(member, service)
    with pytest.raises(ValidationError, match="in no group"):
        Membership(group=group, person=service).full_clean()


def test_it_manages_nobody_and_is_never_without_somebody_who_answers(cast: Cast, service: User) -> None:
    cast.employee.manager = service
    with pytest.raises(ValidationError, match="manages nobody"):
        cast.employee.full_clean()
    service.manager = None
    with pytest.raises(ValidationError, match="answer"):
        service.full_clean()


def test_what_becomes_of_its_roles_is_told_to_who_answers_and_ends_when_it_is_disabled(
    cast: Cast,
    service: User,
    vault: Vault,  # noqa: F811
) -> None:
    held = give(make_role(vault.row), service)
    sweep()
    assert vault.holds(held)
    disable_person(service, actor=acting(cast.administrator), justification="Not used any more")
    sweep()

    assert now(held).status == Assignment.Status.ENDED
    assert not vault.holds(held)
    assert notices_of(service) == []
    told = Notification.objects.filter(person=cast.approver).order_by("pk")
    assert [one.notice for one in told] == [
        "roles/service_assignment_active",
        "roles/service_assignment_ended",
    ]
    assert "Invoice export" in told[0].subject + told[0].text


def test_it_has_a_tab_of_its_own_and_a_page_without_a_second_factor(cast: Cast, service: User) -> None:
    client = signed_in(cast.administrator)
    assert "Invoice export" not in client.get(reverse("people")).content.decode()
    assert "Invoice export" in client.get(reverse("people"), {"tab": "service"}).content.decode()
    page = client.get(reverse("person", args=[service.pk])).content.decode()
    assert "Who answers" in page
    assert "<dt>Second factor</dt>" not in page
    assert reverse("help_person", args=[service.pk]) not in page


def test_a_page_adds_one(cast: Cast) -> None:
    client = signed_in(cast.administrator)
    wish = {
        "display_name": "Invoice export",
        "login": "export@example.test",
        "manager": cast.approver.pk,
        "description": "Writes invoices",
    }
    answer = client.post(reverse("add_service"), wish)
    service = User.objects.services().get()
    assert answer["Location"] == reverse("person", args=[service.pk])

    answer = client.post(reverse("add_service"), wish)
    assert answer.status_code == 422
    assert "called so already" in answer.content.decode()
    assert str(service.pk) not in [
        str(value) for value, _label in answer.context["form"].fields["manager"].choices
    ]
