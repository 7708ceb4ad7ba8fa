"""The cast: the same seven people in every test and in the demo data, and how they sign in.

def test_something(cast: Cast, client: Client) -> None:
    sign_in(client, cast.employee)
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from django.test import Client
from django.urls import reverse

from accounts.duties import Duty
from accounts.models import Authenticator, User
from tests.factories.people import PASSWORD, give_duty, make_person


@dataclass(frozen=True)
class Cast:
    """Everybody, each with a password and an authenticator app.

    Args:
        employee: activates roles; their manager is the approver.
        administrator: Global Administrator for good.
        auditor: Security Reader for good.
        outsider: has nothing to do with anything.
        root: has the superuser flag, which means nothing.
    """

    employee: User
    approver: User
    second_approver: User
    administrator: User
    auditor: User
    outsider: User
    root: User

    @property
    def everybody(self) -> list[User]:
        return [getattr(self, name) for name in self.__dataclass_fields__]


@pytest.fixture
def cast(db: None) -> Cast:
    """The seven people, in the database of this test."""
    return make_cast()


def make_cast() -> Cast:
    """Make the seven people in whatever database is at hand."""
    approver = make_person("kim", "Kim Placeholder", department="Operations")
    people = Cast(
        employee=make_person("robin", "Robin Sample", manager=approver, department="Operations"),
        approver=approver,
        second_approver=make_person("jo", "Jo Mockup", department="Operations"),
        administrator=make_person("dana", "Dana Fictive", department="Identity"),
        auditor=make_person("toni", "Toni Testcase", department="Audit"),
        outsider=make_person("pat", "Pat Ipsum", department="Sales"),
        root=make_person("sam", "Sam Specimen", department="Platform", is_superuser=True),
    )
    give_duty(people.administrator, Duty.GLOBAL_ADMINISTRATOR)
    give_duty(people.auditor, Duty.SECURITY_READER)
    return people


def sign_in(client: Client, person: User, *, next_path: str = "/") -> None:
    """Sign in as a person does: password, then the code their app shows.

    Args:
        next_path: the page they wanted to see. It is not opened.
    """
    address = f"{reverse('sign_in')}?next={next_path}"
    answer = client.post(address, {"email": person.email, "password": PASSWORD})
    assert answer.status_code == 302, answer.content.decode()
    assert answer["Location"] == reverse("sign_in_code")
    answer = client.post(reverse("sign_in_code"), {"code": code_for(person)})
    assert answer.status_code == 302, answer.content.decode()
    assert answer["Location"] == next_path


def code_for(person: User) -> str:
    """A code of ``person`` that works now and was not used yet.

    A person would wait for their app to show the next one. A test does not: when the codes of this minute are used up,
    the device is made to forget the last of them. That a code works once is tested without this.
    """
    device = Authenticator.objects.filter(user=person, confirmed=True).order_by("pk")[0]
    step = max(device.present_step, device.last_t + 1)
    if step > device.present_step + device.tolerance:
        step = device.present_step
        Authenticator.objects.filter(pk=device.pk).update(last_t=step - 1)
    return device.code_at(step)


def wrong_code_for(person: User) -> str:
    """Six figures that none of this person's apps shows just now."""
    devices = Authenticator.objects.filter(user=person)
    near = {device.code_at(device.present_step + n) for device in devices for n in range(-5, 6)}
    return next(code for code in (f"{n:06d}" for n in range(100)) if code not in near)
