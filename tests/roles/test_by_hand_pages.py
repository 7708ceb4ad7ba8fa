"""The pages of what is done by hand."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from guardian.shortcuts import assign_perm
from time_machine import TimeMachineFixture

from audit.describing import describe
from audit.journal.models import AuditEvent
from roles.models import Assignment, HandTask
from roles.sweeping import sweep
from tests.cast import Cast
from tests.factories.pages import signed_in
from tests.factories.roles import now
from tests.roles.test_by_hand import keyholder, open_cabinet

pytestmark = pytest.mark.django_db

MENU = 'href="/tasks/"'


@pytest.fixture
def held(clock: TimeMachineFixture, cast: Cast) -> Assignment:
    cabinet = open_cabinet()
    assign_perm("own_directory", cast.approver, cabinet)
    held = keyholder(cast, cabinet)
    sweep()
    return now(held)


def words(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def test_an_owner_finds_it_in_the_menu_does_it_and_says_so(
    held: Assignment, cast: Cast, clock: TimeMachineFixture
) -> None:
    client, task = signed_in(cast.approver), HandTask.objects.get()
    assert MENU in words(client, "/")
    assert "Put Robin Sample into “Vault keyholders” in Key cabinet" in words(client, "/tasks/")
    shown = words(client, f"/tasks/{task.pk}/")
    assert "give “Vault keyholders” to the account <code>robin</code>" in shown
    assert "It could not be done" in shown

    answer = client.post(f"/tasks/{task.pk}/", {"answer": "done", "note": "Key 7"}, follow=True)
    assert "The portal goes on from here" in answer.content.decode()
    assert "Key 7" in answer.content.decode()
    sweep()
    assert now(held).status == Assignment.Status.ACTIVE
    assert MENU not in words(client, "/")

    clock.shift(timedelta(hours=4))
    sweep()
    shown = words(signed_in(cast.approver), "/tasks/")
    assert "1 right should be gone and still stands." in shown
    assert "Should be gone: asked" in shown


def test_who_has_nothing_to_do_there_does_not_see_it_in_the_menu(held: Assignment, cast: Cast) -> None:
    for person in (cast.employee, cast.outsider, cast.auditor):
        assert MENU not in words(signed_in(person), "/")
    assert MENU in words(signed_in(cast.administrator), "/")


def test_a_reason_is_asked_for_when_it_could_not_be_done(held: Assignment, cast: Cast) -> None:
    client, task = signed_in(cast.approver), HandTask.objects.get()
    answer = client.post(f"/tasks/{task.pk}/", {"answer": "not_done", "note": ""})
    assert answer.status_code == 422
    assert "Say why it could not be done." in answer.content.decode()
    answer = client.post(f"/tasks/{task.pk}/", {"note": "x"})
    assert (answer.status_code, now(task).status) == (422, "open")
    assert "Say whether it is done." in answer.content.decode()

    client.post(f"/tasks/{task.pk}/", {"answer": "not_done", "note": "The key is lost"})
    assert now(task).status == "refused"


def test_whoever_comes_second_reads_who_was_faster(held: Assignment, cast: Cast) -> None:
    task = HandTask.objects.get()
    for person, status in ((cast.approver, 302), (cast.administrator, 409)):
        answer = signed_in(person).post(f"/tasks/{task.pk}/", {"answer": "done", "note": ""})
        assert answer.status_code == status
    assert f"{cast.approver} was faster" in answer.content.decode()


def test_the_person_it_is_about_may_look_if_they_own_it_and_not_answer(held: Assignment, cast: Cast) -> None:
    task = HandTask.objects.get()
    assert signed_in(cast.employee).get(f"/tasks/{task.pk}/").status_code == 404
    assign_perm("own_directory", cast.employee, held.role.directory)
    client = signed_in(cast.employee)
    assert "This is about you" in words(client, f"/tasks/{task.pk}/")
    assert MENU not in words(client, "/")
    assert client.post(f"/tasks/{task.pk}/", {"answer": "done"}).status_code == 403
    assert now(task).status == "open"


def test_what_is_written_is_shown_as_it_is(held: Assignment, cast: Cast) -> None:
    task = HandTask.objects.get()
    client = signed_in(cast.approver)
    answer = client.post(
        f"/tasks/{task.pk}/", {"answer": "done", "note": "<script>alert(1)</script>"}, follow=True
    )
    assert "<script>alert(1)" not in answer.content.decode()


def test_the_journal_tells_it_in_sentences(held: Assignment, cast: Cast) -> None:
    task = HandTask.objects.get()
    signed_in(cast.approver).post(f"/tasks/{task.pk}/", {"answer": "done"})
    said = [
        describe(one) for one in AuditEvent.objects.filter(action__startswith="hand_task").order_by("number")
    ]

    what = "Put Robin Sample into “Vault keyholders” in Key cabinet"
    assert said == [
        f"The portal asked for something to be done by hand: {what}",
        f"{cast.approver} did by hand: {what}",
    ]
