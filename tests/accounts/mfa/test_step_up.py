"""The step-up page: asked for one act, answered, and the filled form goes on. The act here is helping a person."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from accounts.models import EnrolmentPass, FactorUse, StepUp
from audit.journal.models import AuditEvent
from tests.cast import Cast, code_for, sign_in, wrong_code_for

pytestmark = pytest.mark.django_db

WHY = 'Called back on the desk phone, "Robin" & <b>answered</b>\r\nsecond line =1+1'


@pytest.fixture
def help_page(cast: Cast, client: Client) -> str:
    """The page on which the administrator, signed in, helps the employee."""
    sign_in(client, cast.administrator)
    return f"/people/{cast.employee.pk}/help/"


def ask(client: Client, help_page: str, **headers: Any) -> str:
    """Send the form; returns the address of the step-up page it leads to."""
    answer = client.post(
        help_page, {"justification": WHY}, HTTP_REFERER=f"http://testserver{help_page}", **headers
    )
    assert answer.status_code == 303
    return str(answer["Location"])


def kept(answer: Any) -> dict[str, str]:
    return dict(answer.context["kept"])


def test_an_act_leads_to_the_step_up_page_which_says_what_for_and_what_was_typed(
    client: Client, help_page: str
) -> None:
    page = client.get(ask(client, help_page))
    assert page.status_code == 200
    text = page.content.decode()
    assert "Helping Robin Sample after a lost factor" in text
    assert "Called back on the desk phone" in text
    assert "<b>answered</b>" not in text
    assert page.context["back_url"] == help_page
    assert not EnrolmentPass.objects.exists()


def test_after_the_code_the_form_goes_on_exactly_as_it_was_typed(
    cast: Cast, client: Client, help_page: str
) -> None:
    address = ask(client, help_page)
    page = client.post(address, {"code": code_for(cast.administrator)})
    assert "data-autosubmit" in page.content.decode()
    assert f'action="{help_page}"' in page.content.decode()
    assert kept(page) == {"justification": WHY}
    done = client.post(help_page, kept(page))
    assert done.status_code == 200
    assert EnrolmentPass.objects.get().person == cast.employee
    assert AuditEvent.objects.get(action="person.helped").justification == WHY


def test_C5_the_proof_is_for_this_act_alone(cast: Cast, client: Client, help_page: str) -> None:
    page = client.post(ask(client, help_page), {"code": code_for(cast.administrator)})
    other = client.post(help_page, {"justification": "something else"})
    assert other.status_code == 303, "another justification is another act"
    elsewhere = client.post(f"/people/{cast.outsider.pk}/help/", kept(page))
    assert elsewhere.status_code == 303, "another person is another act"
    assert client.post(help_page, kept(page)).status_code == 200
    assert client.post(help_page, kept(page)).status_code == 303, "the proof is used up"


def test_C5_a_general_check_does_not_prove_an_act(cast: Cast, client: Client, help_page: str) -> None:
    assert client.post("/step-up/", {"code": code_for(cast.administrator)})["Location"] == "/"
    assert client.post(help_page, {"justification": WHY}).status_code == 303


def test_the_page_shown_again_after_the_code_goes_on_without_another_code(
    cast: Cast, client: Client, help_page: str
) -> None:
    address = ask(client, help_page)
    client.post(address, {"code": code_for(cast.administrator)})
    again = client.get(address)
    assert "data-autosubmit" in again.content.decode()
    assert kept(again) == {"justification": WHY}


def test_a_wrong_code_loses_nothing(cast: Cast, client: Client, help_page: str) -> None:
    address = ask(client, help_page)
    answer = client.post(address, {"code": wrong_code_for(cast.administrator)})
    assert answer.status_code == 422
    assert "Called back on the desk phone" in answer.content.decode()
    page = client.post(address, {"code": code_for(cast.administrator)})
    assert kept(page) == {"justification": WHY}


def test_neither_passwords_nor_codes_nor_tokens_are_kept(client: Client, help_page: str) -> None:
    said = {
        "justification": "x",
        "code": "123456",
        "recovery_code": "aaaa-bbbb-cccc-dddd",
        "password": "p",
        "new_password1": "p",
        "csrfmiddlewaretoken": "t" * 64,
        "group": ["1", "2"],
    }
    client.post(help_page, said)
    assert StepUp.objects.get().form == {"justification": ["x"], "group": ["1", "2"]}


def test_C6_somebody_elses_step_up_is_not_there(cast: Cast, client: Client, help_page: str) -> None:
    address = ask(client, help_page)
    for person in (cast.outsider, cast.administrator):
        other = Client()
        sign_in(other, person)
        assert other.get(address).status_code == 404
        assert other.post(address, {"code": code_for(person)}).status_code == 404


def test_a_token_nobody_was_given_is_not_there(client: Client, help_page: str) -> None:
    assert client.get("/step-up/guess/").status_code == 404


def test_a_late_answer_loses_nothing_and_sends_nothing_by_itself(
    cast: Cast, client: Client, help_page: str
) -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        sign_in(client, cast.administrator)
        address = ask(client, help_page)
        clock.shift(timedelta(minutes=11))
        page = client.get(address)
        assert page.status_code == 200
        assert "data-autosubmit" not in page.content.decode()
        assert kept(page) == {"justification": WHY}
        assert client.post(help_page, kept(page)).status_code == 303, "it asks anew"


def test_C5_a_proof_not_used_within_ten_minutes_is_asked_for_again(
    cast: Cast, client: Client, help_page: str
) -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        sign_in(client, cast.administrator)
        page = client.post(ask(client, help_page), {"code": code_for(cast.administrator)})
        clock.shift(timedelta(minutes=10, seconds=1))
        assert client.post(help_page, kept(page)).status_code == 303


def test_a_fragment_is_led_to_the_step_up_page_as_a_whole_page(
    cast: Cast, client: Client, help_page: str
) -> None:
    headers = {"HTTP_HX_REQUEST": "true", "HTTP_HX_CURRENT_URL": f"http://testserver{help_page}?x=1"}
    answer = client.post(help_page, {"justification": WHY}, **headers)
    waiting = StepUp.objects.get()
    assert answer["HX-Redirect"] == f"/step-up/{waiting.token}/"
    assert waiting.page == f"{help_page}?x=1"


def test_D6_the_way_back_never_leads_elsewhere(client: Client, help_page: str) -> None:
    for referer in ("http://evil.example/people/", "//evil.example", "javascript:alert(1)", ""):
        client.post(help_page, {"justification": WHY}, HTTP_REFERER=referer)
    assert set(StepUp.objects.values_list("page", flat=True)) == {"/"}


def test_the_general_check_leads_back_to_its_page_and_never_elsewhere(cast: Cast, client: Client) -> None:
    sign_in(client, cast.employee)
    assert client.get("/step-up/?next=/my-roles/").status_code == 200
    answer = client.post("/step-up/?next=/my-roles/", {"code": code_for(cast.employee)})
    assert answer["Location"] == "/my-roles/"
    answer = client.post("/step-up/?next=//evil.example", {"code": code_for(cast.employee)})
    assert answer["Location"] == "/"
    assert FactorUse.objects.filter(person=cast.employee, act="").count() == 3


def test_a_step_up_for_a_page_that_is_only_opened_leads_back_to_that_page(cast: Cast, client: Client) -> None:
    sign_in(client, cast.employee)
    address = client.get("/enrol/")["Location"]
    assert address.startswith("/step-up/")
    answer = client.post(address, {"code": code_for(cast.employee)})
    assert answer["Location"] == "/enrol/"
    assert client.get("/enrol/").status_code == 200


def test_what_was_kept_is_deleted_after_a_day(cast: Cast, client: Client, help_page: str) -> None:
    ask(client, help_page)
    with time_machine.travel(timezone.now() + timedelta(hours=25), tick=False):
        sign_in(client, cast.administrator)
        ask(client, help_page)
    assert StepUp.objects.count() == 1
