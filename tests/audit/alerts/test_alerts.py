"""The page of alerts: the worst first, settled by those with the duty, and one answer when two are at it."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts.duties import Duty
from audit.alerts.alerting import raise_alert, resolve
from audit.alerts.models import Alert
from audit.journal.actor import PORTAL
from tests.cast import Cast, sign_in
from tests.factories.people import give_duty

pytestmark = pytest.mark.django_db


@pytest.fixture
def alert(cast: Cast) -> Alert:
    return raise_alert("test", key="one", severity="low", title="A low one", text="So it is.", actor=PORTAL)


@pytest.fixture
def keeper(cast: Cast, client: Client) -> Client:
    sign_in(client, cast.administrator)
    return client


def act(client: Client, alert: Alert, what: str, **said: str) -> int:
    return client.post(reverse("alert_act", args=[alert.pk, what]), said).status_code


def test_open_ones_stand_the_worst_first_and_settled_ones_apart(alert: Alert, keeper: Client) -> None:
    for severity in ("medium", "high"):
        raise_alert("test", key=severity, severity=severity, title=f"A {severity} one", actor=PORTAL)
    resolve(raise_alert("test", key="x", severity="high", title="An old one", actor=PORTAL), actor=PORTAL)
    page = keeper.get(reverse("alerts"))
    assert [alert.title for alert in page.context["alerts"]] == ["A high one", "A medium one", "A low one"]
    assert (page.context["open_count"], page.context["closed_count"], page.context["may_act"]) == (3, 1, True)
    page = keeper.get(reverse("alerts"), {"tab": "closed"})
    assert [alert.title for alert in page.context["alerts"]] == ["An old one"]
    assert "An old one" in page.content.decode()


def test_a_keeper_acknowledges_and_resolves_it(alert: Alert, keeper: Client, cast: Cast) -> None:
    assert act(keeper, alert, "acknowledge", justification="looking", status="open") == 302
    assert act(keeper, alert, "resolve", status="acknowledged") == 302
    alert.refresh_from_db()
    assert (alert.status, alert.taken_by, alert.settled_by) == (
        "resolved",
        cast.administrator,
        cast.administrator,
    )


def test_dismissing_without_saying_why_keeps_the_form(alert: Alert, keeper: Client) -> None:
    answer = keeper.post(
        reverse("alert_act", args=[alert.pk, "dismiss"]), {"justification": " ", "days": "30"}
    )
    assert answer.status_code == 422
    [shown] = answer.context["alerts"]
    assert (shown.failed_act, list(shown.form.errors)) == ("dismiss", ["justification"])
    assert shown.form["days"].value() == "30"
    assert "Say why nothing needs to be done." in answer.content.decode()
    assert act(keeper, alert, "dismiss", justification="known", days="30") == 302
    alert.refresh_from_db()
    assert alert.status == "dismissed"
    assert act(keeper, alert, "dismiss", justification="known", days="4000") == 422


@pytest.mark.parametrize("what", ["acknowledge", "resolve", "dismiss"])
def test_of_two_keepers_the_second_learns_that_somebody_was_faster(
    alert: Alert, keeper: Client, cast: Cast, what: str
) -> None:
    give_duty(cast.second_approver, Duty.SECURITY_ADMINISTRATOR)
    other = Client()
    sign_in(other, cast.second_approver)
    assert act(other, alert, "acknowledge", status="open") == 302
    assert act(keeper, alert, what, status="open", justification="because") == 409
    alert.refresh_from_db()
    assert (alert.status, alert.taken_by) == ("acknowledged", cast.second_approver)


def test_E_readers_see_it_and_may_do_nothing(alert: Alert, client: Client, cast: Cast) -> None:
    sign_in(client, cast.auditor)
    assert client.get(reverse("alerts")).context["may_act"] is False
    for what in ("acknowledge", "resolve", "dismiss"):
        assert act(client, alert, what, justification="because") == 403
    alert.refresh_from_db()
    assert alert.status == "open"


@pytest.mark.parametrize("who", ["employee", "outsider", "root"])
def test_E_for_others_there_are_no_alerts(alert: Alert, client: Client, cast: Cast, who: str) -> None:
    sign_in(client, getattr(cast, who))
    assert client.get(reverse("alerts")).status_code == 404
    for what in ("acknowledge", "resolve", "dismiss"):
        assert act(client, alert, what, justification="because") == 404


def test_there_is_no_other_act_and_no_other_alert(alert: Alert, keeper: Client) -> None:
    assert act(keeper, alert, "delete") == 404
    assert keeper.get(reverse("alert_act", args=[alert.pk, "resolve"])).status_code == 405
    assert keeper.post(reverse("alert_act", args=[10**6, "resolve"])).status_code == 404
