"""Every entry reads as a sentence."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from audit.describing import describe, detail_words
from audit.journal.models import AuditEvent
from audit.sentences import SENTENCES

WRITTEN = re.compile(
    r"""(?:\brecord\(\s*|\bEntry\(\s*|\baction=(?:\(?\s*))f?["']([a-z_{}]+\.[a-z_{}]+)["']"""
)


def event(action: str, **fields: Any) -> AuditEvent:
    said = {
        "actor_id": 1,
        "actor_name": "Robin Sample",
        "about_id": 1,
        "about_name": "Robin Sample",
        "role": "Database administrator",
        "directory": "Orders",
    }
    return AuditEvent(action=action, **(said | fields))


def actions_in_source() -> dict[str, str]:
    """Every action that the code writes out, with the file it stands in."""
    found = {}
    for app in ("accounts", "audit", "roles", "approvals", "pim_portal"):
        for file in Path(settings.BASE_DIR, app).rglob("*.py"):
            for action in WRITTEN.findall(file.read_text()):
                found[action] = str(file.relative_to(settings.BASE_DIR))
    return found


def test_every_action_that_the_portal_writes_has_its_sentence() -> None:
    found = actions_in_source()
    assert len(found) > 20, "the search finds them"
    missing = {
        action: file for action, file in found.items() if "{" not in action and action not in SENTENCES
    }
    missing.pop("portal.refused", None)
    assert not missing


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (
            event("activation.requested", detail={"minutes": 240}),
            "Robin Sample asked for Database administrator for 4 h",
        ),
        (event("activation.requested"), "Robin Sample asked for Database administrator"),
        (
            event("activation.approved", actor_id=2, actor_name="Kim Placeholder"),
            "Kim Placeholder approved Database administrator for Robin Sample",
        ),
        (
            event("assignment.provisioned", actor_id=None, actor_name="the portal"),
            "Robin Sample holds Database administrator: Orders confirmed it",
        ),
        (
            event("journal.exported", detail={"scope": "journal", "format": "csv", "count": 412}),
            "Robin Sample downloaded the journal as csv: 412 rows",
        ),
        (
            event(
                "role_settings.changed",
                subject_name="Reader",
                detail={"fields": {"max_minutes": {"from": 60, "to": 90}}},
            ),
            "Robin Sample changed max minutes of the role settings “Reader”",
        ),
        (event("person.created", subject_name="Jo Mockup"), "Robin Sample added the person: Jo Mockup"),
        (
            event(
                "portal.refused",
                outcome="refused",
                subject_name="R-2026-00001",
                detail={"verb": "decide", "why": "No."},
            ),
            "Robin Sample was refused (decide, R-2026-00001): No.",
        ),
        (event("portal.refused", outcome="refused", detail={}), "Robin Sample was refused"),
        (event("kettle.boiled", subject_name="the kettle"), "Robin Sample: kettle boiled, the kettle"),
        (event("kettle.boiled"), "Robin Sample: kettle boiled, kettle"),
    ],
    ids=lambda value: value.action if isinstance(value, AuditEvent) else "",
)
def test_an_entry_reads_as_a_sentence(said: AuditEvent, words: str) -> None:
    assert describe(said) == words


@pytest.mark.parametrize("action", sorted(SENTENCES))
def test_every_sentence_can_be_said_of_a_bare_entry(action: str) -> None:
    words = describe(AuditEvent(action=action, actor_name="Robin Sample"))
    assert words
    assert "%(" not in words


def test_I5_names_cannot_turn_or_break_the_sentence() -> None:
    words = describe(event("activation.requested", actor_name="Robin\u202e\n\nRole: x", role="%(actor)s"))
    assert words == "Robin\\u202e Role: x asked for %(actor)s"


def test_details_are_told_in_words() -> None:
    said = event(
        "role_settings.changed",
        detail={
            "fields": {
                "max_minutes": {"from": 60, "to": 240},
                "manager": {"from": None, "to": 3, "to_name": "Kim Placeholder"},
                "approval_required": {"to": True},
                "secret": "(not shown)",
            },
            "minutes": 150,
            "starts_at": "2026-11-18T13:20:00+00:00",
            "second_factor": {"method": "totp", "device": "Phone"},
            "nothing": None,
            "when": "2026-13-45T99",
            "passed": True,
            "names": ["a", "b"],
        },
    )
    assert detail_words(said) == [
        ("max minutes", "60 → 240"),
        ("manager", "— → Kim Placeholder"),
        ("approval required", "yes"),
        ("secret", "(not shown)"),
        ("minutes", "2 h 30 min"),
        ("starts at", "18 Nov 2026, 13:20 (UTC)"),
        ("second factor", "method: totp, device: Phone"),
        ("nothing", "—"),
        ("when", "2026-13-45T99"),
        ("passed", "yes"),
        ("names", "a, b"),
    ]
