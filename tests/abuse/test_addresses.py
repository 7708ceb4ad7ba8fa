"""Every address of the portal: looking changes nothing (A13), and what is forged decides nothing (A11)."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from django import forms
from django.urls import reverse

from approvals.forms import StrictForm
from tests.abuse.standing import written
from tests.cast import Cast
from tests.factories.connectors import vault  # noqa: F401
from tests.factories.pages import signed_in
from tests.test_permissions_matrix import EXPECTED, arguments, taken_back  # noqa: F401

pytestmark = pytest.mark.django_db

ROOT = Path(__file__).parents[2]
#: what somebody would send who wants the act without the form
ACT = {
    "confirmed": "1",
    "verdict": "approve",
    "act": "remove",
    "minutes": "240",
    "justification": "Now",
    "on": "1",
}
FORGED = dict.fromkeys(("state", "decided_by", "ends_at", "approver", "requester"), "approved")

#: written to by looking, and why that gives nobody anything
BY_LOOKING = {
    "accounts_session": "that somebody was here",
    "django_session": "the same",
    "accounts_stepup": "a page that needs a second factor puts its question",
}
DOWNLOADS = {"journal_auditevent", "journal_journalhead"}  # a download is itself an entry
READ = {"accounts_notification": "that a notification was read"}

#: forms that are no ``StrictForm``, and why that is right
NOT_STRICT = {
    "HistoryFilter": "a filter: nothing is sent by it",
    "MutualFilter": "a filter: nothing is sent by it",
    "Narrowing": "what the filters of reviews are made from",
    "ResultFilter": "a filter: nothing is sent by it",
    "ReviewStageForm": "a part of the form of a series, which knows its fields",
    "RunStageForm": "a part of the form that changes a run, which knows its fields",
    "StageForm": "a part of the form of role settings, which knows its fields",
    "StagePeopleForm": "what the stages of series and runs are made from",
}


@pytest.mark.parametrize("who", ["employee", "administrator"])
def test_A13_looking_changes_nothing_whatever_stands_in_the_address(
    cast: Cast,
    arguments: dict[str, list[Any]],  # noqa: F811
    who: str,
) -> None:
    client, changed = signed_in(getattr(cast, who)), {}
    for name in EXPECTED:
        if name == "health":  # it looks after the sweep, and says so
            continue
        with written() as tables:
            answer = client.get(reverse(name, args=arguments.get(name)), ACT)
            if answer.streaming:
                b"".join(answer.streaming_content)  # type: ignore[attr-defined]
        assert answer.status_code < 500, name
        allowed = set(BY_LOOKING) | (DOWNLOADS if "download" in name else set())
        allowed |= set(READ) if name == "notification" else set()
        if more := tables - allowed:
            changed[name] = more
    assert changed == {}


@pytest.mark.parametrize("who", ["employee", "administrator"])
def test_A11_forged_fields_decide_nothing_at_any_address(
    cast: Cast,
    arguments: dict[str, list[Any]],  # noqa: F811
    who: str,
) -> None:
    client, moved = signed_in(getattr(cast, who)), set()
    for name in EXPECTED:
        with taken_back(client), written() as tables:
            answer = client.post(reverse(name, args=arguments.get(name)), FORGED)
        assert answer.status_code < 500, name
        if answer.status_code not in (400, 403, 404, 405) and tables & {
            "approvals_accessrequest",
            "approvals_decision",
        }:
            moved.add(name)
    # One's own active role is given back by a button alone: there is no field to forge.
    assert moved == ({"deactivate"} if who == "employee" else set())


def test_A11_every_form_about_access_takes_its_own_fields_and_no_other() -> None:
    for path in (ROOT / "approvals").rglob("*.py"):
        if "migrations" not in path.parts:
            import_module(".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"))
    ours = {form for form in below(forms.Form) if form.__module__.startswith("approvals.")}

    assert {form.__name__ for form in ours} >= {"ActivationForm", "DecisionForm", "AssignForm"}
    assert {form.__name__ for form in ours if not issubclass(form, StrictForm)} == set(NOT_STRICT)


def below(kind: type[Any]) -> Iterator[type[Any]]:
    """Every class that is made from ``kind``."""
    for each in kind.__subclasses__():
        yield each
        yield from below(each)
