"""Alerts: one for each finding, told once, settled by people with the duty or by their cause going away."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from accounts.duties import Duty
from accounts.models import Notification, User
from audit.alerts import alerting
from audit.alerts.alerting import acknowledge, dismiss, raise_alert, resolve, resolve_alert
from audit.alerts.models import Alert
from audit.journal.actor import PORTAL, Actor
from audit.journal.models import AuditEvent
from audit.journal.refusing import NotAllowed, Overtaken, Refused
from tests.factories.people import give_duty, make_person


@pytest.fixture
def keeper(db: None) -> User:
    person = make_person("dana", "Dana Fictive")
    give_duty(person, Duty.SECURITY_ADMINISTRATOR)
    return person


def stuck(**said: Any) -> Alert:
    words = {"severity": "high", "title": "A removal is stuck", "text": "The directory does not answer."}
    return raise_alert("removal_stuck", key="assignment:7", actor=PORTAL, **(words | said))


def test_raising_it_tells_the_keepers_and_is_recorded(keeper: User) -> None:
    alert = stuck(url="/assignments/")
    assert alert.status == Alert.Status.OPEN
    told = Notification.objects.get()
    assert (told.person, told.subject, told.url) == (keeper, "Alert: A removal is stuck", "/assignments/")
    assert "The directory does not answer." in told.text
    event = AuditEvent.objects.get(action="alert.raised")
    assert (event.subject_key, event.detail["kind"]) == (str(alert.pk), "removal_stuck")


def test_the_same_finding_is_one_alert_seen_again_and_told_once(keeper: User) -> None:
    first = stuck()
    again = stuck(text="Still nothing.")
    assert again.pk == first.pk
    assert (again.times_seen, again.text) == (2, "Still nothing.")
    assert Notification.objects.count() == 1
    assert AuditEvent.objects.filter(action__startswith="alert.").count() == 1
    assert Alert.history.count() == 1


def test_another_key_is_another_alert(keeper: User) -> None:
    stuck()
    raise_alert("removal_stuck", key="assignment:8", severity="high", title="Another", actor=PORTAL)
    assert Alert.objects.open().count() == 2


def test_what_got_worse_is_told_again_and_does_not_get_harmless_unseen(keeper: User) -> None:
    stuck(severity="low")
    assert stuck(severity="high").severity == "high"
    assert Notification.objects.count() == 2
    assert stuck(severity="low").severity == "high"
    assert Notification.objects.count() == 2


def test_whom_to_tell_can_be_named_and_upper_apps_may_add_theirs(
    keeper: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    eligible = make_person("jo", "Jo Mockup")
    monkeypatch.setattr(alerting, "also_told", [lambda: [eligible, keeper]])
    stuck()
    assert {row.person for row in Notification.objects.all()} == {keeper, eligible}
    raise_alert("x", key="y", severity="low", title="For one", tell=[eligible], actor=PORTAL)
    assert Notification.objects.filter(subject="Alert: For one").get().person == eligible


def test_when_its_cause_is_gone_it_is_resolved_and_the_next_time_is_a_new_one(keeper: User) -> None:
    first = stuck()
    assert resolve_alert("removal_stuck", key="assignment:7", actor=PORTAL) == first
    first.refresh_from_db()
    assert (first.status, first.settled_by) == ("resolved", None)
    assert first.settled_at is not None
    assert resolve_alert("removal_stuck", key="assignment:7", actor=PORTAL) is None
    assert stuck().pk != first.pk
    assert Notification.objects.count() == 2


def test_keepers_take_it_up_resolve_and_dismiss_it(keeper: User) -> None:
    actor = Actor.of(keeper)
    alert = stuck()
    acknowledge(alert, actor=actor, justification="looking")
    alert.refresh_from_db()
    assert (alert.status, alert.taken_by, alert.note) == ("acknowledged", keeper, "looking")
    resolve(alert, actor=actor)
    alert.refresh_from_db()
    assert (alert.status, alert.settled_by, alert.note) == ("resolved", keeper, "looking")
    assert [event.action for event in AuditEvent.objects.filter(actor=keeper)] == [
        "alert.resolved",
        "alert.acknowledged",
    ]


def test_dismissing_asks_why_and_keeps_the_finding_quiet_for_a_time(keeper: User, time_machine: Any) -> None:
    actor, alert = Actor.of(keeper), stuck()
    with pytest.raises(Refused) as refusal:
        dismiss(alert, actor=actor, justification="  ")
    assert refusal.value.field == "justification"
    with pytest.raises(Refused):
        dismiss(alert, actor=actor, justification="known", days=4000)
    dismiss(alert, actor=actor, justification="known, repaired on Monday", days=7)
    assert stuck().pk == alert.pk
    assert Alert.objects.open().count() == 0
    time_machine.move_to(timezone.now() + timedelta(days=7, seconds=1))
    assert stuck().pk != alert.pk
    assert Alert.objects.open().count() == 1


def test_a_dismissed_finding_whose_cause_went_away_is_told_when_it_comes_back(keeper: User) -> None:
    alert = stuck()
    dismiss(alert, actor=Actor.of(keeper), justification="known")
    resolve_alert("removal_stuck", key="assignment:7", actor=PORTAL)
    assert stuck().pk != alert.pk


@pytest.mark.parametrize("verb", [acknowledge, resolve, dismiss], ids=lambda verb: verb.__name__)
@pytest.mark.parametrize("duty", [None, Duty.GLOBAL_READER, Duty.SECURITY_READER])
def test_E_who_has_no_duty_to_keep_alerts_is_refused(
    verb: Callable[..., None], duty: str | None, keeper: User
) -> None:
    alert, person = stuck(), make_person("pat", "Pat Ipsum", is_superuser=True)
    if duty:
        give_duty(person, duty)
    with pytest.raises(NotAllowed):
        verb(alert, actor=Actor.of(person), justification="because")
    alert.refresh_from_db()
    assert alert.status == "open"


@pytest.mark.parametrize("verb", [acknowledge, resolve, dismiss], ids=lambda verb: verb.__name__)
def test_what_is_settled_is_overtaken_for_the_next(verb: Callable[..., None], keeper: User) -> None:
    alert = stuck()
    seen_by_another = Alert.objects.get(pk=alert.pk)
    resolve(alert, actor=Actor.of(keeper))
    for stale in (seen_by_another, Alert.objects.get(pk=alert.pk)):
        with pytest.raises(Overtaken, match="resolved already"):
            verb(stale, actor=Actor.of(keeper), justification="because")


def test_the_database_itself_holds_one_open_alert_for_each_finding(keeper: User) -> None:
    stuck()
    with pytest.raises(IntegrityError), transaction.atomic():
        Alert.objects.create(kind="removal_stuck", key="assignment:7", title="The same")


@pytest.mark.django_db(transaction=True)
def test_eight_who_find_the_same_at_once_raise_one_alert_and_tell_once() -> None:
    person = make_person("dana", "Dana Fictive")
    give_duty(person, Duty.GLOBAL_ADMINISTRATOR)
    ready = Barrier(8)

    def find(_: int) -> int:
        try:
            ready.wait(timeout=30)
            return stuck().pk
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(find, range(8)))
    alert = Alert.objects.get()
    assert found == {alert.pk}
    assert alert.times_seen == 8
    assert Notification.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_keepers_who_dismiss_and_resolve_at_once_one_does() -> None:
    person = make_person("dana", "Dana Fictive")
    give_duty(person, Duty.GLOBAL_ADMINISTRATOR)
    alert, ready = stuck(), Barrier(2)

    def settle(verb: Callable[..., None]) -> str:
        mine = Alert.objects.get(pk=alert.pk)
        try:
            ready.wait(timeout=30)
            verb(mine, actor=Actor.of(person), justification="because")
        except Overtaken:
            return "overtaken"
        finally:
            connection.close()
        return "done"

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(settle, [resolve, dismiss])) == ["done", "overtaken"]
    assert AuditEvent.objects.filter(action__in=["alert.resolved", "alert.dismissed"]).count() == 1
