"""Role settings in a real browser: tabs, what is left to the level above, the aside that follows, chips, and saving."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import expect

from approvals.models import SettingsChange
from roles.effective import settings_at
from roles.models import Role
from tests.walks.conftest import Visitor


def test_an_administrator_changes_a_role_and_sees_what_it_means_before(
    demo: object, visit: Callable[..., Visitor]
) -> None:
    # given the page of a role
    role = Role.objects.get(name="Billing operator")
    dana = visit("dana")
    page = dana.sign_in()
    dana.go(f"/role-settings/role/{role.pk}/")
    expect(page.locator("#assignment")).to_be_hidden()
    # when a value is said here that was left to the level above
    page.locator("input[name=set-inherit][value=approval_required]").uncheck()
    page.get_by_role("switch", name="Someone must approve").check()
    page.locator("input[name=set-inherit][value=approvers]").uncheck()
    page.get_by_label("Add a person or a group", exact=True).fill("Database owners; jo@example.test")
    page.get_by_label("Add a person or a group", exact=True).press("Enter")
    # then the approvers are chips, the aside says what it means, and nothing is saved
    expect(page.locator(".chip.kept")).to_have_count(2)
    expect(page.locator("#meaning .effect")).to_contain_text("waits for one of")
    expect(page.locator("#changes")).to_have_text("2 changes")
    expect(page.locator("#was-approval_required")).to_have_text("was: off, inherited")
    assert not SettingsChange.objects.filter(role=role).exists()
    # and in another tab, a value left alone hides its control
    page.get_by_role("link", name="Assignment", exact=True).click()
    expect(page.locator("#activation")).to_be_hidden()
    expect(page.get_by_role("switch", name="Second factor")).to_have_count(0)
    # when it is saved and proved, it counts
    page.get_by_role("button", name="Save settings…").click()
    dana.prove()
    expect(page.locator(".toast")).to_contain_text("The settings of Billing operator are saved.")
    assert settings_at(role).approval_required
