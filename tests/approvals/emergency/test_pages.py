"""The emergency on the pages: the quiet link, the form with its passkey, the list, the review, home and menu."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from accounts.models import StepUp
from approvals.emergency.models import EmergencyUse
from audit.journal.models import AuditEvent
from roles.models import Eligibility, Role
from tests.cast import Cast
from tests.factories.emergencies import end, rush
from tests.factories.pages import FORGED, HOSTILE, kept_fields, signed_in, wish
from tests.factories.passkeys import give_passkey
from tests.factories.roles import change_settings, make_eligibility, make_role, now

pytestmark = pytest.mark.django_db


def form_of(eligibility: Eligibility) -> str:
    return f"/my-roles/{eligibility.pk}/emergency/"


def page_of(use: EmergencyUse) -> str:
    return f"/emergencies/{use.pk}/"


def shown(answer: Any) -> str:
    return " ".join(answer.content.decode().split())


@pytest.fixture
def robin(role: Role, cast: Cast) -> Client:
    return signed_in(cast.employee)


@pytest.fixture
def dana(role: Role, cast: Cast) -> Client:
    return signed_in(cast.administrator)


def test_the_whole_way_from_the_quiet_link_to_the_review(
    robin: Client, dana: Client, eligibility: Eligibility, cast: Cast
) -> None:
    key = give_passkey(cast.employee)
    assert form_of(eligibility) in shown(robin.get(f"/my-roles/{eligibility.pk}/activate/"))
    page = shown(robin.get(form_of(eligibility)))
    assert "You skip Kim Placeholder." in page
    assert "2 people are told at once" in page

    asks = robin.post(form_of(eligibility), wish(minutes="60"))
    assert asks.status_code == 303
    address = asks["Location"]
    step = shown(robin.get(address))
    assert "Activate Operator for 1 h in an emergency" in step
    assert "A code is not enough here" in step
    options = robin.post("/passkey/", {"step_up": address.removeprefix("/step-up/").strip("/")}).json()
    proved = robin.post(address, {"passkey": key.signed(options)})
    sent = robin.post(form_of(eligibility), kept_fields(proved.content.decode()))
    use = EmergencyUse.objects.get()
    assert (sent.status_code, sent["Location"]) == (302, f"/requests/{use.access_request_id}/")

    page = shown(robin.get(sent["Location"]))
    assert "Activated in an emergency, without approval" in page
    assert "Skipped: Kim Placeholder." in page
    assert page_of(use) in page
    home = shown(robin.get("/"))
    assert "Your emergency activation waits until somebody else has reviewed it." in home
    assert "It can be reviewed by" in shown(robin.get(form_of(make_eligibility_elsewhere(eligibility, cast))))

    assert "1 emergency activation to review" in shown(dana.get("/"))
    page = shown(dana.get(page_of(use)))
    assert "It is reviewed once it is over: end it now, or wait." in page
    assert "Keep this review" not in page
    assert dana.post(f"{page_of(use)}end/", {"justification": "I take over"})["Location"] == page_of(use)
    assert "Keep this review" in shown(dana.get(page_of(use)))
    reviewed = dana.post(
        page_of(use), {"finding": "justified", "review": "The cluster was down"}, follow=True
    )
    assert "Your review is kept, and Robin Sample knows of it." in shown(reviewed)
    assert "Dana Fictive found it justified" in shown(robin.get(f"/requests/{use.access_request_id}/"))
    assert "waits until somebody else" not in shown(robin.get("/"))


def make_eligibility_elsewhere(eligibility: Eligibility, cast: Cast) -> Eligibility:
    other = make_role(
        eligibility.role.directory, "Rescuer", approvers=[cast.approver], emergency_allowed=True
    )
    return make_eligibility(other, cast.employee)


def test_the_link_is_not_there_where_settings_do_not_allow_it(
    robin: Client, eligibility: Eligibility, cast: Cast
) -> None:
    change_settings(eligibility.role, emergency_allowed=False)

    assert form_of(eligibility) not in shown(robin.get(f"/my-roles/{eligibility.pk}/activate/"))
    assert "do not allow to skip approval" in shown(robin.get(form_of(eligibility)))
    answer = robin.post(form_of(eligibility), wish())
    assert answer.status_code == 422
    assert "do not allow to skip approval in an emergency" in shown(answer)
    assert AuditEvent.objects.filter(detail__code="emergency_not_allowed").count() == 1


def test_who_has_no_passkey_is_told_where_to_add_one(robin: Client, eligibility: Eligibility) -> None:
    page = shown(robin.get(form_of(eligibility)))

    assert "you have none: add one under" in page
    assert "/second-factors/" in page
    assert 'name="justification"' not in page


def test_what_is_wrong_stands_beside_its_field_and_keeps_what_was_typed(
    robin: Client, eligibility: Eligibility, cast: Cast
) -> None:
    give_passkey(cast.employee)

    answer = robin.post(form_of(eligibility), wish(justification="Too short"))

    assert answer.status_code == 422
    assert "Say it in at least 10 characters." in shown(answer)
    assert "Too short" in shown(answer)
    assert not StepUp.objects.exists()


def test_a_strangers_eligibility_is_not_there_and_forged_fields_are_refused(
    robin: Client, eligibility: Eligibility, cast: Cast
) -> None:
    stranger = signed_in(cast.outsider)
    assert stranger.get(form_of(eligibility)).status_code == 404
    assert stranger.post(form_of(eligibility), wish()).status_code == 404
    for name in FORGED:
        assert robin.post(form_of(eligibility), wish(**{name: "x"})).status_code == 400


def test_who_may_see_it(eligibility: Eligibility, cast: Cast) -> None:
    use = end(rush(eligibility, cast.employee))

    expected = {
        "employee": 200,
        "approver": 200,
        "second_approver": 404,
        "administrator": 200,
        "auditor": 200,
    }
    for name, status in (expected | {"outsider": 404, "root": 404}).items():
        client = signed_in(getattr(cast, name))
        assert (name, client.get(page_of(use)).status_code) == (name, status)
        assert (name, client.get("/emergencies/").status_code) == (name, status)


def test_who_only_looks_on_gets_no_form_and_is_refused(eligibility: Eligibility, cast: Cast) -> None:
    use = end(rush(eligibility, cast.employee))
    said = {"finding": "justified", "review": "So it was"}

    for person in (cast.auditor, cast.employee):
        client = signed_in(person)
        assert "Keep this review" not in shown(client.get(page_of(use)))
        assert client.post(page_of(use), said).status_code == 403
        assert client.post(page_of(use), {}).status_code == 403
    assert signed_in(cast.approver).post(page_of(use), {}).status_code == 422
    assert now(use).status == "open"


def test_who_comes_too_late_reads_whose_review_was_first(
    eligibility: Eligibility, cast: Cast, dana: Client
) -> None:
    use = end(rush(eligibility, cast.employee))
    kim = signed_in(cast.approver)
    said = {"finding": "justified", "review": "So it was"}

    assert kim.post(page_of(use), said).status_code == 302
    late = dana.post(page_of(use), said)

    assert late.status_code == 409
    assert "Kim Placeholder was faster and reviewed it" in shown(late)


def test_the_menu_counts_what_waits_and_shows_the_line_to_whoever_has_work(
    eligibility: Eligibility, cast: Cast, dana: Client
) -> None:
    kim, pat = signed_in(cast.approver), signed_in(cast.outsider)
    assert "Emergencies" not in shown(kim.get("/"))
    assert "Emergencies" in shown(dana.get("/"))

    use = end(rush(eligibility, cast.employee))

    assert "Emergencies" in shown(kim.get("/"))
    assert "Emergencies" not in shown(pat.get("/"))
    kim.post(page_of(use), {"finding": "justified", "review": "So it was"})
    assert "Emergencies" not in shown(kim.get("/"))
    assert page_of(use) in shown(kim.get("/emergencies/")), "whoever reviewed it finds it again"


@pytest.mark.parametrize("words", HOSTILE)
def test_what_people_write_is_shown_as_text(
    eligibility: Eligibility, cast: Cast, dana: Client, words: str
) -> None:
    use = end(rush(eligibility, cast.employee, justification=f"Because {words}"))
    dana.post(page_of(use), {"finding": "not_justified", "review": words})

    for address in (page_of(use), "/emergencies/", f"/requests/{use.access_request_id}/"):
        page = dana.get(address).content.decode()
        assert "<script>alert(1)" not in page
        assert "<img src=x" not in page
        assert "<svg/onload" not in page
    assert now(use).status == "reviewed"


def test_a_long_list_shows_those_that_wait_first(role: Role, cast: Cast, dana: Client) -> None:
    eligibility = make_eligibility(role, cast.employee)
    for _ in range(3):
        use = end(rush(eligibility, cast.employee))
        dana.post(page_of(use), {"finding": "justified", "review": "So it was"})
    rush(make_eligibility(role, cast.second_approver), cast.second_approver)

    page = shown(dana.get("/emergencies/"))

    assert "1 emergency activation is not reviewed" in page
    assert page.index("Jo Mockup: Operator") < page.index("Robin Sample: Operator")
