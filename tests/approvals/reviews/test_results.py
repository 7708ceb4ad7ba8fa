"""What came of a review: the table, the file with its columns, the history of all, and the report to hand in."""

from __future__ import annotations

import csv
from io import StringIO
from typing import Any

import pytest
from django.test import Client
from time_machine import TimeMachineFixture

from approvals.reviews import reporting
from approvals.reviews.closing import release_review, stop_review
from approvals.reviews.models import AccessReview, ReviewItem, Verdict
from approvals.reviews.reviewing import decide_item
from approvals.reviews.scheduling import run_reviews
from audit.describing import describe
from audit.journal.models import AuditEvent
from roles.models import Role
from roles.sweeping import sweep
from tests.cast import Cast
from tests.factories.connectors import Vault
from tests.factories.pages import HOSTILE, signed_in
from tests.factories.people import make_group, make_person
from tests.factories.reviews import item_of, make_series, open_run
from tests.factories.roles import acting, make_eligibility, make_role, now

#: the clock stands before anybody is there
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]
HEADER = (
    "AccessReviewId,AccessReviewSeriesId,ReviewType,ResourceDisplayName,ResourceId,ReviewName,CreatedDateTime,"
    "ReviewStartDate,ReviewEndDate,ReviewStatus,OwnerId,OwnerName,OwnerUPN,PrincipalId,PrincipalName,PrincipalUPN,"
    "PrincipalType,ReviewDate,ReviewResult,Justification,ReviewerId,ReviewerName,ReviewerUPN,ReviewerEmailAddress,"
    "AppliedByName,AppliedByUPN,AppliedByEmailAddress,AppliedDate,AccessRecommendation,SubmissionResult"
)
COLUMNS = HEADER.split(",")


def page_of(review: AccessReview, part: str = "") -> str:
    return f"/reviews/{review.pk}/{part}"


def shown(answer: Any) -> str:
    return " ".join(answer.content.decode().split())


def rows_of(answer: Any) -> list[dict[str, str]]:
    assert answer.status_code == 200
    return list(csv.DictReader(StringIO(b"".join(answer.streaming_content).decode())))


@pytest.fixture
def operator(clock: TimeMachineFixture, vault: Vault, cast: Cast) -> Role:
    """A role that Robin, Pat and a group may activate."""
    role = make_role(vault.row, "Vault operator")
    for who in (cast.employee, cast.outsider, make_group("On call", cast.outsider)):
        make_eligibility(role, who)
    return role


@pytest.fixture
def review(operator: Role, cast: Cast) -> AccessReview:
    """Kim denied Robin and kept Pat; about the group nobody answered. Dana let it be carried out."""
    run = open_run(make_series(cast.administrator, cast.approver, roles=[operator], recommends=False))
    for who, verdict, why in (
        (cast.employee, Verdict.DENY, "Left the team"),
        (cast.outsider, Verdict.APPROVE, "On the rota"),
    ):
        decide_item(item_of(run, who), actor=acting(cast.approver), verdict=verdict, justification=why)
    stop_review(run, actor=acting(cast.administrator), justification="Everybody has said what they know")
    release_review(run, actor=acting(cast.administrator), justification="As agreed with the board")
    run_reviews()
    sweep()
    run_reviews()
    return now(run)


@pytest.fixture
def toni(review: AccessReview, cast: Cast) -> Client:
    return signed_in(cast.auditor)


def test_the_table_says_who_said_what_and_what_came_of_it(toni: Client, review: AccessReview) -> None:
    page = shown(toni.get(page_of(review, "results/")))

    for words in ("Robin Sample", "Left the team", "Kim Placeholder", "Dana Fictive", "Removed", "On call"):
        assert words in page, words


def test_the_address_filters(toni: Client, review: AccessReview, operator: Role) -> None:
    for query, there, gone in (
        ("outcome=deny", "Robin Sample", "Pat Ipsum"),
        ("outcome=none", "On call", "Robin Sample"),
        ("done=applied", "Robin Sample", "Pat Ipsum"),
        ("name=ipsum", "Pat Ipsum", "Robin Sample"),
        (f"role={operator.pk}&name=robin", "Robin Sample", "On call"),
    ):
        page = shown(toni.get(page_of(review, f"results/?{query}")))
        assert there in page, query
        assert gone not in page, query
    assert "Nothing matches" in shown(toni.get(page_of(review, "results/?role=999999")))
    assert (
        toni.get(page_of(review, "results/?name=%00&role=x&outcome=other&after=nonsense")).status_code == 200
    )


def test_it_goes_on_page_by_page(operator: Role, cast: Cast, toni: Client) -> None:
    for n in range(60):
        make_eligibility(operator, make_person(f"p{n}", f"Person {n:02d}"))
    run = open_run(make_series(cast.administrator, cast.approver, roles=[operator], name="Many"))

    first = toni.get(page_of(run, "results/"))
    second = toni.get(page_of(run, f"results/?after={first.context['page'].after}"))

    listed = [row.item.pk for answer in (first, second) for row in answer.context["rows"]]
    assert len(listed) == len(set(listed)) == run.items.count()


def test_strangers_find_nothing(review: AccessReview, cast: Cast) -> None:
    for who in (cast.outsider, cast.approver, cast.root):
        client = signed_in(who)
        for part in ("results/", "results.csv", "report/"):
            assert client.get(page_of(review, part)).status_code == 404, (who, part)
        assert client.get("/reviews/history/").status_code == 404
    assert not AuditEvent.objects.filter(action="review.exported").exists()


# --- The file ---


def test_the_file_has_the_columns_of_the_model_and_is_recorded(
    toni: Client, review: AccessReview, operator: Role, cast: Cast
) -> None:
    answer: Any = toni.get(page_of(review, "results.csv?outcome=deny"))
    lines = b"".join(answer.streaming_content).decode()

    assert lines.splitlines()[0] == ",".join(f'"{name}"' for name in COLUMNS)
    [row] = csv.DictReader(StringIO(lines))
    decided_at = item_of(review, cast.employee).decided_at
    assert decided_at is not None
    assert row | {"AppliedDate": ""} == {
        "AccessReviewId": str(review.pk),
        "AccessReviewSeriesId": str(review.series_id),
        "ReviewType": "eligible",
        "ResourceDisplayName": f"Vault operator ({operator.directory})",
        "ResourceId": str(operator.pk),
        "ReviewName": "Who still needs it",
        "CreatedDateTime": review.created_at.isoformat(timespec="seconds"),
        "ReviewStartDate": review.starts_at.isoformat(timespec="seconds"),
        "ReviewEndDate": review.ends_at.isoformat(timespec="seconds"),
        "ReviewStatus": "applied",
        "OwnerId": str(cast.administrator.pk),
        "OwnerName": "Dana Fictive",
        "OwnerUPN": cast.administrator.email,
        "PrincipalId": str(cast.employee.pk),
        "PrincipalName": "Robin Sample",
        "PrincipalUPN": cast.employee.email,
        "PrincipalType": "person",
        "ReviewDate": decided_at.isoformat(timespec="seconds"),
        "ReviewResult": "Deny",
        "Justification": "Left the team",
        "ReviewerId": str(cast.approver.pk),
        "ReviewerName": "Kim Placeholder",
        "ReviewerUPN": cast.approver.email,
        "ReviewerEmailAddress": cast.approver.email,
        "AppliedByName": "Dana Fictive",
        "AppliedByUPN": cast.administrator.email,
        "AppliedByEmailAddress": cast.administrator.email,
        "AppliedDate": "",
        "AccessRecommendation": "NoInfoAvailable",
        "SubmissionResult": "AppliedSuccessfully",
    }
    assert row["AppliedDate"]
    entry = AuditEvent.objects.get(action="review.exported")
    assert (entry.subject_key, entry.detail["count"]) == (str(review.pk), 1)
    assert entry.detail["filter"] == {"outcome": "deny"}
    assert "Toni Testcase downloaded the results of the access review “Who still needs it”" in describe(entry)


def test_whatever_nobody_said_is_told_as_that(toni: Client, review: AccessReview) -> None:
    rows = {row["PrincipalName"]: row for row in rows_of(toni.get(page_of(review, "results.csv")))}

    assert rows["On call"]["ReviewResult"] == "NotReviewed"
    assert rows["On call"]["PrincipalType"] == "group"
    assert rows["On call"]["ReviewerName"] == ""
    assert rows["Pat Ipsum"]["SubmissionResult"] == "NothingToApply"


@pytest.mark.parametrize("words", HOSTILE)
def test_what_somebody_wrote_runs_nowhere(words: str, operator: Role, cast: Cast) -> None:
    run = open_run(make_series(cast.administrator, cast.approver, roles=[operator], name=words))
    item = item_of(run, cast.employee)
    decide_item(item, actor=acting(cast.approver), verdict=Verdict.DENY, justification=words)
    toni = signed_in(cast.auditor)

    row = next(row for row in rows_of(toni.get(page_of(run, "results.csv"))) if row["Justification"])
    for cell in (row["Justification"], row["ReviewName"]):
        assert cell[0] not in "=+-@"
        assert words in cell
    for part in ("", "results/", "report/"):
        page = toni.get(page_of(run, part)).content.decode()
        assert "<script>alert(1)" not in page
        assert "<img src=x" not in page
        assert "<svg/onload" not in page


# --- The history ---


def test_the_history_tells_of_all_one_may_see(
    toni: Client, review: AccessReview, operator: Role, cast: Cast
) -> None:
    other = open_run(make_series(cast.administrator, cast.approver, roles=[operator], name="The next one"))
    day = now(review).starts_at.date()

    page = shown(toni.get(f"/reviews/history/?since={day}&until={day}&result=deny"))
    assert "1 found" in page
    assert "Left the team" in page
    assert "0 found" in shown(toni.get("/reviews/history/?until=2001-01-01"))
    assert "0 found" in shown(toni.get("/reviews/history/?kind=active"))
    assert "The next one" in shown(toni.get("/reviews/history/?kind=eligible&who=group"))
    assert toni.get("/reviews/history/?since=yesterday").status_code == 422
    assert toni.get("/reviews/history/?since=0001-01-01&until=9999-12-31").status_code == 200

    rows = rows_of(toni.get("/reviews/history/?format=csv&who=person&result=none"))
    assert list(rows[0]) == COLUMNS
    assert {row["AccessReviewId"] for row in rows} == {str(other.pk)}
    entry = AuditEvent.objects.get(action="review.exported")
    assert entry.detail["history"] == len(rows) == 1, "Robin’s is gone"
    assert describe(entry) == "Toni Testcase downloaded the history of access reviews: 1 rows"


def test_an_owner_sees_the_history_of_their_own(review: AccessReview, operator: Role, cast: Cast) -> None:
    series = make_series(cast.administrator, cast.approver, roles=[operator], name="By Jo")
    series.owner = cast.second_approver
    series.save()
    run = open_run(series)
    jo = signed_in(cast.second_approver)

    assert "Left the team" not in shown(jo.get("/reviews/history/"))
    assert {row["AccessReviewId"] for row in rows_of(jo.get("/reviews/history/?format=csv"))} == {str(run.pk)}


# --- The report ---


def test_the_report_can_be_handed_in(toni: Client, review: AccessReview, cast: Cast) -> None:
    page = shown(toni.get(page_of(review, "report/")))

    end = AuditEvent.objects.get(action="review.stopped")
    assert f"The end of this review is entry {end.number} of the journal" in page
    assert end.digest in page
    for words in (
        "Every item",
        "Left the team",
        "On the rota",
        "Stopped early",
        "Everybody has said what they know",
        "Their owners answer first",
        "Let be carried out",
        "As agreed with the board",
        "Confirmed by the directories",
        "Dana Fictive",
    ):
        assert words in page, words
    assert "Vault operator on" in page


def test_a_report_of_many_lists_who_goes_and_counts_the_rest(
    toni: Client, review: AccessReview, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reporting, "WHOLE_REPORT", 2)

    page = shown(toni.get(page_of(review, "report/")))

    assert "This review has 3 items. Listed are those to remove" in page
    assert "Left the team" in page
    assert "On the rota" not in page
    assert "The others, by role" in page


def test_the_report_says_which_roles_were_meant_then(
    toni: Client, review: AccessReview, operator: Role, vault: Vault, clock: TimeMachineFixture
) -> None:
    clock.shift(60)
    later = make_role(vault.row, "Vault auditor")
    review.series.roles.set([later])

    page = shown(toni.get(page_of(review, "report/")))

    assert "Vault operator on" in page
    assert "Vault auditor" not in page


def test_what_was_gone_already_is_told_as_that(toni: Client, review: AccessReview, cast: Cast) -> None:
    ReviewItem.objects.filter(review=review, person=cast.employee).update(done=ReviewItem.Done.GONE)

    [row] = rows_of(toni.get(page_of(review, "results.csv?outcome=deny")))
    assert row["SubmissionResult"] == "AppliedSuccessfullyButObjectNotFound"
    assert "Was gone already" in shown(toni.get(page_of(review, "results/")))
