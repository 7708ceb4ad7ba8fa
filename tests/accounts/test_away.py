"""Being away: who may be named, never in a circle, and what the pages say."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone
from time_machine import TimeMachineFixture

from accounts.mfa.freshness import StepUpRequired
from accounts.models import Absence, User
from accounts.standing_in import end_absence, name_deputy
from audit.journal.models import AuditEvent
from audit.journal.refusing import NotAllowed, Overtaken, Refused
from tests.cast import Cast
from tests.factories.pages import signed_in
from tests.factories.people import make_person
from tests.factories.roles import NOON, acting, give_evidence, notices_of

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def clock(time_machine: TimeMachineFixture) -> None:
    time_machine.move_to(NOON, tick=False)


def name(person: User, deputy: User, *, by: User | None = None, days: float = 7, after: float = 0) -> Absence:
    """Name a deputy, and prove oneself for it."""
    actor = acting(by or person)
    said = {"deputy": deputy, "starts_at": NOON + after * DAY, "ends_at": NOON + (after + days) * DAY}
    try:
        return name_deputy(person, actor=actor, **said)
    except StepUpRequired as question:
        give_evidence(actor, act=question.act)
        return name_deputy(person, actor=actor, **said)


def test_a_deputy_is_named_with_a_factor_of_its_own_told_and_in_the_journal(cast: Cast) -> None:
    with pytest.raises(StepUpRequired):
        name_deputy(cast.approver, actor=acting(cast.approver), deputy=cast.outsider, ends_at=NOON + DAY)
    name(cast.approver, cast.outsider)

    assert Absence.objects.in_force().get().deputy == cast.outsider
    assert notices_of(cast.outsider) == ["accounts/deputy_named"]
    assert AuditEvent.objects.filter(subject_kind="accounts.absence").exists()


def test_nobody_stands_in_for_themselves_or_from_outside(cast: Cast) -> None:
    twin = make_person("kim2", "Kim again", person_key="K1")
    User.objects.filter(pk=cast.approver.pk).update(person_key="K1")
    cast.approver.refresh_from_db()
    gone = make_person("gone", "Gone Away", is_active=False)

    for deputy in (cast.approver, twin, gone):
        with pytest.raises(Refused):
            name(cast.approver, deputy)
    assert not Absence.objects.exists()


def test_deputies_never_stand_in_a_circle(cast: Cast) -> None:
    name(cast.approver, cast.outsider)

    with pytest.raises(Refused, match="away at that time too"):
        name(cast.outsider, cast.approver, after=3)
    name(cast.outsider, cast.approver, after=8)
    with pytest.raises(Refused, match="named for that time already"):
        name(cast.approver, cast.second_approver, after=2)


@pytest.mark.parametrize("days", [0, -1, 367])
def test_an_absence_ends_after_its_start_and_within_a_year(cast: Cast, days: float) -> None:
    with pytest.raises(Refused):
        name(cast.approver, cast.outsider, days=days)


def test_for_somebody_else_it_takes_the_duty_to_look_after_people(cast: Cast) -> None:
    with pytest.raises(NotAllowed):
        name(cast.approver, cast.outsider, by=cast.second_approver)
    absence = name(cast.approver, cast.outsider, by=cast.administrator)

    with pytest.raises(NotAllowed):
        end_absence(absence, actor=acting(cast.outsider))
    end_absence(absence, actor=acting(cast.approver))

    assert not Absence.objects.in_force(timezone.now()).exists()
    with pytest.raises(Overtaken):
        end_absence(absence, actor=acting(cast.approver))


def test_the_page_takes_whole_days_and_an_email_and_says_what_is_wrong(cast: Cast) -> None:
    kim, pat = signed_in(cast.approver), signed_in(cast.outsider)
    said = {"deputy": "nobody@example.test", "starts_at": "2026-05-04", "ends_at": "2026-05-08"}

    page = kim.post(reverse("away"), said)
    assert page.status_code == 422
    assert "Nobody who can sign in has this email." in page.content.decode()

    asked = kim.post(reverse("away"), said | {"deputy": cast.outsider.email})
    assert asked["Location"].startswith("/step-up/")
    absence = name(cast.approver, cast.outsider)
    assert str(cast.approver) in pat.get(reverse("away")).content.decode()
    assert pat.post(reverse("end_absence", args=[absence.pk])).status_code == 404
    assert kim.post(reverse("end_absence", args=[absence.pk])).status_code == 302
    assert not Absence.objects.in_force().exists()
