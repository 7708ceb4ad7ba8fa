"""Every edit of a model with history is in the journal: who, what, from which value to which."""

from typing import Any

import pytest
from simple_history.utils import bulk_create_with_history, bulk_update_with_history

from accounts.models import Group, Membership, User
from audit.alerts.alerting import raise_alert
from audit.journal.actor import PORTAL, Actor
from audit.journal.copying import copy_into_journal, noun_of
from audit.journal.models import AuditEvent
from audit.journal.recording import delete_as, save_as
from roles.models import Directory, Role, RoleSettings
from tests.factories.people import make_person

pytestmark = pytest.mark.django_db


@pytest.fixture
def dana(db: None) -> User:
    return make_person("dana", "Dana Fictive")


def last() -> AuditEvent:
    event = AuditEvent.objects.first()
    assert event is not None
    return event


def test_an_edit_says_who_changed_what_from_which_value_to_which(dana: User) -> None:
    robin, kim = make_person("robin", "Robin Sample"), make_person("kim", "Kim Placeholder")
    robin.job_title, robin.manager = "Operator", kim
    save_as(robin, actor=Actor.of(dana, address="192.0.2.7"), reason="moved to another team")
    event = last()
    assert (event.action, event.actor, event.about, event.actor_address) == (
        "person.changed",
        dana,
        robin,
        "192.0.2.7",
    )
    assert event.justification == "moved to another team"
    assert event.detail["fields"] == {
        "job_title": {"from": "", "to": "Operator"},
        "manager": {"from": None, "to": kim.pk, "to_name": "Kim Placeholder"},
    }


def test_what_is_added_and_what_is_removed_is_told_too(dana: User) -> None:
    group = Group(name="Helpdesk", description="First line")
    save_as(group, actor=Actor.of(dana))
    assert last().action == "group.created"
    assert last().detail["fields"] == {"name": {"to": "Helpdesk"}, "description": {"to": "First line"}}
    key = str(group.pk)
    delete_as(group, actor=Actor.of(dana))
    assert (last().action, last().subject_key, last().actor) == ("group.deleted", key, dana)
    assert last().detail["fields"]["name"] == {"from": "Helpdesk"}


def test_a_group_that_goes_takes_its_memberships_along_and_each_is_recorded(dana: User) -> None:
    group = Group.objects.create(name="Helpdesk")
    Membership.objects.create(group=group, person=dana)
    delete_as(group, actor=PORTAL)
    assert set(AuditEvent.objects.values_list("action", flat=True)[:2]) == {
        "group.deleted",
        "membership.deleted",
    }
    assert AuditEvent.objects.get(action="membership.deleted").about == dana


def test_a_save_that_changes_nothing_is_no_entry(dana: User) -> None:
    count = AuditEvent.objects.count()
    save_as(dana, actor=PORTAL)
    dana.save()
    assert AuditEvent.objects.count() == count


def test_a_value_given_as_text_is_no_change(dana: User) -> None:
    membership = Membership.objects.create(group=Group.objects.create(name="Helpdesk"), person=dana)
    count = AuditEvent.objects.count()
    membership.starts_at = membership.starts_at.isoformat()
    membership.save()
    assert AuditEvent.objects.count() == count


def test_changes_of_one_moment_are_told_apart(dana: User, time_machine: Any) -> None:
    time_machine.move_to("2026-11-18 14:20", tick=False)
    for title in ("Operator", "Engineer"):
        dana.job_title = title
        save_as(dana, actor=PORTAL)
    assert last().detail["fields"] == {"job_title": {"from": "Operator", "to": "Engineer"}}


def test_I6_a_password_is_never_in_history_or_journal(dana: User) -> None:
    dana.set_password("canary-in-clear")
    dana.save()
    everything = str([event.body() for event in AuditEvent.objects.all()]) + str(list(User.history.values()))
    assert dana.password not in everything
    assert "password" not in str(last().detail)


def test_I6_of_a_secret_one_learns_only_that_it_changed(dana: User) -> None:
    directory = Directory(
        name="db", kind="postgresql", connection={"host": "db", "password": "canary-1"}, secret="env:CANARY"
    )
    save_as(directory, actor=Actor.of(dana))
    directory.secret = "env:CANARY_TWO"
    save_as(directory, actor=Actor.of(dana))
    assert "canary" not in str([event.body() for event in AuditEvent.objects.all()]).lower()
    assert last().detail["fields"] == {"secret": "(not shown)"}


def test_the_one_who_signed_a_save_does_not_sign_the_next(dana: User) -> None:
    robin = make_person("robin", "Robin Sample")
    robin.job_title = "Operator"
    save_as(robin, actor=Actor.of(dana))
    robin.job_title = "Engineer"
    robin.save()
    assert (last().action, last().actor_name) == ("person.changed", "the portal")


def test_without_a_signature_the_person_in_the_history_row_counts(dana: User) -> None:
    group = Group(name="Helpdesk")
    group._history_user = dana
    group.save()
    assert last().actor == dana


def test_models_with_a_life_are_recorded_by_their_moves_and_not_twice() -> None:
    alert = raise_alert("test", key="one", severity="high", title="Something", actor=PORTAL)
    alert.note = "seen"
    alert.save()
    assert list(AuditEvent.objects.values_list("action", flat=True)) == ["alert.raised"]


def test_bulk_verbs_hand_over_the_history_rows_they_wrote(dana: User) -> None:
    people = bulk_create_with_history(
        [User(email=f"p{n}@example.test", display_name=f"P {n}") for n in range(3)], User, default_user=dana
    )
    assert not AuditEvent.objects.filter(action="person.created", about_name__startswith="P ").exists()
    copy_into_journal(
        list(User.history.filter(id__in=[person.pk for person in people]).order_by("history_id"))
    )
    created = AuditEvent.objects.filter(action="person.created", about_name__startswith="P ")
    assert [event.actor for event in created] == [dana] * 3
    for person in people:
        person.department = "Sales"
    bulk_update_with_history(people, User, ["department"])
    changed = list(User.history.filter(history_type="~").order_by("history_id"))
    copy_into_journal(changed, actor=PORTAL)
    assert last().detail["fields"] == {"department": {"from": "", "to": "Sales"}}
    assert AuditEvent.objects.filter(action="person.changed").count() == 3


def test_nouns_are_the_models_own_words() -> None:
    assert [noun_of(model) for model in (User, RoleSettings, Role, Membership, Group)] == [
        "person",
        "role_settings",
        "role",
        "membership",
        "group",
    ]
