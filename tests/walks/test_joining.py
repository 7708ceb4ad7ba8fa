"""Coming in as a new person: one-time link, password, authenticator app, recovery codes; and a duty activated like any role."""

from __future__ import annotations

import re
from collections.abc import Callable

from django.core import mail
from playwright.sync_api import expect

from accounts.models import Authenticator, User
from tests.cast import code_for
from tests.walks.conftest import Visitor

CHOSEN = "a-long-password-of-their-own"


def test_an_invited_person_sets_up_both_factors_and_signs_in(
    demo: object, visit: Callable[..., Visitor]
) -> None:
    # given an administrator who invites somebody
    dana = visit("dana")
    office = dana.sign_in()
    dana.go("/people/invite/")
    office.get_by_label("Name").fill("Nova Newcomer")
    office.get_by_label("Email").fill("nova@example.test")
    office.get_by_role("button", name="Send the invitation").click()
    if office.get_by_role("heading", name="Confirm it is you").is_visible():
        dana.prove()
    expect(office.get_by_text("Nova Newcomer").first).to_be_visible()
    link = next(
        found for sent in reversed(mail.outbox) if (found := re.search(r"/invitation/\S+", str(sent.body)))
    )

    # when the person opens the link, sets a password and scans the picture
    nova = visit("nova")
    page = nova.go(link[0])
    page.locator("input[type=password]").nth(0).fill(CHOSEN)
    page.locator("input[type=password]").nth(1).fill(CHOSEN)
    page.get_by_role("button", name="Set the password").click()
    expect(page.get_by_role("img", name="QR code")).to_be_visible()
    secret = page.locator("code.secret").inner_text()
    device = Authenticator.objects.get(user__email="nova@example.test")
    assert secret == device.secret
    page.locator("[name=code]").fill(device.code_at(device.present_step))
    page.get_by_role("button", name="Confirm and go on").click()

    # then recovery codes are shown once, and they are in
    expect(page.locator("[data-code]")).to_have_count(10)
    codes = page.locator("[data-code]").all_inner_texts()
    page.get_by_role("link", name="I have kept them").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("You hold no role right now")
    expect(page.get_by_text("You have no roles to activate")).to_be_visible()

    # and the link is spent, and a recovery code signs them in when the phone is not at hand
    again = visit("nova")
    other = again.go(link[0])
    expect(other.get_by_text("This link no longer works")).to_be_visible()
    again.go("/sign-in/")
    other.get_by_label("Email").fill("nova@example.test")
    other.get_by_label("Password", exact=True).fill(CHOSEN)
    other.get_by_role("button", name="Sign in").click()
    expect(other.locator("[name=code]")).to_be_visible()
    if other.get_by_text("recovery code").first.is_visible():
        other.get_by_text("recovery code").first.click()
    box = other.locator("[name=recovery_code]:visible, [name=code]:visible").last
    box.fill(codes[0])
    box.press("Enter")
    expect(other.get_by_role("heading", level=1)).to_have_text("You hold no role right now")


def test_a_duty_is_activated_like_any_role_and_opens_its_pages(
    demo: object, visit: Callable[..., Visitor]
) -> None:
    # given an auditor's deputy who may activate a reading duty and sees nothing of it yet
    tatum = visit("tatum")
    page = tatum.sign_in()
    expect(page.get_by_role("link", name="Journal")).to_have_count(0)

    # when they activate it, with the code in the form itself
    page.get_by_label("Why").fill("Quarterly audit")
    page.locator("#quick [name=code]").fill(code_for(User.objects.get(email="tatum@example.test")))
    page.get_by_role("button", name="Activate for").click()

    # then it is in force at once, without any worker
    expect(page.get_by_role("status").get_by_text("Active")).to_be_visible()
    page.get_by_role("link", name="Journal", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.get_by_text("Tatum Clearance asked for Security Reader").first).to_be_visible()
