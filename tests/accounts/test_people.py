"""The pages of those who look after people. To everybody else they do not exist."""

from __future__ import annotations

import pytest
from django.test import Client

from accounts.duties import Duty
from accounts.models import DutyHolding
from tests.cast import Cast, sign_in
from tests.factories.people import give_duty, make_group, make_person

pytestmark = pytest.mark.django_db


def names(client: Client, **query: str) -> list[str]:
    return [person.display_name for person in client.get("/people/", query).context["people"]]


def test_people_are_found_by_name_email_and_department(cast: Cast, client: Client) -> None:
    sign_in(client, cast.administrator)
    assert len(names(client)) == 7
    assert names(client, q="robin") == ["Robin Sample"]
    assert names(client, q="pat@") == ["Pat Ipsum"]
    assert names(client, q="operations sample") == ["Robin Sample"]
    assert names(client, q="nobody") == []
    assert names(client, q="%") == []


def test_many_people_come_in_pages(cast: Cast, client: Client) -> None:
    for number in range(60):
        make_person(f"p{number}")
    sign_in(client, cast.administrator)
    first = client.get("/people/").context["page"]
    assert len(first) == 50
    second = client.get("/people/", {"after": first.after}).context["page"]
    assert (len(second), second.after) == (17, "")
    assert names(client, before=second.before) == [person.display_name for person in first]
    assert len(names(client, after="nonsense")) == 50


def test_a_persons_page_shows_groups_duties_and_factors_in_force(cast: Cast, client: Client) -> None:
    make_group("Database operators", cast.auditor)
    sign_in(client, cast.administrator)
    text = client.get(f"/people/{cast.auditor.pk}/").content.decode()
    for word in ("Toni Testcase", "Database operators", "Security Reader", "Phone"):
        assert word in text


def test_ones_own_page_offers_neither_help_nor_disabling(cast: Cast, client: Client) -> None:
    sign_in(client, cast.administrator)
    mine = client.get(f"/people/{cast.administrator.pk}/").context
    assert (mine["form"], mine["may_help"]) == (None, False)
    theirs = client.get(f"/people/{cast.employee.pk}/").context
    assert theirs["form"] is not None
    assert theirs["may_help"]


@pytest.mark.parametrize("who", ["employee", "approver", "auditor", "outsider", "root"])
def test_E1_without_the_duty_there_are_no_people_pages(cast: Cast, client: Client, who: str) -> None:
    sign_in(client, getattr(cast, who))
    own = getattr(cast, who).pk
    for path in ("/people/", f"/people/{own}/", f"/people/{cast.administrator.pk}/", "/people/invite/"):
        assert client.get(path).status_code == 404
    assert client.post(f"/people/{own}/invite-again/").status_code == 404


def test_a_duty_that_has_ended_shows_no_people_any_more(cast: Cast, client: Client) -> None:
    give_duty(cast.outsider, Duty.PRIVILEGED_ROLE_ADMINISTRATOR)  # the last one stays
    give_duty(cast.approver, Duty.PRIVILEGED_ROLE_ADMINISTRATOR)
    sign_in(client, cast.approver)
    assert client.get("/people/").status_code == 200
    DutyHolding.objects.filter(person=cast.approver).delete()
    assert client.get("/people/").status_code == 404


def test_a_person_who_is_not_there_is_a_404(cast: Cast, client: Client) -> None:
    sign_in(client, cast.administrator)
    assert client.get("/people/0/").status_code == 404
    assert client.post("/people/999999/disable/", {"justification": "x"}).status_code == 404
