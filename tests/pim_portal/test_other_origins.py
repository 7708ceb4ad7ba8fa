"""A form counts only when it comes from a page of the portal; and every page says so to the browser."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Session
from approvals.models import AccessRequest, Decision
from roles.models import Assignment
from tests.cast import Cast, sign_in
from tests.factories.connectors import Vault, vault  # noqa: F401
from tests.factories.pages import signed_in, wish
from tests.factories.people import PASSWORD
from tests.factories.roles import activate, ask, make_eligibility, make_role, now

pytestmark = pytest.mark.django_db

ELSEWHERE = "https://elsewhere.test"


def strict(client: Client) -> Client:
    """The same browser, with the check of forms' tokens switched on."""
    client.handler.enforce_csrf_checks = True
    return client


def token_of(client: Client) -> dict[str, str]:
    """The token that stands in the forms of whatever page the browser is shown."""
    page = client.get(reverse("home"), follow=True).content.decode()
    return {"csrfmiddlewaretoken": page.partition('name="csrfmiddlewaretoken" value="')[2].partition('"')[0]}


def refusals(client: Client, address: str, form: dict[str, str]) -> list[int]:
    """What a form is answered without a token, with a wrong one, and with a right one sent from elsewhere."""
    right = form | token_of(client)
    return [
        client.post(address, form).status_code,
        client.post(address, form | {"csrfmiddlewaretoken": "y" * 64}).status_code,
        client.post(address, right, headers={"origin": ELSEWHERE}).status_code,
        client.post(address, right, headers={"origin": "null"}).status_code,
    ]


def test_D4_activate_decide_cancel_deactivate_assign_and_sign_out(
    cast: Cast,
    vault: Vault,  # noqa: F811
) -> None:
    free = make_eligibility(make_role(vault.row), cast.employee)
    held = activate(make_eligibility(make_role(vault.row, "Reader"), cast.employee), cast.employee)
    role = make_role(vault.row, "Owner", approvers=[cast.approver])
    filed = ask(make_eligibility(role, cast.employee), cast.employee)
    robin, kim, dana = (
        strict(signed_in(person)) for person in (cast.employee, cast.approver, cast.administrator)
    )
    before = AccessRequest.objects.count(), Assignment.objects.count(), Session.objects.count()
    to_assign = {
        "role": str(role.pk),
        "principal": "pat@example.test",
        "kind": "eligible",
        "justification": "x",
    }
    for client, address, form in (
        (robin, reverse("activate", args=[free.pk]), wish()),
        (robin, reverse("cancel_request", args=[filed.pk]), {}),
        (robin, reverse("deactivate", args=[held.pk]), {}),
        (kim, reverse("decide", args=[filed.pk]), {"verdict": "approve"}),
        (kim, reverse("decide_together"), {"verdict": "approve", "confirmed": "1", "pick": str(filed.pk)}),
        (dana, reverse("assign"), to_assign),
        (dana, reverse("remove_assignment", args=[held.pk]), {"justification": "x"}),
        (dana, reverse("disable_person", args=[cast.outsider.pk]), {"justification": "x"}),
        (dana, reverse("admin:accounts_group_add"), {"name": "Mine"}),
        (robin, reverse("sign_out"), {}),
    ):
        assert refusals(client, address, form) == [403] * 4, address
    assert (AccessRequest.objects.count(), Assignment.objects.count(), Session.objects.count()) == before
    assert now(filed).status == "pending"
    assert not Decision.objects.exists()
    assert now(cast.outsider).is_active
    assert robin.get("/").status_code == 200


def test_D4_signing_in(cast: Cast) -> None:
    client = Client(enforce_csrf_checks=True)
    form = {"email": cast.employee.email, "password": PASSWORD}
    assert refusals(client, reverse("sign_in"), form) == [403] * 4
    assert not Session.objects.filter(person=cast.employee).exists()


def test_D4_with_its_token_a_form_of_the_portal_is_taken(cast: Cast, vault: Vault) -> None:  # noqa: F811
    free = make_eligibility(make_role(vault.row), cast.employee)
    robin = strict(signed_in(cast.employee))
    address = reverse("activate", args=[free.pk])
    assert robin.post(address, wish() | token_of(robin)).status_code == 302
    assert (
        robin.post(reverse("sign_out"), token_of(robin), headers={"origin": "http://testserver"}).status_code
        == 302
    )


def check_headers(answer: Any, what: object) -> None:
    policy = answer["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in policy, what
    assert "unsafe" not in policy, what
    assert answer["X-Frame-Options"] == "DENY", what
    assert answer["Cache-Control"] == "no-store, private", what
    assert answer["X-Content-Type-Options"] == "nosniff", what
    assert answer["Referrer-Policy"] == "same-origin", what


def test_D5_D11_no_page_is_framed_or_kept(cast: Cast, vault: Vault) -> None:  # noqa: F811
    free = make_eligibility(make_role(vault.row), cast.employee)
    role = make_role(vault.row, "Owner", approvers=[cast.approver], factor="every_time")
    filed = ask(make_eligibility(role, cast.employee), cast.employee)
    guarded = make_eligibility(make_role(vault.row, "Keeper", factor="every_time"), cast.employee)
    robin, kim, toni = (signed_in(person) for person in (cast.employee, cast.approver, cast.auditor))
    activate_page, decide_page = reverse("activate", args=[free.pk]), reverse("decide", args=[filed.pk])
    asks = robin.post(reverse("activate", args=[guarded.pk]), wish())
    for status, answer in (
        (200, robin.get("/")),
        (200, robin.get(activate_page)),
        (200, robin.get(reverse("request_page", args=[filed.pk]))),
        (200, robin.get(reverse("my_roles"))),
        (200, kim.get(reverse("to_decide"))),
        (200, toni.get(reverse("journal"))),
        (200, toni.get(reverse("download_journal"))),
        (200, toni.get("/admin/")),
        (303, asks),
        (200, robin.get(asks["Location"])),
        (302, robin.post(activate_page, wish())),
        (400, robin.post(activate_page, wish(status="approved"))),
        (403, robin.post(decide_page, {"verdict": "approve"})),
        (403, strict(signed_in(cast.outsider)).post(reverse("sign_out"))),
        (404, robin.get("/nowhere/")),
        (404, robin.get(reverse("journal"))),
        (405, robin.post("/")),
        (422, robin.post(activate_page, wish(minutes="0"))),
        (302, kim.post(decide_page, {"verdict": "approve"})),
        (409, kim.post(decide_page, {"verdict": "approve"})),
    ):
        assert answer.status_code == status
        check_headers(answer, status)


def test_D12_a_breakdown_shows_nothing_and_carries_the_headers(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: object, **kwargs: object) -> None:
        raise RuntimeError("a secret of the inside")

    client = Client(raise_request_exception=False)
    sign_in(client, cast.employee)
    for name, place in (
        ("home", "pim_portal.views.choices_of"),
        ("my_roles", "approvals.views.roles.choices_of"),
        ("my_audit", "audit.views.own_events"),
        ("inbox", "accounts.notifications.views.page_of"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(place, broken)
            answer = client.get(reverse(name))
        assert answer.status_code == 500, name
        assert b"secret of the inside" not in answer.content
        assert b"Traceback" not in answer.content
        check_headers(answer, name)
