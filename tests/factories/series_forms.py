"""The form of a series of reviews, filled in."""

from __future__ import annotations

from typing import Any

from django.test import Client

from approvals.reviews.models import ReviewSeries
from roles.models import Role
from tests.factories.forms import Form, form_in

LIST, NEW = "/reviews/", "/reviews/new/"


def page_of(series: ReviewSeries) -> str:
    return f"/reviews/series/{series.pk}/"


def shown(answer: Any) -> str:
    return " ".join(answer.content.decode().split())


def filled(client: Client, role: Role | None, address: str = NEW, **said: Any) -> Form:
    """The form as the page has it, with a name, a role and Kim as the reviewer, and with what is ``said``."""
    form = form_in(client.get(address), "series")
    form.pop("act", None)  # a browser sends it for the button that was pressed alone
    usual = {"name": ["Vault, twice a year"], "s1-add_reviewer": ["kim@example.test"]}
    form |= usual | ({"roles": [str(role.pk)]} if role else {})
    for name, value in said.items():
        name = name.replace("s1_", "s1-").replace("s2_", "s2-")
        if value is None:
            form.pop(name, None)
        else:
            form[name] = value if isinstance(value, list) else [str(value)]
    return form
