"""No act without its entry, no entry without its act; refusals stay on record."""

from collections.abc import Callable

import pytest
from django.db import DatabaseError, transaction

from accounts.models import Group, User
from audit.alerts.alerting import raise_alert
from audit.alerts.models import Alert
from audit.journal.actor import PORTAL, Actor
from audit.journal.lifecycle import IllegalMove, move_all_to, move_to
from audit.journal.models import AuditEvent
from audit.journal.recording import delete_as, journaled, record, save_as
from audit.journal.refusing import NotAllowed, Overtaken, Refused
from audit.journal.verifying import verify_journal
from tests.factories.people import make_person

pytestmark = pytest.mark.django_db


@pytest.fixture
def alert(db: None) -> Alert:
    return raise_alert("test", key="one", severity="high", title="Something", actor=PORTAL)


@journaled
def rename(person: User, *, actor: Actor, to: str) -> None:
    """Give ``person`` another name, unless it is Mallory."""
    person.display_name = to
    save_as(person, actor=actor)
    if to == "Mallory":
        raise NotAllowed("Nobody is called Mallory here.")


def test_a_refusal_is_recorded_after_everything_the_verb_did_was_taken_back() -> None:
    robin, dana = make_person("robin", "Robin Sample"), make_person("dana", "Dana Fictive")
    before = AuditEvent.objects.count()
    with pytest.raises(NotAllowed):
        rename(robin, actor=Actor.of(dana, address="192.0.2.1"), to="Mallory")
    robin.refresh_from_db()
    assert robin.display_name == "Robin Sample"
    [event] = AuditEvent.objects.order_by("number")[before:]
    assert (event.action, event.outcome, event.actor, event.about) == (
        "portal.refused",
        "refused",
        dana,
        robin,
    )
    assert event.detail == {"verb": "rename", "code": "not_allowed", "why": "Nobody is called Mallory here."}
    assert event.actor_address == "192.0.2.1"


def test_a_question_back_is_not_a_refusal() -> None:
    class Question(Refused):
        is_a_question = True

    @journaled
    def ask(*, actor: Actor) -> None:
        raise Question("Which code?")

    with pytest.raises(Question):
        ask(actor=PORTAL)
    assert not AuditEvent.objects.filter(action="portal.refused").exists()


def test_a_refusal_within_a_refusal_is_recorded_once() -> None:
    robin = make_person("robin", "Robin Sample")

    @journaled
    def outer(person: User, *, actor: Actor) -> None:
        rename(person, actor=actor, to="Mallory")

    with pytest.raises(NotAllowed):
        outer(robin, actor=PORTAL)
    assert [event.detail["verb"] for event in AuditEvent.objects.filter(action="portal.refused")] == ["outer"]


def edit(alert: Alert, person: User) -> None:
    person.display_name = "Mallory"
    save_as(person, actor=PORTAL)


def delete(alert: Alert, person: User) -> None:
    delete_as(person, actor=PORTAL)


def move(alert: Alert, person: User) -> None:
    move_to(alert, Alert.Status.RESOLVED, actor=PORTAL, action="alert.resolved")


def begin(alert: Alert, person: User) -> None:
    raise_alert("test", key="two", severity="high", title="Something else", actor=PORTAL)


@pytest.mark.parametrize("act", [edit, delete, move, begin], ids=lambda act: act.__name__)
def test_I2_what_cannot_be_recorded_does_not_happen(
    act: Callable[[Alert, User], None], alert: Alert, broken_journal: None
) -> None:
    person = User.objects.bulk_create([User(email="robin@example.test", display_name="Robin Sample")])[0]
    with pytest.raises(DatabaseError, match="no space left"), transaction.atomic():
        act(alert, person)
    assert User.objects.get(pk=person.pk).display_name == "Robin Sample"
    assert list(Alert.objects.values_list("key", "status")) == [("one", "open")]
    assert Alert.history.count() == 1
    assert User.history.filter(id=person.pk).count() == 0


def test_a_move_the_table_does_not_hold_is_a_fault_and_changes_nothing(alert: Alert) -> None:
    move_to(alert, "resolved", actor=PORTAL, action="alert.resolved")
    with pytest.raises(IllegalMove):
        move_to(alert, "open", actor=PORTAL, action="alert.opened")
    assert Alert.objects.get().status == "resolved"
    assert not AuditEvent.objects.filter(action="alert.opened").exists()


def test_who_moves_what_somebody_else_has_moved_is_overtaken_and_takes_no_number(alert: Alert) -> None:
    stale = Alert.objects.get()
    move_to(alert, "acknowledged", actor=PORTAL, action="alert.acknowledged")
    count = AuditEvent.objects.count()
    with pytest.raises(Overtaken):
        move_to(stale, "acknowledged", actor=PORTAL, action="alert.acknowledged")
    assert AuditEvent.objects.count() == count
    assert verify_journal().holds


def test_of_many_that_move_together_all_do_or_none(alert: Alert) -> None:
    other = raise_alert("test", key="two", severity="low", title="Another", actor=PORTAL)
    stale = Alert.objects.get(pk=other.pk)
    move_to(other, "resolved", actor=PORTAL, action="alert.resolved")
    with pytest.raises(Overtaken):
        move_all_to([alert, stale], "resolved", actor=PORTAL, action="alert.resolved")
    assert Alert.objects.get(key="one").status == "open"
    assert AuditEvent.objects.filter(action="alert.resolved").count() == 1


def test_a_move_writes_status_history_and_entry_together(alert: Alert) -> None:
    dana = make_person("dana", "Dana Fictive")
    move_to(
        alert,
        "acknowledged",
        actor=Actor.of(dana),
        action="alert.acknowledged",
        justification="on it",
        taken_by=dana,
    )
    row = Alert.history.first()
    assert (row.status, row.taken_by, row.history_user, row.history_change_reason) == (
        "acknowledged",
        dana,
        dana,
        "alert.acknowledged",
    )
    event = AuditEvent.objects.first()
    assert event is not None
    assert (event.action, event.justification, event.actor) == ("alert.acknowledged", "on it", dana)
    assert event.detail == {"from": "open", "to": "acknowledged"}
    assert event.subject_key == str(alert.pk)


def test_an_entry_stays_readable_when_what_it_speaks_of_is_gone() -> None:
    robin, group = make_person("robin", "Robin Sample"), Group.objects.create(name="Helpdesk")
    record("thing.happened", actor=Actor.of(robin), subject=group, about=robin)
    User.objects.filter(pk=robin.pk).update(display_name="Somebody")
    event = AuditEvent.objects.get(action="thing.happened")
    assert (event.actor_name, event.about_name, event.subject_name) == (
        "Robin Sample",
        "Robin Sample",
        "Helpdesk",
    )
