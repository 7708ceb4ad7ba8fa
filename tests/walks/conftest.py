"""A real browser on the real portal: what a person sees, clicks and types."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, Playwright, sync_playwright
from pytest_django.live_server_helper import LiveServer

from accounts.models import User
from pim_portal.demo.making import make_demo
from pim_portal.demo.people import DOMAIN, PASSWORD
from pim_portal.embedded.postgresql import PostgreSQL
from tests.cast import code_for

# Playwright's synchronous interface runs an event loop in this thread, in which Django would refuse its database.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"

OFFLINE = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(item.fspath).parent == Path(__file__).parent:
            item.add_marker("walk")


@pytest.fixture(scope="session")
def _playwright() -> Iterator[Playwright]:
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="session")
def browser(_playwright: Playwright) -> Iterator[Browser]:
    """Debian's Chromium, without a window."""
    program = shutil.which("chromium")
    assert program, "the browser tests need the program chromium"
    browser = _playwright.chromium.launch(executable_path=program, args=OFFLINE)
    yield browser
    browser.close()


class Visitor:
    """One person at one browser window of their own.

    Args:
        page: the window.
        login: first name in the demo.
        address: where the portal is.
    """

    def __init__(self, page: Page, login: str, address: str) -> None:
        self.page, self.login, self.address = page, login, address
        self.troubles: list[str] = []
        page.on("console", self._note)
        page.on("pageerror", lambda error: self.troubles.append(str(error)))

    @property
    def person(self) -> User:
        """The row behind the person."""
        return User.objects.get(email=f"{self.login}@{DOMAIN}")

    def go(self, path: str) -> Page:
        """Open a page of the portal."""
        self.page.goto(self.address + path)
        return self.page

    def sign_in(self) -> Page:
        """Password, then the code the app shows."""
        page = self.go("/sign-in/")
        page.get_by_label("Email").fill(f"{self.login}@{DOMAIN}")
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        self.prove()
        page.wait_for_url(self.address + "/")
        return page

    def prove(self) -> None:
        """Type the code the app shows now and confirm."""
        self.page.locator("[name=code]").fill(code_for(self.person))
        self.page.locator("[name=code]").press("Enter")

    def _note(self, message: ConsoleMessage) -> None:
        # Chromium reports every answer of 400 and above; the refusals are asked for and looked at on the page.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.troubles.append(message.text)


@pytest.fixture
def visit(browser: Browser, live_server: LiveServer) -> Iterator[Callable[..., Visitor]]:
    """Let somebody open a browser: `visit("robin")`. What the browser's console complains of fails the test."""
    visitors: list[Visitor] = []

    def come(login: str, **window: Any) -> Visitor:
        context = browser.new_context(**window)
        context.set_default_timeout(15_000)
        visitors.append(Visitor(context.new_page(), login, live_server.url))
        return visitors[-1]

    yield come
    for visitor in visitors:
        visitor.page.context.close()
    assert [trouble for visitor in visitors for trouble in visitor.troubles] == []


DEVICE = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


def hold_device(page: Page) -> Callable[[bool], None]:
    """Let the browser hold a device that makes passkeys; returns how to let it recognise its owner, or not."""
    devtools = page.context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    device = devtools.send("WebAuthn.addVirtualAuthenticator", {"options": DEVICE})["authenticatorId"]

    def recognises(owner: bool) -> None:
        said = {"authenticatorId": device, "isUserVerified": owner}
        devtools.send("WebAuthn.setUserVerified", said)

    return recognises


@pytest.fixture
def passkeys_here(live_server: LiveServer, settings: Any) -> None:
    """The portal of this test stands at a port that the settings cannot know."""
    settings.OTP_WEBAUTHN_ALLOWED_ORIGINS = [live_server.url]


@pytest.fixture
def demo(transactional_db: None, postgresql_directory_server: PostgreSQL) -> PostgreSQL:
    """The demo organisation with its billing database; yields the server that one lies on."""
    make_demo(postgresql_url=postgresql_directory_server.url())
    return postgresql_directory_server


def serious_findings(page: Page) -> list[str]:
    """What axe-core finds on a page that is serious or worse, one line each."""
    findings = Axe().run(page).response["violations"]
    return [
        f"{finding['id']}: {finding['help']} ({finding['nodes'][0]['html'][:160]})"
        for finding in findings
        if finding["impact"] in ("serious", "critical")
    ]
