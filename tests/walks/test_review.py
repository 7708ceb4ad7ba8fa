"""An access review in a real browser: worked through from the keyboard alone, changed again, and read on a phone."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect

from accounts.models import User
from approvals.reviews.models import ReviewDecision, Verdict
from pim_portal.demo.people import DOMAIN
from roles.models import Directory
from tests.factories.reviews import LONG_AGO, make_series, open_run
from tests.factories.roles import make_eligibility, make_role
from tests.walks.conftest import Visitor, serious_findings

WIDE = {"viewport": {"width": 1280, "height": 900}}
PHONE = {"viewport": {"width": 390, "height": 844}}


def somebody(login: str) -> User:
    return User.objects.get(email=f"{login}@{DOMAIN}")


def is_at(page: Page, words: str) -> None:
    """Wait for the page that says so, and for its keys."""
    expect(page.get_by_text(words).first).to_be_visible()
    page.wait_for_load_state()


def test_a_review_is_worked_through_from_the_keyboard(demo: object, visit: Callable[..., Visitor]) -> None:
    # given a review of three people, of whom nobody has used what they may do
    role = make_role(Directory.objects.get(kind="postgresql"), "Invoice archivist")
    for login in ("alex", "mika", "drew"):
        make_eligibility(role, somebody(login), starts_at=LONG_AGO)
    review = open_run(make_series(somebody("dana"), somebody("kim"), roles=[role], name="Of the archive"))

    # when the reviewer opens it from the menu
    kim = visit("kim", **WIDE)
    page = kim.sign_in()
    page.get_by_role("link", name="To review").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("for your answers")
    assert serious_findings(page) == []
    page.get_by_role("link", name="Review Of the archive", exact=True).press("Enter")
    is_at(page, "0 of 3 decided")
    expect(page.get_by_text("Recommended: remove.")).to_be_visible()
    assert serious_findings(page) == []

    # then the keys are told, and one key removes, another saves and goes on
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    assert serious_findings(page) == []
    page.keyboard.press("Escape")
    page.keyboard.press("d")
    expect(page.get_by_text("loses the eligibility for Invoice archivist")).to_be_visible()
    page.keyboard.press("Enter")
    is_at(page, "1 of 3 decided")

    # and keeping asks why before anything is sent; a reason of one's own is offered again
    page.keyboard.press("a")
    page.keyboard.press("Enter")
    why = page.locator("#why")
    expect(why).to_be_focused()
    page.keyboard.type("Keeps the archive of May")
    page.keyboard.press("Enter")
    is_at(page, "2 of 3 decided")
    page.keyboard.press("a")
    page.keyboard.press("1")
    expect(why).to_have_value("Keeps the archive of May")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("You have answered everything")
    is_at(page, "2 keep, 1 remove, 0 open")
    assert serious_findings(page) == []

    # when they take the last answer back, it is open again, and they answer otherwise
    page.keyboard.press("z")
    expect(page.get_by_text("is taken back")).to_be_visible()
    is_at(page, "2 of 3 decided")
    page.keyboard.press("u")
    page.keyboard.press("Enter")
    is_at(page, "3 of 3 decided")

    # then all of it is written down
    said = review.items.order_by("pk").values_list("verdict", flat=True)
    assert list(said) == [Verdict.DENY, Verdict.APPROVE, Verdict.UNKNOWN]
    assert ReviewDecision.objects.filter(void_at=None).count() == 3


def test_on_a_phone_one_case_fills_the_page_and_several_can_be_ticked(
    demo: object, visit: Callable[..., Visitor]
) -> None:
    role = make_role(Directory.objects.get(kind="postgresql"), "Invoice archivist")
    for login in ("alex", "mika", "drew"):
        make_eligibility(role, somebody(login), starts_at=LONG_AGO)
    review = open_run(make_series(somebody("dana"), somebody("kim"), roles=[role], name="Of the archive"))
    kim = visit("kim", color_scheme="dark", **PHONE)
    page = kim.sign_in()

    # when the reviewer opens it on a phone, the list is folded away
    kim.go(f"/reviews/{review.pk}/work/")
    expect(page.get_by_role("button", name="Save and next")).to_be_visible()
    expect(page.get_by_role("link", name="Mika Dummy")).to_be_hidden()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["viewport"]["width"]
    assert serious_findings(page) == []

    # and the list, once asked for, takes several at a time
    page.get_by_role("link", name="List").click()
    page.get_by_role("checkbox", name="Tick Mika Dummy").check()
    page.get_by_role("checkbox", name="Tick Drew Sandbox").check()
    assert serious_findings(page) == []
    page.get_by_role("button", name="Remove").click()
    expect(page.get_by_text("2 are to be removed.")).to_be_visible()
    assert review.items.filter(verdict=Verdict.DENY).count() == 2

    # and the recommendations say first what they would do
    page.get_by_role("link", name="Follow 1 recommendation").click()
    expect(page.get_by_text("1 would be removed")).to_be_visible()
    assert serious_findings(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["viewport"]["width"]
    page.get_by_role("button", name="Keep 0, remove 1").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("You have answered everything")
