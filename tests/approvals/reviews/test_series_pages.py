"""Planning reviews on the pages: the form, what it means, and changing a series."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from time_machine import TimeMachineFixture

from approvals.reviews.models import ReviewSeries
from audit.journal.actor import PORTAL
from roles.assigning import make_eligible
from roles.cataloguing import open_directory
from roles.models import Role, Scope
from tests.cast import Cast
from tests.factories.connectors import Vault
from tests.factories.forms import form_in
from tests.factories.pages import FORGED, HOSTILE, signed_in
from tests.factories.people import make_group
from tests.factories.reviews import make_series, open_run
from tests.factories.roles import make_eligibility, make_role
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


# The form


def test_a_review_is_planned_from_the_form(dana: Client, role: Role, cast: Cast) -> None:
    board = make_group("Board", cast.outsider)
    form = filled(
        dana,
        role,
        frequency="half_yearly",
        starts_at="2026-06-01T09:00",
        ends="after",
        times="4",
        inactive_days="90",
        on_silence="remove",
        add_told="toni@example.test, Board",
        s1_add_in_turn="jo@example.test",
    )

    answer = dana.post(NEW, form, follow=True)

    series = ReviewSeries.objects.get()
    assert answer.redirect_chain == [(page_of(series), 302)]
    assert "Vault, twice a year is planned." in shown(answer)
    assert (series.owner, series.frequency, series.times) == (cast.administrator, "half_yearly", 4)
    assert (series.inactive_days, series.on_silence) == (90, "remove")
    assert list(series.roles.all()) == [role]
    assert (list(series.told.all()), list(series.told_groups.all())) == ([cast.auditor], [board])
    assert "Board" in shown(dana.get(page_of(series)))
    stage = series.stages.get()
    assert [one.person for one in stage.reviewers.filter(is_fallback=False)] == [cast.approver]
    assert [one.person for one in stage.reviewers.filter(is_fallback=True)] == [cast.second_approver]
    assert series.runs.get().starts_at == series.starts_at


def test_a_filter_and_two_stages_are_kept_as_they_were_filled_in(
    dana: Client, role: Role, vault: Vault, cast: Cast
) -> None:
    team = make_group("Team", cast.approver)
    form = filled(dana, None, about="filter", directory=vault.row.pk, risk="high", s1_add_reviewer="team")
    more = dana.post(NEW, form | {"act": ["more"]})
    form = form_in(more, "series") | {"s2-who": ["manager"], "s1-moves_on": ["deny", "none"]}
    form.pop("act", None)

    dana.post(NEW, form)

    series = ReviewSeries.objects.get()
    assert (series.directory, series.risk, series.roles.count()) == (vault.row, "high", 0)
    first, second = series.stages.all()
    assert (first.who, first.moves_on, first.reviewers.get().group) == ("chosen", ["deny", "none"], team)
    assert (second.who, second.moves_on, second.reviewers.count()) == ("manager", [], 0)
    again = form_in(dana.get(page_of(series)), "series")
    assert (again["about"], again["directory"], again["risk"]) == (["filter"], [str(vault.row.pk)], ["high"])
    assert again["s1-moves_on"] == ["deny", "none"]


@pytest.fixture
def north(role: Role, vault: Vault, cast: Cast) -> Scope:
    """A part of the directory with one more in it; Robin may hold the role inside, Pat everywhere."""
    vault.capabilities = type(vault.capabilities)(scopes=True)
    root = role.directory.root_scope()
    north = Scope.objects.create(directory=role.directory, parent=root, name="North", path="/north")
    inner = Scope.objects.create(directory=role.directory, parent=north, name="Vault 7", path="/north/7")
    make_eligible(role, actor=PORTAL, principal=cast.employee, scope=inner)
    make_eligibility(role, cast.outsider)
    return north


@pytest.mark.parametrize("about", ["roles", "filter"])
def test_a_review_over_one_scope_is_about_what_lies_within_it(
    dana: Client, role: Role, north: Scope, cast: Cast, about: str
) -> None:
    said = {"directory": role.directory_id} if about == "filter" else {}
    form = filled(dana, role if about == "roles" else None, about=about, scope="north", **said)
    offered = shown(dana.post(NEW, form | {"act": ["preview"]}))
    assert '<option value="/north">' in offered
    assert "1 line to answer." in offered

    answer = dana.post(NEW, form, follow=True)

    assert "is planned." in shown(answer)
    series = ReviewSeries.objects.get()
    assert (series.scope, series.directory) == (north, role.directory)
    again = form_in(dana.get(page_of(series)), "series")
    assert (again["scope"], again["about"]) == (["/north"], [about])
    assert [item.person for item in open_run(series).items.all()] == [cast.employee]
    assert "<dt>Scope</dt><dd>North</dd>" in shown(dana.get(f"/reviews/{series.runs.get().pk}/"))


def test_a_scope_taken_out_again_widens_the_next_review(dana: Client, role: Role, north: Scope) -> None:
    dana.post(NEW, filled(dana, role, scope="/north"))
    series = ReviewSeries.objects.get()

    dana.post(page_of(series), filled(dana, None, page_of(series), scope="", s1_add_reviewer=""))

    series.refresh_from_db()
    assert series.scope is None
    assert open_run(series).items.count() == 2


def test_the_whole_directory_is_no_scope_of_its_own(dana: Client, role: Role, north: Scope) -> None:
    dana.post(NEW, filled(dana, role, scope=role.directory.root_scope().path))
    assert ReviewSeries.objects.get().scope is None


def test_a_scope_that_does_not_fit_says_what_to_do(dana: Client, role: Role, north: Scope) -> None:
    elsewhere = open_directory("Elsewhere", actor=PORTAL, kind="vault")
    other = make_role(elsewhere, "Other operator")
    Scope.objects.create(
        directory=elsewhere, parent=elsewhere.root_scope(), name="North", path="/elsewhere/north"
    )
    both = [str(role.pk), str(other.pk)]

    twice = shown(dana.post(NEW, filled(dana, None, roles=both, scope="North")))
    assert "Several go by this: enter the whole path." in twice
    across = shown(dana.post(NEW, filled(dana, None, roles=both, scope="/north")))
    assert "The roles are of several directories, and this scope of one." in across
    nowhere = shown(dana.post(NEW, filled(dana, None, about="filter", scope="/north")))
    assert "Choose the directory of this scope as well." in nowhere
    assert not ReviewSeries.objects.exists()


def test_roles_are_looked_for_added_and_taken_out_and_nothing_else_is_lost(dana: Client, role: Role) -> None:
    form = filled(dana, None, description="So far", find=role.name)

    found = dana.post(NEW, form | {"act": ["search"]})
    assert f'value="add-{role.pk}"' in shown(found)
    added = dana.post(NEW, form | {"act": [f"add-{role.pk}"]})
    kept = form_in(added, "series")
    assert (kept["roles"], kept["description"]) == ([str(role.pk)], ["So far"])
    assert "Kim Placeholder" in shown(added)
    part = dana.post(
        NEW, kept | {"act": [f"drop-{role.pk}"]}, headers={"HX-Request": "true", "HX-Target": "picker"}
    )
    assert "<html" not in shown(part)
    assert 'name="roles"' not in shown(part)
    assert not ReviewSeries.objects.exists()


def test_a_stage_is_taken_out_and_the_one_after_it_moves_up(dana: Client, role: Role) -> None:
    two = form_in(dana.post(NEW, filled(dana, role) | {"act": ["more"]}), "series")
    two |= {"s2-who": ["owners"], "s2-days": ["3"], "act": ["less-1"]}

    one = form_in(dana.post(NEW, two), "series")

    assert (one["stage_count"], one["s1-who"], one["s1-days"]) == (["1"], ["owners"], ["3"])
    assert "s2-who" not in one


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"name": ""}, "This field is required."),
        ({"roles": None}, "Pick at least one role."),
        ({"s1_add_reviewer": ""}, "Name at least one person or group who answers."),
        ({"s1_add_reviewer": "kim@example.test, ghost"}, "Nobody goes by this: ghost."),
        ({"s1_days": "0"}, "greater than or equal to 1"),
        ({"frequency": "weekly"}, "It may last 6 days at most"),
        ({"of_people": None, "of_groups": None}, "Choose whose access is reviewed."),
        ({"inactive_days": "731"}, "less than or equal to 730"),
        ({"most_percent": "0"}, "greater than or equal to 1"),
        ({"starts_at": ""}, "Say when it starts."),
        ({"starts_at": "2026-05-01T09:00"}, "This day is over."),
        ({"starts_at": "2046-05-01T09:00"}, "more than ten years ahead"),
        ({"frequency": "monthly", "ends": "on"}, "Say on which day."),
        ({"frequency": "monthly", "ends": "on", "until": "2026-05-03"}, "before the first start"),
        ({"frequency": "monthly", "ends": "on", "until": "9999-12-31"}, "within this century"),
        ({"frequency": "monthly", "ends": "after"}, "Say how many."),
        ({"scope": "Nowhere"}, "There is no scope of this name."),
        ({"s1_who": "themselves"}, "a stage asks everyone about their own access"),
        ({"add_told": "ghost"}, "Nobody goes by this: ghost."),
    ],
)
def test_what_is_wrong_stands_beside_its_field_and_nothing_filled_in_is_lost(
    dana: Client, role: Role, said: dict[str, Any], words: str
) -> None:
    form = filled(dana, role, description="The yearly look", **said)

    answer = dana.post(NEW, form)

    assert answer.status_code == 422
    assert words in shown(answer)
    kept = form_in(answer, "series")
    assert kept["description"] == ["The yearly look"]
    assert kept.get("roles") == form.get("roles")
    assert not ReviewSeries.objects.exists()


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_does_nothing(dana: Client, role: Role, text: str) -> None:
    answer = dana.post(NEW, filled(dana, role, name=text, description=text, extra_text=text), follow=True)

    assert ReviewSeries.objects.get().name == text.strip()
    if "<" in text:
        assert text not in answer.content.decode()
    assert dana.get(LIST).status_code == 200


@pytest.mark.parametrize("field", [*FORGED, "owner", "deleted_at", "s4-who"])
def test_a_field_that_the_form_does_not_have_is_a_forgery(dana: Client, role: Role, field: str) -> None:
    assert dana.post(NEW, filled(dana, role) | {field: ["1"]}).status_code == 400
    assert not ReviewSeries.objects.exists()


# What it means


def test_the_aside_says_whom_it_touches_who_is_asked_when_and_what_silence_does(
    dana: Client, role: Role, cast: Cast
) -> None:
    make_eligibility(role, cast.employee)
    make_eligibility(role, make_group("Team", cast.outsider))
    form = filled(
        dana, role, frequency="monthly", starts_at="2026-05-31T09:00", on_silence="remove", act="preview"
    )
    form |= {"applies_itself": ["on"]}

    words = shown(dana.post(NEW, form, headers={"HX-Request": "true", "HX-Target": "meaning"}))

    assert "1 role at this moment." in words
    assert "2 lines to answer." in words
    assert "They are about 1 person and 1 group." in words
    assert "Kim Placeholder, within 14 days." in words
    assert "For a group first its owners." in words
    assert "What nobody answers is removed." in words
    assert "more than 50 % of its holders" in words
    assert "Silence alone can take access away here" in words
    for day in ("2026-05-31T", "2026-06-30T", "2026-07-31T"):
        assert f'datetime="{day}' in words
    assert not ReviewSeries.objects.exists()


def test_without_script_the_whole_page_says_what_it_means_and_blames_nobody(dana: Client, role: Role) -> None:
    answer = dana.post(NEW, filled(dana, role, name="", act="preview"))

    assert answer.status_code == 200
    assert "Nobody may or does hold any of it now" in shown(answer)
    assert "This field is required." not in shown(answer)


def test_a_series_that_is_over_after_this_review_says_that_none_follows(
    dana: Client, role: Role, cast: Cast
) -> None:
    make_eligibility(role, cast.employee)
    series = make_series(cast.administrator, cast.approver, roles=[role])
    open_run(series)

    assert "No further review starts." in shown(dana.get(page_of(series)))


# Changing


def test_an_open_review_keeps_its_terms_and_the_page_says_so(dana: Client, role: Role, cast: Cast) -> None:
    make_eligibility(role, cast.employee)
    series = make_series(cast.administrator, cast.approver, roles=[role], frequency="monthly")
    run = open_run(series)

    assert "What you change counts from the next one." in shown(dana.get(page_of(series)))
    form = filled(dana, None, page_of(series), name="New name", on_silence="approve", s1_add_reviewer="")
    answer = dana.post(page_of(series), form, follow=True)

    assert "The review that is open keeps its terms; this counts from the next one." in shown(answer)
    run.refresh_from_db()
    series.refresh_from_db()
    assert (run.name, run.on_silence) == ("Who still needs it", "keep")
    assert (series.name, series.on_silence) == ("New name", "approve")
    assert series.stages.get().reviewers.get().person == cast.approver


def test_another_first_start_of_what_has_begun_is_explained_and_judged_beside_the_field(
    dana: Client, role: Role, cast: Cast
) -> None:
    make_eligibility(role, cast.employee)
    series = make_series(cast.administrator, cast.approver, roles=[role], frequency="monthly", days=5)
    words = "Another start counts from that day on, and the numbers of its reviews go on."
    assert words not in shown(dana.get(page_of(series)))
    open_run(series)
    assert words in shown(dana.get(page_of(series)))
    open_yet = filled(dana, None, page_of(series), starts_at="2026-05-06T09:00", s1_add_reviewer="")

    refused = dana.post(page_of(series), open_yet)
    previewed = dana.post(page_of(series), open_yet | {"starts_at": ["2026-05-20T09:00"], "act": ["preview"]})
    saved = dana.post(page_of(series), open_yet | {"starts_at": ["2026-05-20T09:00"]})

    assert refused.status_code == 422
    assert "A review of it is open until 9 May 2026, 12:00. Choose a start after that." in shown(refused)
    assert 'datetime="2026-05-20T' in shown(previewed)
    assert 'datetime="2026-06-20T' in shown(previewed)
    assert saved.status_code == 302
    series.refresh_from_db()
    assert (series.begun_before, series.starts_at.day) == (1, 20)


def test_of_two_who_change_it_at_once_one_wins_and_the_other_is_told_and_may_save_again(
    dana: Client, role: Role, cast: Cast
) -> None:
    series = make_series(cast.administrator, cast.approver, roles=[role])
    mine = filled(dana, None, page_of(series), name="Mine", s1_add_reviewer="")
    theirs = mine | {"name": ["Theirs"]}

    assert dana.post(page_of(series), theirs).status_code == 302
    answer = dana.post(page_of(series), mine)

    assert answer.status_code == 409
    assert "Somebody was faster" in shown(answer)
    series.refresh_from_db()
    assert series.name == "Theirs"
    again = form_in(answer, "series")
    again.pop("act", None)
    assert again["name"] == ["Mine"]
    assert dana.post(page_of(series), again).status_code == 302
    series.refresh_from_db()
    assert series.name == "Mine"
