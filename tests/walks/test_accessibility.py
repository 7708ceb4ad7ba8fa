"""Every page, light and dark, wide and on a phone: nothing serious for axe, nothing wider than the window."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from approvals.models import AccessRequest, SettingsChange, SettingsTemplate
from audit.alerts.alerting import raise_alert
from audit.journal.actor import PORTAL
from audit.journal.models import AuditEvent
from roles.models import Drift, Eligibility, Role
from tests.walks.conftest import Visitor, serious_findings

WINDOWS = [
    {"viewport": {"width": 1440, "height": 900}, "color_scheme": "light"},
    {"viewport": {"width": 1440, "height": 900}, "color_scheme": "dark"},
    {"viewport": {"width": 390, "height": 844}, "color_scheme": "light"},
    {"viewport": {"width": 360, "height": 740}, "color_scheme": "dark"},
]
PAGES = {
    "robin": [
        "/",
        "/?several=1&pick={free}",
        "/my-roles/",
        "/my-roles/together/?pick={free}",
        "/my-requests/",
        "/inbox/",
        "/second-factors/",
        "/my-audit/",
        "/step-up/",
        "/nowhere/",
    ],
    "kim": ["/to-decide/", "/requests/{request}/"],
    "dana": [
        "/assignments/",
        "/assignments/new/",
        "/people/",
        "/people/invite/",
        "/people/1/",
        "/alerts/",
        "/people/1/help/",
        "/directories/connect/",
        "/directories/connect/postgresql/",
        "/directories/{directory}/connection/",
        "/tasks/",
        "/directories/{directory}/",
        "/directories/{directory}/drift/",
        "/directories/{directory}/drift/{drift}/",
        "/directories/{directory}/dry-run/",
        "/directories/{directory}/answers/",
        "/role-settings/",
        "/role-settings/portal/",
        "/role-settings/role/{role}/",
        "/role-settings/templates/",
        "/role-settings/templates/new/",
        "/role-settings/templates/{template}/apply/?pick={role}",
        "/role-settings/together/?pick={role}",
        "/role-settings/compare/?pick={role}&pick={other}",
        "/role-settings/changes/",
        "/role-settings/changes/{change}/",
    ],
    "toni": ["/journal/", "/journal/{event}/", "/assignments/?tab=active", "/role-settings/role/{role}/"],
}


@pytest.mark.parametrize("login", PAGES)
def test_every_page_is_accessible_and_fits(login: str, demo: object, visit: Callable[..., Visitor]) -> None:
    # given the demo with a waiting request and an open alert
    raise_alert(
        "rights_not_revoked",
        key="directory:1",
        severity="high",
        title="2 ended in the portal but not yet revoked in PostgreSQL · billing",
        text="The directory did not answer in 5 seconds. The portal keeps trying, with growing pauses.",
        url="/assignments/",
        tell=[],
        actor=PORTAL,
    )
    role = Role.objects.get(name="Database administrator")
    differs = Drift.objects.create(
        directory=role.directory, role=role, kind=Drift.Kind.FOUND_OUTSIDE, account="svc-nightly-export"
    )
    keys = {
        "directory": role.directory_id,
        "drift": differs.pk,
        "request": AccessRequest.objects.latest("pk").pk,
        "event": AuditEvent.objects.latest("number").number,
        "role": role.pk,
        "other": Role.objects.get(name="Billing reader").pk,
        "free": Eligibility.objects.filter(person__email__startswith="robin@").latest("pk").pk,
        "template": SettingsTemplate.objects.first().pk,  # type: ignore[union-attr]
        "change": SettingsChange.objects.latest("pk").pk,
    }
    visitor = visit(login)
    # when each page is opened, the way in included
    page = visitor.go("/sign-in/")
    found = {"/sign-in/": serious_findings(page)}
    visitor.sign_in()
    for window in WINDOWS:
        page.set_viewport_size(window["viewport"])  # type: ignore[arg-type]
        page.emulate_media(color_scheme=window["color_scheme"])  # type: ignore[arg-type]
        for path in PAGES[login]:
            visitor.go(path.format(**keys))
            name = f"{path} {window['viewport']['width']} {window['color_scheme']}"  # type: ignore[index]
            found[name] = serious_findings(page)
            wide = page.evaluate(
                "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            )
            if wide > 0:
                found[name].append(f"{wide} px wider than the window")
    # then axe finds nothing serious, and nothing has to be scrolled sideways
    assert {name: findings for name, findings in found.items() if findings} == {}
