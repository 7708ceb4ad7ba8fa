"""An emergency in two real browsers: past approval with a passkey, seen by an administrator, ended and reviewed."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import expect

from approvals.models import EmergencyUse
from roles.models import Eligibility
from tests.walks.conftest import Visitor, hold_device, serious_findings


def test_a_role_is_activated_past_approval_told_to_everybody_ended_and_reviewed(
    demo: object, visit: Callable[..., Visitor], passkeys_here: None
) -> None:
    # given somebody with a passkey, and a role whose settings allow it
    robin = visit("robin")
    page = robin.go("/sign-in/")
    hold_device(page)
    robin.sign_in()
    robin.go("/second-factors/")
    page.get_by_role("link", name="Add a passkey").click()
    robin.prove()
    page.get_by_label("Name of this passkey").fill("Work laptop")
    page.get_by_role("button", name="Add the passkey").click()
    expect(page.get_by_role("button", name="Add the passkey")).to_have_count(0)

    # when they activate it in an emergency, the form says who learns of it, and the passkey is asked
    mine = Eligibility.objects.get(role__name="Database administrator", person=robin.person)
    robin.go(f"/my-roles/{mine.pk}/activate/")
    page.get_by_role("link", name="This is an emergency").click()
    expect(page.get_by_text("Nobody approves this, and everybody learns of it")).to_be_visible()
    assert serious_findings(page) == []
    page.get_by_label("Why it cannot wait").fill("The cluster is down and nobody answers")
    page.get_by_role("button", name=re.compile("Activate in an emergency")).click()
    page.get_by_role("button", name="Use your passkey").click()
    expect(page.get_by_text("Activated in an emergency, without approval")).to_be_visible()
    assert serious_findings(page) == []

    # then an administrator sees it at once, and it is not reviewed while it goes on
    dana = visit("dana")
    seen = dana.sign_in()
    dana.go("/emergencies/")
    seen.get_by_role("link", name="Robin Sample: Database administrator").click()
    expect(seen.get_by_text("It is reviewed once it is over")).to_be_visible()
    assert serious_findings(seen) == []
    seen.get_by_label("Why").fill("The cluster is up again")
    seen.get_by_role("button", name="End it now").click()
    expect(seen.get_by_role("button", name="End it now")).to_have_count(0)
    use = EmergencyUse.objects.get()
    assert use.access_request.assignment is not None
    assert not use.access_request.assignment.is_in_force()

    # when she says that it was justified, it is closed, and Robin is told
    seen.get_by_label("It was justified").check()
    seen.get_by_role("textbox", name="Your review").fill("The outage is confirmed by the monitoring")
    seen.get_by_role("button", name="Keep this review").click()
    expect(seen.get_by_text("Reviewed").first).to_be_visible()
    use.refresh_from_db()
    assert (use.status, use.reviewer) == ("reviewed", dana.person)
