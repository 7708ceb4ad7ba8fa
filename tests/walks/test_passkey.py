"""Passkeys in a real browser, which holds a virtual device: added, used to sign in and to step up, and not by a code."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import expect

from accounts.models import FactorUse, Passkey
from pim_portal.demo.people import DOMAIN, PASSWORD
from tests.walks.conftest import Visitor, hold_device, serious_findings


def test_a_person_adds_a_passkey_signs_in_with_it_and_changes_their_factors_with_nothing_less(
    demo: object, visit: Callable[..., Visitor], passkeys_here: None
) -> None:
    # given somebody with an authenticator app and a laptop that recognises their finger
    robin = visit("robin")
    page = robin.go("/sign-in/")
    recognises = hold_device(page)
    robin.sign_in()
    robin.go("/second-factors/")

    # when they add a passkey, the portal asks for a fresh code first
    page.get_by_role("link", name="Add a passkey").click()
    expect(page.get_by_text("Adding a passkey needs a fresh second factor")).to_be_visible()
    robin.prove()
    expect(page.get_by_role("heading", name="Add a passkey")).to_be_visible()
    assert serious_findings(page) == []
    page.get_by_label("Name of this passkey").fill("Work laptop")
    page.get_by_role("button", name="Add the passkey").click()

    # then it stands on their page (after recovery codes, should they have had none)
    mine = page.get_by_role("region", name="Passkeys").get_by_text("Work laptop").first
    expect(page.get_by_role("link", name="I have kept them").or_(mine)).to_be_visible()
    robin.go("/second-factors/")
    expect(mine).to_be_visible()
    assert serious_findings(page) == []

    # when they sign in another day, one button does it
    page.context.clear_cookies()
    robin.go("/sign-in/")
    page.get_by_label("Email").fill(f"robin@{DOMAIN}")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("[name=code]")).to_be_visible()
    assert serious_findings(page) == []
    page.get_by_role("button", name="Use your passkey").click()
    page.wait_for_url(robin.address + "/")
    assert FactorUse.objects.latest("pk").method == "passkey"
    assert Passkey.objects.get().last_used_at is not None

    # when a further factor is to be set up, a code is not offered any more
    robin.go("/enrol/")
    expect(page.get_by_text("A code is not enough here")).to_be_visible()
    expect(page.locator("[name=code]")).to_have_count(0)
    assert serious_findings(page) == []

    # and a stranger's finger gets nowhere, whoever's password they know
    recognises(False)
    page.get_by_role("button", name="Use your passkey").click()
    expect(page.get_by_role("alert")).to_contain_text("Your browser got no answer from a passkey")

    # then the owner's does
    recognises(True)
    page.get_by_role("button", name="Use your passkey").click()
    expect(page.get_by_role("img", name="QR code")).to_be_visible()
