"""Entering, changing, trying and removing web hooks: who may, what is asked for it, and that a secret is shown once."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts.mfa.freshness import StepUpRequired
from approvals.hooks import keeping
from approvals.hooks.keeping import Wanted, change_hook, enter_hook, remove_hook, replace_secret
from approvals.hooks.models import Hook, HookCall
from approvals.hooks.signing import secrets_of
from approvals.hooks.trying import try_hook
from approvals.models import SettingsTemplate
from approvals.settings.places import Document
from audit.journal.models import AuditEvent
from audit.journal.refusing import NotAllowed, Overtaken, Refused
from roles import reachable
from tests.approvals.hooks.conftest import Ask, send_now
from tests.cast import Cast, code_for
from tests.factories.hooks import make_hook, raw, says, serving
from tests.factories.pages import kept_fields, signed_in
from tests.factories.roles import acting, acts_on, change_settings, give_evidence, now, refusals_on

pytestmark = pytest.mark.django_db

WANTED = Wanted("Ticket check", "http://127.0.0.1:9/check", timeout_seconds=5, retries=1)
FORM = {
    "name": "Ticket check",
    "key": "",
    "url": "http://127.0.0.1:9/check",
    "timeout_seconds": "5",
    "retries": "1",
} | {"justification": "Tickets shall be checked"}


def proven(verb: Any, thing: Any, person: Any, **said: Any) -> Any:
    """Do it, and prove oneself when asked to."""
    actor = acting(person)
    with pytest.raises(StepUpRequired) as question:
        verb(thing, actor=actor, **said)
    give_evidence(actor, act=question.value.act)
    return verb(thing, actor=actor, **said)


def test_an_administrator_enters_one_and_its_secret_is_kept_sealed(cast: Cast) -> None:
    hook, secret = proven(enter_hook, "", cast.administrator, wanted=WANTED, justification="Tickets")

    assert (hook.key, secrets_of(now(hook))) == ("ticket-check", [secret])
    assert secret.startswith("whsec_")
    assert secret not in now(hook).sealed_secret
    assert acts_on(hook) == ["hook.created"]
    assert secret not in str(list(AuditEvent.objects.values())) + str(list(Hook.history.values()))
    assert "sealed1" not in str(list(AuditEvent.objects.values())) + str(list(Hook.history.values()))


def test_the_proof_is_for_this_very_hook(cast: Cast) -> None:
    actor = acting(cast.administrator)
    with pytest.raises(StepUpRequired) as question:
        enter_hook("", actor=actor, wanted=WANTED, justification="Tickets")
    give_evidence(actor, act=question.value.act)
    elsewhere = Wanted("Ticket check", "http://127.0.0.1:10/", timeout_seconds=5, retries=1)
    with pytest.raises(StepUpRequired):
        enter_hook("", actor=actor, wanted=elsewhere, justification="Tickets")


@pytest.mark.parametrize(
    ("wanted", "key", "why", "field"),
    [
        (Wanted("", WANTED.url), "key", "Why", "name"),
        (Wanted("!!!", WANTED.url), "", "Why", "key"),
        (Wanted("Name", "ftp://127.0.0.1/"), "", "Why", "url"),
        (Wanted("Name", "https://me:word@hook.example.test/"), "", "Why", "url"),
        (Wanted("Name", WANTED.url, timeout_seconds=31), "", "Why", "timeout_seconds"),
        (Wanted("Name", WANTED.url, retries=6), "", "Why", "retries"),
        (WANTED, "taken", "Why", "key"),
        (WANTED, "", " ", "justification"),
    ],
)
def test_what_is_missing_or_wrong_is_refused_beside_its_field(
    cast: Cast, wanted: Wanted, key: str, why: str, field: str
) -> None:
    make_hook(WANTED.url, key="taken")
    with pytest.raises(Refused) as refusal:
        enter_hook(key, actor=acting(cast.administrator), wanted=wanted, justification=why)
    assert refusal.value.field == field
    assert Hook.objects.count() == 1


def test_nobody_else_may(cast: Cast) -> None:
    hook = make_hook(WANTED.url)
    for person in (cast.employee, cast.auditor, cast.root):
        actor = acting(person)
        with pytest.raises(NotAllowed):
            enter_hook("other", actor=actor, wanted=WANTED, justification="Why")
        with pytest.raises(NotAllowed):
            change_hook(hook, actor=actor, wanted=WANTED, justification="Why")
        with pytest.raises(NotAllowed):
            replace_secret(hook, actor=actor, justification="Why")
        with pytest.raises(NotAllowed):
            remove_hook(hook, actor=actor, justification="Why")
        with pytest.raises(NotAllowed):
            try_hook(hook, actor=actor)
    assert refusals_on(hook) == ["not_allowed"] * 12


def test_a_new_secret_signs_beside_the_one_before_it_and_not_the_one_before_that(cast: Cast) -> None:
    hook = make_hook(WANTED.url)
    first = secrets_of(hook)[0]
    second = proven(replace_secret, hook, cast.administrator, justification="Every year")
    assert secrets_of(now(hook)) == [second, first]
    third = proven(replace_secret, hook, cast.administrator, justification="Once more")
    assert secrets_of(now(hook)) == [third, second]
    assert acts_on(hook)[-2:] == ["hook.secret_replaced"] * 2


def test_one_that_settings_name_keeps_its_address_where_changes_take_two(
    ask_for: Ask, cast: Cast, settings: Settings
) -> None:
    hook = make_hook(WANTED.url)
    ask_for()
    moved = Wanted("Ticket check", "http://127.0.0.1:10/", timeout_seconds=5, retries=1)
    with pytest.raises(Refused, match="Role settings of Operator") as refusal:
        change_hook(hook, actor=acting(cast.administrator), wanted=moved, justification="Why")
    assert refusal.value.code == "hook_in_use"
    renamed = Wanted("Tickets", hook.url, timeout_seconds=6, retries=1)
    proven(change_hook, hook, cast.administrator, wanted=renamed, justification="Why")
    assert str(now(hook)) == "Tickets"
    settings.FOUR_EYES = False
    proven(change_hook, hook, cast.administrator, wanted=moved, justification="Why")
    assert now(hook).url == moved.url


def test_one_that_is_named_stays_and_one_that_is_not_goes_with_its_calls_kept(
    ask_for: Ask, cast: Cast
) -> None:
    hook = make_hook(WANTED.url)
    filed = ask_for()
    with pytest.raises(Refused, match="still named by: Role settings of Operator"):
        remove_hook(hook, actor=acting(cast.administrator), justification="Why")
    change_settings(filed.role, hook=None)
    template = SettingsTemplate.objects.create(name="Strict", hook=hook.key)
    with pytest.raises(Refused, match="The template Strict"):
        remove_hook(hook, actor=acting(cast.administrator), justification="Why")
    template.delete()

    proven(remove_hook, hook, cast.administrator, justification="Why")

    call = send_now(filed)
    assert (call.hook, call.outcome) == (None, HookCall.Outcome.SILENT)
    assert acts_on(hook)[-1] == "hook.deleted"
    with pytest.raises(Overtaken):
        remove_hook(hook, actor=acting(cast.administrator), justification="Why")


def test_a_change_that_waits_names_it_too(monkeypatch: pytest.MonkeyPatch) -> None:
    assert keeping._says(Document(values={"hook": "ticket-check"}).as_json(), "ticket-check")
    assert not keeping._says(Document(values={"hook": "other"}).as_json(), "ticket-check")


def test_a_page_that_is_older_than_the_last_change_changes_nothing(cast: Cast) -> None:
    hook = make_hook(WANTED.url)
    seen = keeping.version_of(hook)
    proven(change_hook, hook, cast.administrator, wanted=WANTED, justification="Why", seen=seen)
    with pytest.raises(Overtaken):
        change_hook(hook, actor=acting(cast.administrator), wanted=WANTED, justification="Why", seen=seen)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (says("Denied", "Closed."), ("Denied", "Closed.", "E-1", "nothing comes of it")),
        (raw(b"<script>alert(1)</script>", status=500), ("No answer", "HTTP status 500", "&lt;script&gt;")),
    ],
)
def test_trying_it_shows_what_it_answered_and_says_that_it_is_a_test(
    cast: Cast, answer: Any, words: tuple[str, ...]
) -> None:
    browser = signed_in(cast.administrator)
    with serving(answer) as server:
        hook = make_hook(server.url)
        page = browser.post(reverse("try_hook", args=[hook.pk]))
    text = page.content.decode()

    assert page.status_code == 200
    for word in words:
        assert word in text
    assert "<script>alert" not in text
    assert server.questions[0]["test"] is True
    assert not HookCall.objects.exists()
    assert acts_on(hook)[-1] == "hook.tried"


def step_up(browser: Client, page: Any, cast: Cast) -> Any:
    """Give the code that was asked for, and send the form again that was kept meanwhile."""
    assert page.status_code == 303
    asked = browser.post(page["Location"], {"code": code_for(cast.administrator)}, follow=True)
    return asked


def test_in_the_browser_its_secret_is_shown_once_and_kept_by_no_cache(cast: Cast) -> None:
    browser = signed_in(cast.administrator)
    continued = step_up(browser, browser.post(reverse("new_hook"), FORM), cast)
    page = browser.post(reverse("new_hook"), kept_fields(continued.content.decode()))
    hook = Hook.objects.get()
    [secret] = secrets_of(hook)

    assert secret in page.content.decode()
    assert "no-store" in page["Cache-Control"]
    for name in ("hooks", "hook"):
        shown = browser.get(reverse(name, args=[hook.pk] if name == "hook" else [])).content.decode()
        assert secret not in shown
        assert hook.sealed_secret not in shown
        assert "Ticket check" in shown
    history = browser.get(reverse("journal")).content.decode()
    assert secret not in history


def test_an_address_inside_the_network_cannot_be_entered(cast: Cast, settings: Settings) -> None:
    settings.OUTBOUND_ALLOWED = []
    page = signed_in(cast.administrator).post(reverse("new_hook"), FORM)

    assert page.status_code == 422
    assert "private network" in page.content.decode()


def test_the_list_tells_how_each_fares(ask_for: Ask, cast: Cast) -> None:
    with serving(says("Approved")) as server:
        make_hook(server.url)
        make_hook("http://127.0.0.1:9/", key="other", name="Other")
        send_now(ask_for())
        page = signed_in(cast.auditor).get(reverse("hooks")).content.decode()

    assert "Answers" in page
    assert "Never asked" in page
    assert "1 answered, 0 not, 0 out now" in page
    assert reverse("new_hook") not in page


def test_forms_look_names_up_and_transactions_do_not(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reachable.socket, "getaddrinfo", lambda *_some, **_more: pytest.fail("looked up"))
    hook = make_hook(WANTED.url)
    moved = Wanted("Ticket check", "https://hook.example.test/")
    proven(change_hook, hook, cast.administrator, wanted=moved, justification="Why")
