"""What a person reads who would take the last holder of a protected role away, and who is warned before that."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from time_machine import TimeMachineFixture

from accounts.duties import Duty, holds
from accounts.leaving import disable_person
from accounts.mfa.freshness import act_digest
from accounts.mfa.recovering import help_person
from accounts.models import Authenticator, User
from audit.alerts.models import Alert
from audit.journal.actor import PORTAL
from audit.journal.recording import save_as
from roles import guarding
from roles.guarding import LastHolder
from roles.inspecting import TOO_FEW, UNFIT, watch_holders
from roles.models import Assignment, EndCause
from roles.provisioning import begin_assignment, change_assignment, end_assignment
from roles.sweeping import sweep
from tests.cast import Cast, sign_in
from tests.factories.connectors import Vault
from tests.factories.holders import (
    administrators_role,
    appoint_for_good,
    make_administrator,
    standing_administrators,
)
from tests.factories.people import give_duty, make_person
from tests.factories.roles import (
    HOUR,
    NOON,
    acting,
    give_evidence,
    make_role,
    notices_of,
    now,
    open_alerts,
    refusals_on,
)

pytestmark = pytest.mark.django_db

WHY = "No longer needed"


@pytest.fixture
def last(db: None) -> User:
    """The only Global Administrator for good."""
    return make_administrator("last")


def held_by(person: User) -> Assignment:
    return Assignment.objects.select_related("role__directory", "person", "scope").live().get(person=person)


def test_G1_removing_the_last_one_is_refused_by_name_and_recorded(last: User) -> None:
    held = held_by(last)

    with pytest.raises(
        LastHolder, match=r"Last is the last Global Administrator without an end\. Assign the role to"
    ):
        end_assignment(held, actor=PORTAL, cause=EndCause.REMOVED)

    assert refusals_on(held) == ["last_holder"]
    assert holds(last, Duty.GLOBAL_ADMINISTRATOR)
    make_administrator("another")
    end_assignment(now(held), actor=PORTAL, cause=EndCause.REMOVED)
    assert standing_administrators() == 1


def test_G1_where_only_the_database_notices_it_is_the_same_refusal(
    last: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("roles.provisioning.check_may_lose", lambda assignment: None)
    held = held_by(last)

    with pytest.raises(LastHolder, match="Assign it to somebody else first, without an end"):
        end_assignment(held, actor=PORTAL, cause=EndCause.REMOVED)

    assert refusals_on(held) == ["last_holder"]
    assert standing_administrators() == 1


def test_G4_disabling_the_last_one_is_refused_on_the_page(last: User, client: Client) -> None:
    helper = make_person("helper")
    give_duty(helper, Duty.PRIVILEGED_ROLE_ADMINISTRATOR)
    sign_in(client, helper)

    answer = client.post(reverse("disable_person", args=[last.pk]), {"justification": WHY})

    assert answer.status_code == 422
    assert "is the last Global Administrator without an end" in answer.content.decode()
    assert now(last).is_active


def test_G4_any_protected_role_of_any_directory_keeps_its_holders(cast: Cast, vault: Vault) -> None:
    role = make_role(vault.row, "Root")
    for person in (cast.employee, cast.outsider):
        appoint_for_good(person, role)
    sweep()
    role.least_holders = 2
    save_as(role, actor=PORTAL)

    with pytest.raises(LastHolder, match=r"Robin Sample is one of the last who hold Root .* there must be 2"):
        disable_person(cast.employee, actor=acting(cast.administrator), justification=WHY)
    appoint_for_good(cast.approver, role)
    sweep()
    disable_person(cast.employee, actor=acting(cast.administrator), justification=WHY)


def test_G5_the_last_one_is_not_given_an_end(last: User) -> None:
    held = held_by(last)
    with pytest.raises(LastHolder, match="Last is the last Global Administrator without an end"):
        change_assignment(
            held, actor=PORTAL, starts_at=held.starts_at, ends_at=timezone.now() + timedelta(days=30)
        )
    assert now(held).ends_at is None


def test_G5_a_role_that_nobody_holds_for_good_may_be_held_for_a_time(clock: TimeMachineFixture) -> None:
    role, person = administrators_role(), make_person("hour")
    begin_assignment(
        role,
        actor=PORTAL,
        person=person,
        scope=role.directory.root_scope(),
        starts_at=NOON,
        ends_at=NOON + HOUR,
    )
    clock.move_to(NOON + HOUR)

    sweep()

    assert not Assignment.objects.live().exists()


def test_G8_the_admin_site_does_not_make_another_directory_of_the_portals_own(
    last: User, client: Client
) -> None:
    sign_in(client, last)
    portal = administrators_role().directory
    address = reverse("admin:roles_directory_change", args=[portal.pk])
    form = {"name": "Ours", "kind": "postgresql", "description": "", "connection": "{}", "secret": ""}
    form |= {"account_names": portal.account_names}
    for inline in client.get(address).context["inline_admin_formsets"]:
        form |= {bound.html_name: bound.value() for bound in inline.formset.management_form}

    assert client.post(address, form).status_code == 302

    assert (now(portal).name, now(portal).is_portal) == ("Ours", True)
    assert client.get(reverse("admin:roles_directory_add")).status_code == 403


def test_G13_the_factors_of_the_last_who_can_sign_in_are_taken_by_nobody_beneath(last: User) -> None:
    helper = make_person("helper")
    give_duty(helper, Duty.PRIVILEGED_ROLE_ADMINISTRATOR)
    act = act_digest(verb="help_person", person=last.pk, justification=WHY)
    actor = acting(helper)
    give_evidence(actor, act=act)

    with pytest.raises(
        LastHolder, match="Last is the last Global Administrator without an end who can sign in"
    ):
        help_person(last, justification=WHY, actor=actor)
    locked_out = make_administrator("locked.out")
    Authenticator.objects.filter(user=locked_out).delete()
    with pytest.raises(LastHolder):
        help_person(last, justification=WHY, actor=actor)
    assert Authenticator.objects.filter(user=last).exists()

    make_administrator("another")
    help_person(last, justification=WHY, actor=actor)
    assert not Authenticator.objects.filter(user=last).exists()


def test_G13_somebody_who_holds_the_role_at_this_moment_may_help(last: User) -> None:
    helper = make_person("helper")
    give_duty(helper, Duty.GLOBAL_ADMINISTRATOR, ends_at=timezone.now() + HOUR)
    actor = acting(helper)
    give_evidence(actor, act=act_digest(verb="help_person", person=last.pk, justification=WHY))

    assert help_person(last, justification=WHY, actor=actor).url


def test_G5_too_few_holders_are_told_and_told_again_as_the_end_comes_near(clock: TimeMachineFixture) -> None:
    role, person = administrators_role(), make_person("days")
    begin_assignment(
        role,
        actor=PORTAL,
        person=person,
        scope=role.directory.root_scope(),
        starts_at=NOON,
        ends_at=NOON + timedelta(days=30),
    )
    make_administrators_of(Duty.PRIVILEGED_ROLE_ADMINISTRATOR)
    told = []
    for days in (0, 1, 16, 17, 23, 29):
        clock.move_to(NOON + timedelta(days=days))
        watch_holders()
        told.append(notices_of(person).count("audit/alert_raised"))

    assert told == [1, 1, 2, 2, 3, 4], "at once, and 14, 7 and 1 days before the end"
    assert set(Alert.objects.open().values_list("kind", flat=True)) == {TOO_FEW}
    make_administrator("another")
    watch_holders()
    assert open_alerts() == []


def make_administrators_of(duty: str) -> None:
    role = administrators_role().directory.roles.get(entitlement=duty)
    appoint_for_good(make_person("for.good"), role)


def test_G5_a_role_that_nobody_holds_at_all_is_a_high_alert(clock: TimeMachineFixture) -> None:
    administrators_role()

    watch_holders()

    assert set(Alert.objects.filter(kind=TOO_FEW).values_list("severity", flat=True)) == {"high"}


def test_a_break_glass_account_that_could_do_nothing_is_told(last: User) -> None:
    make_administrators_of(Duty.PRIVILEGED_ROLE_ADMINISTRATOR)
    glass = make_administrator("glass")
    User.objects.filter(pk=glass.pk).update(is_break_glass=True)
    watch_holders()
    assert open_alerts() == []

    Assignment.objects.filter(person=glass).update(status="ending")
    watch_holders()

    assert open_alerts() == [UNFIT]


def test_the_sentence_and_the_triggers_count_the_same_people(last: User) -> None:
    for number, change in enumerate(({"is_active": False}, {"kind": "service", "password": "!"})):
        other = make_administrator(f"other{number}")
        User.objects.filter(pk=other.pk).update(**change)
        assert list(guarding.standing_holders(held_by(last).role)) == [last]
