"""The pages on which somebody says what shall come of a difference between a directory and the portal."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from time_machine import TimeMachineFixture

from audit.journal.models import AuditEvent
from audit.journal.refusing import NotAllowed
from roles.models import Assignment, Directory, Drift, EndCause, Origin
from roles.reconciling import directories_to_reconcile, reconcile
from roles.settling import accept_drift, adopt_drift
from roles.sweeping import sweep
from tests.cast import Cast
from tests.factories.connectors import Vault
from tests.factories.pages import HOSTILE, signed_in
from tests.factories.roles import acting, appoint, now

pytestmark = pytest.mark.django_db
Kind, Status = Drift.Kind, Drift.Status
MINUTE = timedelta(minutes=1)
WHY = {"justification": "Agreed with the team"}


def give_outside(vault: Vault, clock: TimeMachineFixture, *accounts: str) -> list[Drift]:
    """Somebody gives the role to ``accounts`` past the portal, and the portal finds out."""
    for account in accounts:
        vault.rights[account, "operator"] = "somebody else"
    clock.shift(MINUTE)
    reconcile(vault.row.pk)
    return [Drift.objects.get(account=account) for account in accounts]


@pytest.fixture
def outside(given: Assignment, vault: Vault, clock: TimeMachineFixture) -> Drift:
    """Kim has the role, given past the portal."""
    return give_outside(vault, clock, "kim")[0]


@pytest.fixture
def client(cast: Cast) -> Client:
    """An administrator's browser."""
    return signed_in(cast.administrator)


def address(drift: Drift) -> str:
    return reverse("drift", args=[drift.directory_id, drift.pk])


def listed(client: Client, vault: Vault, **asked: str) -> list[str]:
    answer = client.get(reverse("directory_drift", args=[vault.row.pk]), asked)
    assert answer.status_code == 200
    return sorted(one.account for one in answer.context["page"])


def text(answer: object) -> str:
    return " ".join(answer.content.decode().split())  # type: ignore[attr-defined]


def test_the_list_tells_who_has_what_and_finds_by_kind_state_and_account(
    outside: Drift, vault: Vault, client: Client, clock: TimeMachineFixture, cast: Cast
) -> None:
    give_outside(vault, clock, "svc-backup")
    accept_drift(now(outside), actor=acting(cast.administrator), justification="It is known")

    assert listed(client, vault) == ["kim", "svc-backup"]
    assert listed(client, vault, status="open") == ["svc-backup"]
    assert listed(client, vault, status="accepted") == ["kim"]
    assert listed(client, vault, kind="missing") == []
    assert listed(client, vault, q="BACK") == ["svc-backup"]
    assert listed(client, vault, q="\x00", kind="nonsense", after="?") == ["kim", "svc-backup"]
    page = text(client.get(reverse("directory_drift", args=[vault.row.pk])))
    for words in ("Kim", "Nobody the portal knows", "Operator", "Given outside"):
        assert words in page


def test_a_hostile_account_is_text(
    given: Assignment, vault: Vault, client: Client, clock: TimeMachineFixture
) -> None:
    for hostile in give_outside(vault, clock, *HOSTILE[:4]):
        for page in (address(hostile), reverse("directory_drift", args=[vault.row.pk])):
            assert hostile.account not in client.get(page).content.decode()


def test_a_stranger_finds_nothing_and_a_reader_only_reads(outside: Drift, vault: Vault, cast: Cast) -> None:
    stranger, reader = signed_in(cast.employee), signed_in(cast.outsider)
    appoint(cast.outsider, "read", vault.row)
    pages = [address(outside), reverse("directory_drift", args=[vault.row.pk])]
    for page in pages:
        assert stranger.get(page).status_code == 404
        assert reader.get(page).status_code == 200
    assert "Justification" not in text(reader.get(address(outside)))
    said = WHY | {"remedy": "accept", "seen": "open"}
    together = reverse("settle_together", args=[vault.row.pk])
    assert (stranger.post(address(outside), said).status_code, stranger.post(together).status_code) == (
        404,
        404,
    )
    assert (reader.post(address(outside), said).status_code, reader.post(together).status_code) == (403, 403)
    assert now(outside).status == Status.OPEN


def test_a_difference_of_another_directory_is_not_found_here(outside: Drift, client: Client) -> None:
    other = Directory.objects.create(name="Other", kind="vault")
    assert client.get(reverse("drift", args=[other.pk, outside.pk])).status_code == 404


def test_what_was_given_outside_is_taken_away(
    outside: Drift, vault: Vault, client: Client, clock: TimeMachineFixture
) -> None:
    page = text(client.get(address(outside)))
    for words in (
        "Take it away",
        "tried again until it is gone",
        "never taken over for good",
        "Leave it as it is",
    ):
        assert words in page

    answer = client.post(address(outside), WHY | {"remedy": "correct", "seen": "open"}, follow=True)
    assert "is being put right" in text(answer)
    assert directories_to_reconcile() == [vault.row.pk], "it is hurried"
    reconcile(vault.row.pk)
    assert ("kim", "operator") not in vault.rights
    entry = AuditEvent.objects.get(action="drift.corrected")
    assert entry.justification == WHY["justification"]


def test_it_is_taken_over_until_the_end_of_a_day_and_never_for_good(
    outside: Drift, vault: Vault, client: Client, cast: Cast
) -> None:
    form = client.get(address(outside)).context["form"]
    assert form["until"].value() == timezone.localdate() + timedelta(days=14)
    said = WHY | {"remedy": "adopt", "seen": "open"}
    today = timezone.localdate()
    for wrong in ("", str(today - timedelta(days=1)), str(today + timedelta(days=366)), "9999-12-31"):
        assert client.post(address(outside), said | {"until": wrong}).status_code == 422
    assert not Assignment.objects.filter(person=cast.approver).exists()

    until = today + timedelta(days=3)
    assert client.post(address(outside), said | {"until": str(until)}).status_code == 302
    held = Assignment.objects.get(person=cast.approver)
    assert held.origin == Origin.FOUND_OUTSIDE
    assert held.ends_at is not None
    assert timezone.localtime(held.ends_at).date() == until + timedelta(days=1)


def test_nothing_happens_without_a_reason(outside: Drift, client: Client) -> None:
    for remedy in ("correct", "adopt", "accept"):
        answer = client.post(address(outside), {"remedy": remedy, "seen": "open", "justification": " "})
        assert answer.status_code == 422
    assert client.post(address(outside), WHY | {"remedy": "explode", "seen": "open"}).status_code == 422
    assert now(outside).status == Status.OPEN


def test_the_right_of_somebody_unknown_says_why_it_cannot_be_taken_over(
    given: Assignment, vault: Vault, client: Client, clock: TimeMachineFixture
) -> None:
    [unknown] = give_outside(vault, clock, "svc-backup")
    assert "Nobody the portal knows has this account" in text(client.get(address(unknown)))
    said = WHY | {"remedy": "adopt", "seen": "open", "until": "2026-05-10"}
    assert client.post(address(unknown), said).status_code == 422


@pytest.mark.parametrize(("remedy", "stands"), [("correct", True), ("adopt", False)])
def test_what_was_taken_away_is_given_again_or_ends_in_the_portal(
    given: Assignment, vault: Vault, client: Client, clock: TimeMachineFixture, remedy: str, stands: bool
) -> None:
    vault.rights.clear()
    clock.shift(MINUTE)
    reconcile(vault.row.pk)
    missing = Drift.objects.get()
    page = text(client.get(address(missing)))
    assert "Give it again" in page
    assert "End it in the portal" in page
    assert 'name="until"' not in page

    assert client.post(address(missing), WHY | {"remedy": remedy, "seen": "open"}).status_code == 302
    sweep()
    assert vault.holds(given) == stands
    assert now(given).end_cause == ("" if stands else EndCause.TAKEN_OUTSIDE)


def test_of_two_who_answer_at_once_one_wins_and_the_other_is_told(
    outside: Drift, client: Client, cast: Cast
) -> None:
    accept_drift(now(outside), actor=acting(cast.administrator), justification="It is known")

    for remedy in ("accept", "correct"):
        answer = client.post(address(outside), WHY | {"remedy": remedy, "seen": "open"})
        assert answer.status_code == 409
        assert "Somebody was faster" in text(answer)
    assert now(outside).status == Status.ACCEPTED

    assert client.post(address(outside), WHY | {"remedy": "correct", "seen": "accepted"}).status_code == 302


def test_nobody_keeps_a_right_that_was_given_to_themselves(
    given: Assignment, vault: Vault, clock: TimeMachineFixture, cast: Cast, client: Client
) -> None:
    [mine] = give_outside(vault, clock, cast.administrator.email.partition("@")[0])
    assert mine.person == cast.administrator
    for verb in (accept_drift, adopt_drift):
        with pytest.raises(NotAllowed, match="your own"):
            verb(mine, actor=acting(cast.administrator))
    answer = client.post(address(mine), WHY | {"remedy": "accept", "seen": "open"})
    assert answer.status_code == 403
    assert client.post(address(mine), WHY | {"remedy": "correct", "seen": "open"}).status_code == 302


def test_several_are_answered_each_for_itself(
    outside: Drift, vault: Vault, client: Client, clock: TimeMachineFixture, cast: Cast
) -> None:
    several = [outside, *give_outside(vault, clock, "lou", "svc-one", "svc-two")]
    together = reverse("settle_together", args=[vault.row.pk])
    picks = [f"{one.pk}-open" for one in several]

    first = client.post(together, {"remedy": "correct", "pick": picks})
    assert first.status_code == 200
    assert text(first).count("tried again until it is gone") == 4
    assert now(outside).status == Status.OPEN, "the names come first"
    asked = {"remedy": "correct", "pick": picks, "confirmed": "1"}
    assert client.post(together, asked).status_code == 422, "without a reason nothing happens"

    accept_drift(now(several[1]), actor=acting(cast.administrator), justification="It is known")
    said = text(client.post(together, asked | WHY, follow=True))
    assert "3 are being put right." in said
    assert "1 was not: lou: Operator: Somebody was faster" in said
    statuses = [now(one).status for one in several]
    assert statuses == [Status.CORRECTING, Status.ACCEPTED, Status.CORRECTING, Status.CORRECTING]


def test_taking_over_several_leaves_out_whom_nobody_knows(
    outside: Drift, vault: Vault, client: Client, clock: TimeMachineFixture, cast: Cast
) -> None:
    [unknown] = give_outside(vault, clock, "svc-backup")
    together = reverse("settle_together", args=[vault.row.pk])
    first = client.post(
        together, {"remedy": "adopt", "pick": [f"{one.pk}-open" for one in (outside, unknown)]}
    )
    assert "Left out:" in text(first)
    assert 'type="date"' in text(first)

    said = {"remedy": "adopt", "confirmed": "1", "pick": [f"{outside.pk}-open"], "until": "2026-05-10"}
    assert "1 is taken over." in text(client.post(together, said | WHY, follow=True))
    assert Assignment.objects.filter(person=cast.approver).exists()


def test_ticking_nothing_or_nonsense_says_so(outside: Drift, vault: Vault, client: Client) -> None:
    together = reverse("settle_together", args=[vault.row.pk])
    for said in (
        {},
        {"remedy": "correct"},
        {"remedy": "explode", "pick": [str(outside.pk)]},
        {"pick": "x-y"},
    ):
        assert "Nothing was ticked." in text(client.post(together, said, follow=True))


def test_in_an_observed_directory_nothing_is_offered_that_would_change_it(
    outside: Drift, vault: Vault, client: Client
) -> None:
    Directory.objects.filter(pk=vault.row.pk).update(mode=Directory.Mode.OBSERVE)
    page = text(client.get(address(outside)))
    assert "nothing is changed there" in page
    assert client.post(address(outside), WHY | {"remedy": "correct", "seen": "open"}).status_code == 422
    assert "Make the directory" not in text(client.get(reverse("directory_drift", args=[vault.row.pk])))


def test_the_list_asks_as_much_of_many_as_of_few(
    outside: Drift, vault: Vault, client: Client, clock: TimeMachineFixture
) -> None:
    def asked() -> int:
        client.get(reverse("directory_drift", args=[vault.row.pk]))
        with CaptureQueriesContext(connection) as queries:
            listed(client, vault)
        return len(queries)

    few = asked()
    give_outside(vault, clock, *(f"account{number}" for number in range(12)))
    assert asked() == few
