"""The page on which a role is asked for: what is typed wrongly comes back whole, what is forged does not get in."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.html import escape
from time_machine import TimeMachineFixture

from accounts.models import FactorUse, StepUp, User
from approvals.models import AccessRequest
from audit.journal.models import AuditEvent
from roles.assigning import end_eligibility
from roles.models import Assignment, Eligibility
from tests.cast import Cast, code_for, wrong_code_for
from tests.factories.connectors import Vault
from tests.factories.pages import FORGED, HOSTILE, kept_fields, signed_in, wish
from tests.factories.roles import NOON, acting, change_settings, make_eligibility, make_role

pytestmark = pytest.mark.django_db

Form = dict[str, str]

NO_DURATIONS = [
    "0", "-60", "29", "481", "1440", "1" + "0" * 30, "-1" + "0" * 30, "9" * 5000, "1e308", "60.5", "inf", "nan",
    "P1Y", "1_000", "four hours", "240;240", "60 60", "6\u200b0", "\ud7ff",
]  # fmt: skip
NO_MOMENTS = [
    "2027-03-28T02:30",  # summer time begins in this hour: it does not take place
    "2026-05-04T24:00", "2026-05-05T10:00:60", "2026-02-30T10:00", "10000-01-01T00:00", "0000-01-01T00:00",
    "tomorrow", "1e308", "0", "-1", "2026-05-05T10:00+99:00",
]  # fmt: skip


@pytest.fixture
def eligibility(clock: TimeMachineFixture, cast: Cast, vault: Vault) -> Eligibility:
    """The employee, who works in Vienna, may activate a role for which nobody has to approve."""
    User.objects.filter(pk=cast.employee.pk).update(time_zone="Europe/Vienna")
    return make_eligibility(make_role(vault.row), cast.employee)


@pytest.fixture
def guarded(eligibility: Eligibility) -> Eligibility:
    """The same, with a second factor for every single activation."""
    change_settings(eligibility.role, factor="every_time")
    return eligibility


@pytest.fixture
def robin(eligibility: Eligibility, cast: Cast) -> Client:
    return signed_in(cast.employee)


def send(client: Client, eligibility: Eligibility, form: Form) -> Any:
    return client.post(reverse("activate", args=[eligibility.pk]), form)


def nothing_was_filed() -> bool:
    return not AccessRequest.objects.exists() and not Assignment.objects.exists()


def check_it_came_back(answer: Any, form: Form, field: str) -> None:
    """The page tells beside ``field`` what is wrong, and holds everything that was typed."""
    said, page = form.get(field, "")[:40], answer.content.decode()
    assert answer.status_code == 422, said
    assert list(answer.context["form"].errors) == [field], said
    assert f'id="activate_{field}_error"' in page, said
    for name, value in form.items():
        assert answer.context["form"][name].value() == value, said
        # A slider stands somewhere between its ends, whatever was sent in its name.
        assert escape(value) in page or name == "minutes", said
    assert nothing_was_filed(), said


def test_the_form_offers_the_usual_and_says_what_the_role_asks(
    robin: Client, eligibility: Eligibility
) -> None:
    page = robin.get(reverse("activate", args=[eligibility.pk]))

    assert page.status_code == 200
    assert page.context["form"]["minutes"].value() == 60
    assert "At most 8 h" in page.content.decode()


def test_a_filled_in_form_puts_the_role_in_force_and_leads_to_the_request(
    robin: Client, eligibility: Eligibility, cast: Cast
) -> None:
    answer = send(robin, eligibility, wish())

    filed = AccessRequest.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, reverse("request_page", args=[filed.pk]))
    assert (filed.requester, filed.holder, filed.minutes) == (cast.employee, cast.employee, 240)
    assert filed.assignment is not None


def test_B4_a_duration_that_is_none_comes_back_with_the_form(robin: Client, eligibility: Eligibility) -> None:
    for minutes in NO_DURATIONS:
        form = wish(minutes=minutes)
        check_it_came_back(send(robin, eligibility, form), form, "minutes")


def test_B4_a_duration_that_is_missing_comes_back_with_the_form(
    robin: Client, eligibility: Eligibility
) -> None:
    for form in (wish(minutes=""), wish(minutes=" "), {"justification": "The nightly job is stuck"}):
        answer = send(robin, eligibility, form)
        assert answer.status_code == 422
        assert list(answer.context["form"].errors) == ["minutes"]
        assert form["justification"] in answer.content.decode()
    assert nothing_was_filed()


def test_B4_a_zero_byte_is_a_mistake_and_no_breakdown(robin: Client, eligibility: Eligibility) -> None:
    for field in ("minutes", "justification", "ticket", "starts_at", "idempotency_key", "code"):
        answer = send(robin, eligibility, wish() | {field: "60\x00"})
        assert answer.status_code == 422
        assert list(answer.context["form"].errors) == [field]
    assert nothing_was_filed()


@pytest.mark.parametrize("minutes", ["30", "480", " 60 ", "+60", "60.0"])
def test_B4_the_shortest_and_the_longest_are_taken_to_the_minute(
    robin: Client, eligibility: Eligibility, minutes: str
) -> None:
    assert send(robin, eligibility, wish(minutes=minutes)).status_code == 302
    assert AccessRequest.objects.get().minutes == int(float(minutes))


def test_B2_a_start_in_the_past_comes_back_with_the_form(robin: Client, eligibility: Eligibility) -> None:
    for starts_at in ("2026-05-04T13:00", "2026-05-03T14:00", "1999-12-31T23:59", "0001-01-01T00:00"):
        form = wish(starts_at=starts_at)
        check_it_came_back(send(robin, eligibility, form), form, "starts_at")


def test_B3_a_start_that_is_no_moment_comes_back_with_the_form(
    robin: Client, eligibility: Eligibility
) -> None:
    for starts_at in NO_MOMENTS:
        form = wish(starts_at=starts_at)
        check_it_came_back(send(robin, eligibility, form), form, "starts_at")


@pytest.mark.parametrize("zone", ["Europe/Vienna", "Pacific/Kiritimati", "America/Los_Angeles", "UTC"])
def test_B3_the_ends_of_the_calendar_are_no_start_in_any_zone(
    robin: Client, eligibility: Eligibility, cast: Cast, zone: str
) -> None:
    User.objects.filter(pk=cast.employee.pk).update(time_zone=zone)
    address = reverse("activate", args=[eligibility.pk])
    for starts_at in ("0001-01-01T00:00", "2027-05-06T23:00", "9999-12-31T23:59"):
        form = wish(starts_at=starts_at)
        check_it_came_back(send(robin, eligibility, form), form, "starts_at")
        assert robin.get(address, form, headers={"HX-Target": "effect"}).status_code == 200


@pytest.mark.parametrize(
    "starts_at", ["2026-05-04T15:00", "2026-05-04 15:00", "2026-05-04T13:00Z", "2026-05-05T03:00+14:00"]
)
def test_B3_a_start_is_read_in_the_persons_own_zone_unless_it_names_one(
    robin: Client, eligibility: Eligibility, starts_at: str
) -> None:
    assert send(robin, eligibility, wish(starts_at=starts_at)).status_code == 302
    assignment = Assignment.objects.get()
    assert assignment.starts_at == NOON.replace(hour=13)
    assert assignment.ends_at == NOON.replace(hour=17)


def test_a_justification_that_is_missing_is_asked_for(robin: Client, eligibility: Eligibility) -> None:
    for justification in ("", "   ", "\r\n\t"):
        answer = send(robin, eligibility, wish(justification=justification, minutes="90"))
        assert answer.status_code == 422
        assert answer.context["form"].errors == {"justification": ["Say why you need the role."]}
        assert 'id="activate_justification_error"' in answer.content.decode()
        assert answer.context["form"]["minutes"].value() == "90"
    assert nothing_was_filed()


def test_a_justification_that_is_too_long_comes_back_whole(robin: Client, eligibility: Eligibility) -> None:
    for length in (2001, 10_000):
        form = wish(justification="<" * length)
        check_it_came_back(send(robin, eligibility, form), form, "justification")


def test_D7_what_is_written_to_run_comes_back_as_text(robin: Client, eligibility: Eligibility) -> None:
    for hostile in HOSTILE:
        answer = send(robin, eligibility, wish(minutes="0", justification=hostile, starts_at=hostile))
        page = answer.content.decode()
        assert answer.status_code == 422
        assert escape(hostile) in page
        assert escape(hostile) == hostile or hostile not in page


def test_several_mistakes_are_told_all_at_once(robin: Client, eligibility: Eligibility) -> None:
    change_settings(eligibility.role, ticket_required=True)
    answer = send(robin, eligibility, wish(minutes="0", justification="", starts_at="2020-01-01T00:00"))
    assert sorted(answer.context["form"].errors) == ["justification", "minutes", "starts_at", "ticket"]


def test_A11_E2_a_field_that_the_form_does_not_have_is_a_forgery(
    robin: Client, eligibility: Eligibility
) -> None:
    for field in [*FORGED, "ends_at", "role", "eligibility", "person", "act"]:
        assert send(robin, eligibility, wish() | {field: "approved"}).status_code == 400, field
    assert nothing_was_filed()


def test_D9_no_other_method_asks_for_a_role(robin: Client, eligibility: Eligibility) -> None:
    address = reverse("activate", args=[eligibility.pk])
    for method in (robin.put, robin.patch, robin.delete):
        assert method(address, "minutes=240&justification=x").status_code == 405
    robin.get(address, wish(), headers={"X-HTTP-Method-Override": "POST"})
    assert nothing_was_filed()


def test_E1_somebody_elses_eligibility_is_not_there(cast: Cast, eligibility: Eligibility) -> None:
    for person in (cast.approver, cast.administrator, cast.auditor, cast.outsider, cast.root):
        stranger = signed_in(person)
        assert stranger.get(reverse("activate", args=[eligibility.pk])).status_code == 404
        assert send(stranger, eligibility, wish()).status_code == 404
    assert nothing_was_filed()


def test_an_eligibility_that_ended_while_the_form_was_filled_in_is_refused_beside_the_form(
    robin: Client, eligibility: Eligibility, cast: Cast
) -> None:
    end_eligibility(eligibility, actor=acting(cast.administrator), justification="Moved on")
    answer = send(robin, eligibility, wish())
    assert answer.status_code in (404, 422)
    assert nothing_was_filed()
    assert b"not eligible" in robin.get(reverse("activate", args=[eligibility.pk])).content


def test_B13_the_same_form_sent_twice_asks_once(robin: Client, eligibility: Eligibility) -> None:
    key = robin.get(reverse("activate", args=[eligibility.pk])).context["form"]["idempotency_key"].value()
    first, again = (send(robin, eligibility, wish(idempotency_key=key)) for _ in range(2))
    assert first["Location"] == again["Location"]
    assert AccessRequest.objects.count() == Assignment.objects.count() == 1


def test_a_second_activation_of_what_one_holds_is_refused(robin: Client, eligibility: Eligibility) -> None:
    send(robin, eligibility, wish())
    answer = send(robin, eligibility, wish())
    assert answer.status_code == 422
    assert "You hold this role already." in answer.content.decode()
    assert Assignment.objects.count() == 1


def test_C7_without_a_fresh_factor_the_step_up_asks_and_shows_what_was_typed(
    robin: Client, guarded: Eligibility
) -> None:
    answer = send(robin, guarded, wish(justification="The <b>nightly</b> job"))

    assert answer.status_code == 303
    page = robin.get(answer["Location"])
    assert page.status_code == 200
    assert "Activate Operator for 4 h" in page.content.decode()
    assert escape("The <b>nightly</b> job") in page.content.decode()
    assert nothing_was_filed()


def test_C7_a_wrong_code_keeps_the_form_and_a_right_one_sends_it_on(
    robin: Client, guarded: Eligibility, cast: Cast
) -> None:
    form = wish(ticket="INC-1", idempotency_key="a-key")
    step_up = send(robin, guarded, form)["Location"]

    wrong = robin.post(step_up, {"code": wrong_code_for(cast.employee)})
    assert wrong.status_code == 422
    assert form["justification"] in wrong.content.decode()
    right = robin.post(step_up, {"code": code_for(cast.employee)})
    assert right.status_code == 200
    address = reverse("activate", args=[guarded.pk])
    assert f'action="{address}" data-autosubmit' in right.content.decode()
    assert kept_fields(right.content.decode()) == form
    assert nothing_was_filed(), "the act is the form's, not the code's"
    assert robin.post(address, kept_fields(right.content.decode())).status_code == 302

    evidence = AccessRequest.objects.get().factor_use
    assert evidence is not None
    assert (evidence.person, evidence.method, evidence.device_name) == (cast.employee, "totp", "Phone")
    assert (evidence.address, evidence.at, evidence.used_at) == ("127.0.0.1", NOON, NOON)
    told = AuditEvent.objects.get(action="activation.requested").detail["second_factor"]
    assert (told["method"], told["device"]) == ("totp", "Phone")


def test_a_code_given_in_the_form_saves_the_way_round(
    robin: Client, guarded: Eligibility, cast: Cast
) -> None:
    assert send(robin, guarded, wish(code=code_for(cast.employee))).status_code == 302
    evidence = AccessRequest.objects.get().factor_use
    assert evidence is not None
    assert evidence.used_at == NOON


def test_C2_what_is_no_code_is_told_beside_it(robin: Client, guarded: Eligibility) -> None:
    for code in ("12 34 56", "１２３４５６", "12_345", "abc", "000000000", "1", "'", "1" * 65):
        answer = send(robin, guarded, wish(code=code))
        page = answer.content.decode()
        assert answer.status_code == 422
        assert list(answer.context["form"].errors) == ["code"]
        assert 'id="activate_code_error"' in page
        assert wish()["justification"] in page
    assert nothing_was_filed()


def test_a_slip_elsewhere_in_the_form_burns_no_code(robin: Client, guarded: Eligibility, cast: Cast) -> None:
    code = code_for(cast.employee)
    assert send(robin, guarded, wish(code=code, minutes="0")).status_code == 422
    assert send(robin, guarded, wish(code=code)).status_code == 302


def test_C4_a_code_of_the_form_works_once(
    robin: Client, guarded: Eligibility, cast: Cast, vault: Vault
) -> None:
    other = make_eligibility(make_role(vault.row, "Reader", factor="every_time"), cast.employee)
    code = code_for(cast.employee)
    assert send(robin, guarded, wish(code=code)).status_code == 302
    answer = send(robin, other, wish(code=code))
    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == ["code"]
    assert AccessRequest.objects.count() == 1


def test_C5_a_code_for_one_act_does_not_serve_another(
    robin: Client, guarded: Eligibility, cast: Cast
) -> None:
    step_up = send(robin, guarded, wish())["Location"]
    robin.post(step_up, {"code": code_for(cast.employee)})
    assert FactorUse.objects.filter(person=cast.employee).exclude(act="").count() == 1

    for other in (
        wish(minutes="480"),
        wish(justification="Something else"),
        wish(ticket="INC-2"),
        wish(starts_at="2026-05-05T10:00"),
    ):
        assert send(robin, guarded, other).status_code == 303
    assert nothing_was_filed()
    assert send(robin, guarded, wish()).status_code == 302


def test_C5_the_code_of_the_sign_in_does_not_serve_where_one_is_asked_every_time(
    robin: Client, guarded: Eligibility
) -> None:
    assert send(robin, guarded, wish()).status_code == 303
    change_settings(guarded.role, factor="recent", factor_minutes=15)
    assert send(robin, guarded, wish()).status_code == 302


def test_C7_evidence_grows_old(robin: Client, guarded: Eligibility, clock: TimeMachineFixture) -> None:
    change_settings(guarded.role, factor="recent", factor_minutes=5)
    clock.shift(5 * 60)
    assert send(robin, guarded, wish()).status_code == 303
    assert nothing_was_filed()


def test_E1_the_form_of_a_step_up_is_shown_to_nobody_else(
    robin: Client, guarded: Eligibility, cast: Cast
) -> None:
    step_up = send(robin, guarded, wish())["Location"]
    for other in (signed_in(cast.administrator), signed_in(cast.employee)):
        assert other.get(step_up).status_code == 404
        assert other.post(step_up, {"code": "123456"}).status_code == 404
    assert StepUp.objects.count() == 1


def test_a_role_that_asks_for_approval_waits(robin: Client, eligibility: Eligibility) -> None:
    change_settings(eligibility.role, approval_required=True)
    answer = robin.post(reverse("activate", args=[eligibility.pk]), wish(), follow=True)
    assert "<b>Sent for approval.</b> Operator waits for a decision." in answer.content.decode()
    assert AccessRequest.objects.get().status == AccessRequest.Status.PENDING
    assert not Assignment.objects.exists()


def test_a_ticket_is_of_one_of_the_systems_and_of_the_form_that_the_settings_name(
    eligibility: Eligibility, cast: Cast
) -> None:
    robin = signed_in(cast.employee)
    page = reverse("activate", args=[eligibility.pk])
    change_settings(
        eligibility.role,
        ticket_required=True,
        ticket_systems="Change desk\nService desk",
        ticket_pattern="CHG-[0-9]+",
    )
    assert ">Service desk<" in robin.get(page).content.decode()

    for given, wrong in (
        ({"ticket": "CHG-1", "ticket_system": ""}, "ticket_system"),
        ({"ticket": "CHG-1", "ticket_system": "Post-its"}, "ticket_system"),
        ({"ticket": "INC-1", "ticket_system": "Change desk"}, "ticket"),
    ):
        assert list(robin.post(page, wish(**given)).context["form"].errors) == [wrong]

    assert robin.post(page, wish(ticket="CHG-1", ticket_system="Change desk")).status_code == 302
    assert AccessRequest.objects.get().ticket_in_words == "Change desk CHG-1"
