"""Stars, sets of roles, and asking again like last time: conveniences of one person, which say nothing about access."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from approvals.models import AccessRequest, Favourite, RoleInSet, RoleSet
from approvals.starring import MOST_SETS, keep_set, remove_set, rename_set, star_role, unstar_role
from audit.journal.models import AuditEvent
from audit.journal.refusing import NotAllowed, Refused
from roles.assigning import end_eligibility
from roles.models import Eligibility
from tests.cast import Cast
from tests.factories.connectors import Vault
from tests.factories.pages import signed_in
from tests.factories.roles import (
    acting,
    activate,
    ask,
    change_settings,
    make_eligibility,
    make_role,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def four(clock: Any, cast: Cast, vault: Vault) -> list[Eligibility]:
    """The employee may activate four roles."""
    return [make_eligibility(make_role(vault.row, name), cast.employee) for name in ("A", "B", "C", "D")]


def home(client: Client, **said: Any) -> Any:
    answer = client.get(reverse("home"), said)
    assert answer.status_code == 200
    return answer


def names(page: Any) -> list[str]:
    return [one.eligibility.role.name for one in page.context["choices"]]


# --- Stars ---


def test_favourites_come_first_until_the_star_is_taken_back(four: list[Eligibility], cast: Cast) -> None:
    client = signed_in(cast.employee)
    assert names(home(client)) == ["A", "B", "C", "D"]

    before = AuditEvent.objects.count()
    for _ in range(2):
        client.post(reverse("star_role", args=[four[2].pk]))
    assert names(home(client)) == ["C", "A", "B", "D"]
    assert home(client).context["choice"].eligibility == four[2], "the form is the favourite's"
    assert Favourite.objects.count() == 1
    client.post(reverse("unstar_role", args=[four[2].pk]))
    assert names(home(client)) == ["A", "B", "C", "D"]
    assert AuditEvent.objects.count() == before, "a star says nothing about access"


def test_a_renewed_eligibility_finds_its_star_again(four: list[Eligibility], cast: Cast) -> None:
    robin = acting(cast.employee)
    star_role(four[3], actor=robin)
    end_eligibility(four[3], actor=robin)
    client = signed_in(cast.employee)
    assert names(home(client)) == ["A", "B", "C"]

    make_eligibility(four[3].role, cast.employee)

    assert names(home(client)) == ["D", "A", "B", "C"]


def test_a_star_belongs_to_one_person(four: list[Eligibility], cast: Cast) -> None:
    make_eligibility(four[3].role, cast.outsider)
    make_eligibility(four[2].role, cast.outsider)
    star_role(four[3], actor=acting(cast.employee))
    assert names(home(signed_in(cast.outsider))) == ["C", "D"]
    unstar_role(four[3], actor=acting(cast.outsider))
    assert Favourite.objects.count() == 1
    answer = signed_in(cast.outsider).post(reverse("star_role", args=[four[0].pk]))
    assert answer.status_code == 404


def test_a_star_goes_back_to_the_page_it_was_given_on_and_nowhere_else(
    four: list[Eligibility], cast: Cast
) -> None:
    client = signed_in(cast.employee)
    address = reverse("star_role", args=[four[0].pk])
    for behind, leads_to in (
        ("http://testserver/my-roles/?q=a", "/my-roles/?q=a"),
        ("http://evil.example/", "/"),
        ("", "/"),
    ):
        assert client.post(address, HTTP_REFERER=behind)["Location"] == leads_to


# --- Sets ---


def test_a_set_is_made_of_the_chosen_roles_and_used_with_one_click(
    four: list[Eligibility], cast: Cast
) -> None:
    client = signed_in(cast.employee)
    form = {"name": "  Monday\trelease ", "pick": [four[0].pk, four[2].pk]}

    answer = client.post(reverse("new_role_set"), form)

    kept = RoleSet.objects.get()
    assert (kept.name, kept.person) == ("Monday release", cast.employee)
    assert answer["Location"] == reverse("role_set", args=[kept.pk])
    page = home(client, set=str(kept.pk))
    assert sorted(page.context["picked"]) == sorted([four[0].pk, four[2].pk])
    end_eligibility(four[2], actor=acting(cast.employee))
    assert home(client, set=str(kept.pk)).context["picked"] == [four[0].pk]
    assert client.get(answer["Location"]).context["gone"] == 1


def test_a_set_is_renamed_and_removed_by_its_person_alone(four: list[Eligibility], cast: Cast) -> None:
    kept = keep_set(four, actor=acting(cast.employee), name="Release")
    pat, robin = signed_in(cast.outsider), signed_in(cast.employee)
    address, removal = reverse("role_set", args=[kept.pk]), reverse("remove_role_set", args=[kept.pk])

    assert {pat.get(address).status_code, pat.post(address, {"name": "Mine"}).status_code} == {404}
    assert pat.post(removal).status_code == 404
    assert home(pat, set=str(kept.pk)).context["sets"] == []
    with pytest.raises(NotAllowed):
        rename_set(kept, actor=acting(cast.outsider), name="Mine")
    with pytest.raises(NotAllowed):
        remove_set(kept, actor=acting(cast.outsider))

    robin.post(address, {"name": "Tuesday"})
    assert RoleSet.objects.get().name == "Tuesday"
    robin.post(removal)
    assert not RoleSet.objects.exists()
    assert not RoleInSet.objects.exists()


@pytest.mark.parametrize("name", ["", "   ", "\u202e", "x" * 61, "release", "RELEASE"])
def test_a_name_is_needed_and_one_of_its_own(four: list[Eligibility], cast: Cast, name: str) -> None:
    robin = acting(cast.employee)
    keep_set(four, actor=robin, name="Release")
    other = keep_set(four, actor=robin, name="Other")
    with pytest.raises(Refused):
        keep_set(four, actor=robin, name=name)
    with pytest.raises(Refused):
        rename_set(other, actor=robin, name=name)
    assert sorted(RoleSet.objects.values_list("name", flat=True)) == ["Other", "Release"]


def test_sets_have_a_measure(four: list[Eligibility], cast: Cast) -> None:
    robin = acting(cast.employee)
    with pytest.raises(Refused):
        keep_set([], actor=robin, name="Nothing")
    for number in range(MOST_SETS):
        keep_set(four, actor=robin, name=f"Set {number}")
    with pytest.raises(Refused):
        keep_set(four, actor=robin, name="One more")


# --- Again, like last time ---


def test_again_fills_in_what_was_said_last_time_and_sends_nothing(
    four: list[Eligibility], cast: Cast
) -> None:
    change_settings(four[1].role, ticket_required=True, ticket_systems="Change desk")
    last = ask(
        four[1], cast.employee, minutes=120, ticket="CHG-1", ticket_system="Change desk", justification="Why"
    )
    AccessRequest.objects.filter(pk=last.pk).update(assignment=None)
    client = signed_in(cast.employee)

    for address, said in (
        (reverse("home"), {"role": four[1].pk, "again": last.pk}),
        (reverse("activate", args=[four[1].pk]), {"again": last.pk}),
    ):
        form = client.get(address, said).context["form"]
        assert {
            name: form[name].value() for name in ("minutes", "justification", "ticket", "ticket_system")
        } == {
            "minutes": 120,
            "justification": "Why",
            "ticket": "CHG-1",
            "ticket_system": "Change desk",
        }
    assert AccessRequest.objects.count() == 1


def test_again_takes_up_no_more_than_settings_allow_and_ask_now(four: list[Eligibility], cast: Cast) -> None:
    last = ask(four[1], cast.employee, minutes=120, ticket="CHG-1")
    change_settings(four[1].role, max_minutes=60)
    form = home(signed_in(cast.employee), role=four[1].pk, again=last.pk).context["form"]
    assert (form["minutes"].value(), form["ticket"].value()) == (60, None)


def test_E1_nobody_takes_up_what_somebody_else_said(four: list[Eligibility], cast: Cast) -> None:
    mine = make_eligibility(four[1].role, cast.outsider)
    last = ask(four[1], cast.employee, minutes=120, justification="A secret of theirs")
    pat = signed_in(cast.outsider)
    for key in (last.pk, "0", "-1", "'", "9" * 40):
        page = home(pat, role=mine.pk, again=key)
        assert "A secret of theirs" not in page.content.decode()
        assert page.context["form"]["justification"].value() is None


def test_the_latest_requests_offer_it_for_what_is_free(four: list[Eligibility], cast: Cast) -> None:
    activate(four[0], cast.employee)
    ask(four[1], cast.employee)
    AccessRequest.objects.filter(eligibility=four[1]).update(assignment=None)
    latest = home(signed_in(cast.employee)).context["latest"]
    assert {one.role.name: one.again_by for one in latest}["A"] is None


def test_home_asks_the_same_number_of_questions_whatever_there_is(
    four: list[Eligibility], cast: Cast, vault: Vault
) -> None:
    robin, client = acting(cast.employee), signed_in(cast.employee)

    def asked_for(**said: Any) -> int:
        home(client, **said)
        with CaptureQueriesContext(
            connection,
        ) as few:
            home(client, **said)
        return len(few)

    star_role(four[0], actor=robin)
    kept = keep_set(four[:2], actor=robin, name="Few")
    before = asked_for(), asked_for(set=kept.pk)
    for number in range(8):
        more = make_eligibility(make_role(vault.row, f"More {number}"), cast.employee)
        star_role(more, actor=robin)
        keep_set([more, *four], actor=robin, name=f"Set {number}")
        if number % 2:
            activate(more, cast.employee)
    kept = keep_set([*four, more], actor=robin, name="Many")
    assert (asked_for(), asked_for(set=kept.pk)) == before
