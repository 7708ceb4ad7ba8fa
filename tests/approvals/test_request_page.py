"""The page of one request: for those it concerns, and for nobody else; what it quotes is text."""

from __future__ import annotations

import pytest
from django.urls import reverse
from django.utils.html import escape
from time_machine import TimeMachineFixture

from approvals.closing import cancel_request
from approvals.models import AccessRequest
from audit.journal.models import AuditEvent
from tests.cast import Cast
from tests.factories.connectors import Vault
from tests.factories.pages import HOSTILE, signed_in
from tests.factories.roles import (
    HOUR,
    NOON,
    acting,
    approve,
    ask,
    make_eligibility,
    make_role,
    now,
    strike_approvers,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def filed(clock: TimeMachineFixture, cast: Cast, vault: Vault) -> AccessRequest:
    """The employee has asked for a role on which two people may decide."""
    role = make_role(vault.row, approvers=[cast.approver, cast.second_approver], factor="every_time")
    return ask(make_eligibility(role, cast.employee), cast.employee)


def address_of(access_request: AccessRequest) -> str:
    return reverse("request_page", args=[access_request.pk])


def test_who_asked_sees_what_waits_and_may_cancel_but_not_decide(filed: AccessRequest, cast: Cast) -> None:
    page = signed_in(cast.employee).get(address_of(filed))
    text = page.content.decode()
    for words in (
        "Waits for a decision",
        "Second factor verified",
        "Kim Placeholder",
        "Jo Mockup",
        filed.number,
    ):
        assert words in text
    assert (page.context["may_cancel"], page.context["case"]) == (True, None)
    assert reverse("decide", args=[filed.pk]) not in text


def test_an_approver_sees_what_they_need_to_decide(filed: AccessRequest, cast: Cast) -> None:
    page = signed_in(cast.approver).get(address_of(filed))
    text = page.content.decode()
    for words in ("The nightly job is stuck", "Never asked for it before", "Jo Mockup", "4 h (as asked)"):
        assert words in text
    assert page.context["may_cancel"] is False
    case = page.context["case"]
    assert (case.starts_at, case.ends_at) == (NOON, NOON + 4 * HOUR)


def test_E1_an_auditor_reads_it_and_may_do_nothing(filed: AccessRequest, cast: Cast) -> None:
    page = signed_in(cast.auditor).get(address_of(filed))
    assert page.status_code == 200
    assert (page.context["may_cancel"], page.context["may_deactivate"], page.context["case"]) == (
        False,
        False,
        None,
    )
    assert "<form" not in page.content.decode().partition("<main")[2].partition("</main>")[0]


@pytest.mark.parametrize("who", ["outsider", "root"])
def test_E1_somebody_elses_request_is_not_there(filed: AccessRequest, cast: Cast, who: str) -> None:
    stranger = signed_in(getattr(cast, who))
    nowhere = stranger.get(reverse("request_page", args=[filed.pk + 1]))
    there = stranger.get(address_of(filed))
    assert there.status_code == nowhere.status_code == 404
    assert filed.number not in there.content.decode()


def test_an_approver_who_is_struck_from_the_role_settings_sees_it_no_more(
    filed: AccessRequest, cast: Cast
) -> None:
    kim = signed_in(cast.approver)
    assert kim.get(address_of(filed)).status_code == 200
    strike_approvers(filed.role)
    assert kim.get(address_of(filed)).status_code == 404


def test_who_decided_goes_on_seeing_it(filed: AccessRequest, cast: Cast) -> None:
    approve(filed, cast.approver)
    strike_approvers(filed.role)
    assert "Kim Placeholder approved" in signed_in(cast.approver).get(address_of(filed)).content.decode()


def test_D9_the_page_takes_nothing(filed: AccessRequest, cast: Cast) -> None:
    robin = signed_in(cast.employee)
    for method in (robin.post, robin.put, robin.patch, robin.delete):
        assert method(address_of(filed), {"status": "approved"}, "application/json").status_code == 405
    assert now(filed).status == AccessRequest.Status.PENDING


def test_A15_nothing_changes_a_request_after_it_was_approved(filed: AccessRequest, cast: Cast) -> None:
    approve(filed, cast.approver)
    robin, before = signed_in(cast.employee), now(filed)
    changed = "minutes=480&justification=Something+else"
    for name in ("request_page", "decide", "cancel_request"):
        for method in (robin.put, robin.patch):
            answer = method(
                reverse(name, args=[filed.pk]), changed, content_type="application/x-www-form-urlencoded"
            )
            assert answer.status_code == 405
    after = now(filed)
    assert (after.minutes, after.justification, after.status) == (
        before.minutes,
        before.justification,
        before.status,
    )


def test_an_open_page_is_told_only_what_is_new(filed: AccessRequest, cast: Cast) -> None:
    robin = signed_in(cast.employee)
    seen = robin.get(address_of(filed)).context["seen"]
    fragment = {"HX-Request": "true", "HX-Target": "request"}
    assert robin.get(address_of(filed), {"seen": seen}, headers=fragment).status_code == 204
    approve(filed, cast.approver)
    answer = robin.get(address_of(filed), {"seen": seen}, headers=fragment)
    assert answer.status_code == 200
    assert "Kim Placeholder approved" in answer.content.decode()


def test_D7_D8_I4_what_is_written_to_run_is_text_wherever_it_is_read(
    clock: TimeMachineFixture, cast: Cast, vault: Vault
) -> None:
    eligibility = make_eligibility(make_role(vault.row, approvers=[cast.approver]), cast.employee)
    filed = ask(eligibility, cast.employee, justification="\n".join(HOSTILE), ticket=HOSTILE[1])
    robin, kim, toni = signed_in(cast.employee), signed_in(cast.approver), signed_in(cast.auditor)
    entry = AuditEvent.objects.get(action="activation.requested")
    for reader, address in (
        (robin, address_of(filed)),
        (kim, address_of(filed)),
        (kim, reverse("to_decide")),
        (toni, reverse("audit_event", args=[entry.number])),
    ):
        page = reader.get(address).content.decode()
        for hostile in HOSTILE:
            assert escape(hostile) in page, address
            assert escape(hostile) == hostile or hostile not in page, address


def test_D7_what_is_offered_to_be_taken_up_again_is_text(
    clock: TimeMachineFixture, cast: Cast, vault: Vault
) -> None:
    eligibility = make_eligibility(make_role(vault.row, approvers=[cast.approver]), cast.employee)
    robin = signed_in(cast.employee)
    for hostile in HOSTILE:
        filed = ask(eligibility, cast.employee, justification=hostile)
        cancel_request(filed, actor=acting(cast.employee), justification=hostile)
        for address in (reverse("home"), reverse("activate", args=[eligibility.pk]), reverse("my_audit")):
            page = robin.get(address).content.decode()
            assert escape(hostile) in page or address == reverse("my_audit"), address
            assert escape(hostile) == hostile or hostile not in page, address
