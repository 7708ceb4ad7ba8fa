"""Pages to test with: somebody signed in, and what they fill in."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

from django.test import Client

from accounts.models import User
from tests.cast import sign_in

#: fields that no form has, and that somebody would send who wants more than the form offers
FORGED = ("status", "state", "decided_by", "approver", "requester", "holder", "settings", "asked_settings")

#: what somebody might write so that it runs in the browser, the spreadsheet or the templates of those who read it
HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</textarea><svg/onload=alert(1)>",
    "<a href='javascript:alert(1)'>click</a>",
    '=HYPERLINK("http://elsewhere.test","me")',
    "+cmd|' /C calc'!A0",
    "{{ settings.SECRET_KEY }}{% debug %}",
    "{0.__class__}%(password)s",
]

KEPT = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)">')


def signed_in(person: User, **options: Any) -> Client:
    """A browser in which ``person`` has signed in.

    Args:
        options: of Django's test client.
    """
    client = Client(**options)
    sign_in(client, person)
    return client


def wish(**fields: str) -> dict[str, str]:
    """The activation form, filled in with nothing left out."""
    return {"minutes": "240", "justification": "The nightly job is stuck"} | fields


def kept_fields(page: str) -> dict[str, str]:
    """The form that a page keeps in hidden fields."""
    return {name: unescape(value) for name, value in KEPT.findall(page) if name != "csrfmiddlewaretoken"}
