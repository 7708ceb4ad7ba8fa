"""Planning reviews on the pages: who may, the list, and deleting a series."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from time_machine import TimeMachineFixture

from approvals.reviews.models import AccessReview, ReviewSeries, Verdict
from approvals.reviews.reviewing import decide_item
from roles.models import Role
from tests.cast import Cast
from tests.factories.connectors import Vault
from tests.factories.pages import signed_in
from tests.factories.people import make_person
from tests.factories.reviews import item_of, make_series, open_run
from tests.factories.roles import acting, appoint, make_eligibility, make_role
from tests.factories.series_forms import LIST, NEW, filled, page_of, shown

#: the clock stands before anybody is there
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]


@pytest.fixture
def role(clock: TimeMachineFixture, vault: Vault, cast: Cast) -> Role:
    """A role of a directory in memory."""
    return make_role(vault.row)


@pytest.fixture
def dana(role: Role, cast: Cast) -> Client:
    return signed_in(cast.administrator)


@pytest.fixture
def jo(role: Role, cast: Cast) -> Client:
    """Signed in as Jo, who owns the role."""
    appoint(cast.second_approver, "own", role)
    return signed_in(cast.second_approver)


# Who may what


def test_an_owner_plans_reviews_of_their_own_roles_and_leads_them(jo: Client, role: Role, cast: Cast) -> None:
    assert jo.post(NEW, filled(jo, role)).status_code == 302

    series = ReviewSeries.objects.get()
    assert series.owner == cast.second_approver
    assert "Save review" in shown(jo.get(page_of(series)))
    assert "Vault, twice a year" in shown(jo.get(LIST))


def test_an_owner_who_picks_a_foreign_role_reads_beside_it_why_not_and_never_its_name(
    jo: Client, role: Role, vault: Vault
) -> None:
    foreign = make_role(vault.row, "Crown jewels")
    form = filled(jo, role) | {"roles": [str(role.pk), str(foreign.pk)]}

    answer = jo.post(NEW, form)

    assert answer.status_code == 422
    assert "You may have the roles reviewed that you look after, and no others." in shown(answer)
    assert "Crown jewels" not in shown(answer)
    assert "Crown jewels" not in shown(jo.post(NEW, form | {"find": ["Crown"], "act": ["search"]}))
    assert not ReviewSeries.objects.exists()


def test_an_owner_of_a_role_filters_no_directory(jo: Client, role: Role, vault: Vault) -> None:
    answer = jo.post(NEW, filled(jo, None, about="filter"))
    forged = jo.post(NEW, filled(jo, None, about="filter", directory=vault.row.pk))

    assert (answer.status_code, forged.status_code) == (422, 422)
    assert "Choose a directory that you look after." in shown(answer)
    assert not ReviewSeries.objects.exists()


def test_a_reader_reads_and_changes_nothing(role: Role, cast: Cast) -> None:
    series = make_series(cast.administrator, cast.approver, roles=[role])
    toni = signed_in(cast.auditor)

    assert "Who still needs it" in shown(toni.get(f"{LIST}?tab=series"))
    assert "New review" not in shown(toni.get(LIST))
    page = shown(toni.get(page_of(series)))
    assert "Kim Placeholder, within 14 days." in page
    assert "Save review" not in page
    assert toni.get(NEW).status_code == 404
    assert toni.post(page_of(series), {}).status_code == 403
    assert toni.post(f"{page_of(series)}delete/").status_code == 403


@pytest.mark.parametrize("who", ["outsider", "root", "employee"])
def test_a_stranger_finds_nothing(role: Role, cast: Cast, who: str) -> None:
    series = make_series(cast.administrator, cast.approver, roles=[role])
    stranger = signed_in(getattr(cast, who))

    for address in (LIST, NEW, page_of(series), f"{page_of(series)}delete/"):
        assert stranger.get(address).status_code == 404
        assert stranger.post(address).status_code in (404, 405)


def test_an_owner_does_not_see_the_reviews_of_others(jo: Client, role: Role, cast: Cast) -> None:
    series = make_series(cast.administrator, cast.approver, roles=[role])

    assert "Who still needs it" not in shown(jo.get(LIST))
    assert jo.get(page_of(series)).status_code == 404


# The list


def test_the_list_has_open_ones_first_then_planned_ones_and_those_over_apart(
    dana: Client, role: Role, cast: Cast
) -> None:
    later = timezone.now() + timedelta(days=30)
    for person in (cast.employee, cast.outsider):
        make_eligibility(role, person)
    make_series(cast.administrator, cast.approver, roles=[role], name="Planned", starts_at=later)
    run = open_run(make_series(cast.administrator, cast.approver, roles=[role], name="Running"))
    over = open_run(make_series(cast.administrator, cast.approver, roles=[role], name="Gone by"))
    AccessReview.objects.filter(pk=over.pk).update(status=AccessReview.Status.APPLIED)
    decide_item(
        item_of(run, cast.employee),
        actor=acting(cast.approver),
        verdict=Verdict.APPROVE,
        justification="Needed",
    )

    page = shown(dana.get(LIST))
    assert page.index("Running") < page.index("Planned")
    assert "Gone by" not in page
    assert "1 of 2" in page
    assert "Gone by" in shown(dana.get(f"{LIST}?tab=over"))
    series = shown(dana.get(f"{LIST}?tab=series"))
    assert all(name in series for name in ("Running", "Planned", "Gone by"))


def test_an_empty_list_says_what_to_do(dana: Client) -> None:
    for tab in ("open", "over", "series", "nonsense"):
        answer = dana.get(f"{LIST}?tab={tab}")
        assert answer.status_code == 200
    assert "Plan a review" in shown(answer)


@pytest.mark.parametrize("tab", ["open", "series"])
def test_a_longer_list_asks_the_database_no_more_often(
    dana: Client, role: Role, cast: Cast, tab: str
) -> None:
    def make(count: int) -> None:
        for n in range(count):
            person = make_person(f"{tab}{count}x{n}")
            appoint(person, "own", role)
            make_series(person, cast.approver, roles=[role], name=f"Series {n}")

    make_eligibility(role, cast.employee)
    make(1)
    address = f"{LIST}?tab={tab}"
    dana.get(address)
    before = counted(dana, address)
    make(6)
    assert counted(dana, address) == before


def counted(client: Client, address: str) -> int:
    with CaptureQueriesContext(connection) as seen:
        client.get(address)
    return len(seen)


# Deleting


def test_deleting_asks_first_says_what_stays_and_then_starts_nothing_more(
    dana: Client, role: Role, cast: Cast
) -> None:
    series = make_series(cast.administrator, cast.approver, roles=[role])

    asked = shown(dana.get(f"{page_of(series)}delete/"))
    assert "Delete Who still needs it?" in asked
    assert "No review of it has been held." in asked
    answer = dana.post(f"{page_of(series)}delete/", follow=True)

    assert "Who still needs it is deleted." in shown(answer)
    series.refresh_from_db()
    assert series.deleted_at is not None
    assert dana.get(page_of(series)).status_code == 404
    assert dana.post(f"{page_of(series)}delete/").status_code == 404


def test_a_series_with_an_open_review_is_not_deleted_and_the_page_says_what_to_do(
    dana: Client, role: Role, cast: Cast
) -> None:
    make_eligibility(role, cast.employee)
    series = make_series(cast.administrator, cast.approver, roles=[role])
    open_run(series)

    page = shown(dana.get(f"{page_of(series)}delete/"))
    assert "1 review of it stays on record" in page
    answer = dana.post(f"{page_of(series)}delete/")

    assert answer.status_code == 422
    assert "A review of it is open. Stop that first." in shown(answer)
    series.refresh_from_db()
    assert series.deleted_at is None
