"""Nobody decides on their own request: under no name, by no detour, at no time."""

from collections.abc import Callable

import pytest
from django.utils import timezone
from time_machine import TimeMachineFixture

from accounts.duties import Duty
from accounts.leaving import disable_person
from accounts.models import Membership, User
from approvals import deciding
from approvals.deciding import decide
from approvals.models import AccessRequest, Decision
from approvals.permissions import approvers_of, may_decide, requests_decidable_by
from audit.journal.actor import PORTAL
from audit.journal.recording import save_as
from audit.journal.refusing import NotAllowed
from roles.models import Approver, Assignment
from roles.sweeping import sweep
from tests.cast import Cast
from tests.factories.connectors import Vault
from tests.factories.people import give_duty, make_group
from tests.factories.roles import (
    HOUR,
    acting,
    appoint,
    ask,
    change_settings,
    make_eligibility,
    make_role,
    name_approvers,
    now,
    refusals_on,
    strike_approvers,
)

pytestmark = pytest.mark.django_db

Verdict = Decision.Verdict


def refused(access_request: AccessRequest, person: User) -> str:
    """Try to approve and to deny; the code of the refusal. Nothing must have come of it."""
    codes = set()
    for verdict in Verdict:
        with pytest.raises(NotAllowed) as refusal:
            decide(access_request, actor=acting(person), verdict=verdict, justification="Why not")
        codes.add(refusal.value.code)
        assert refusal.value.status_code == 403
    assert now(access_request).status == AccessRequest.Status.PENDING
    assert not Decision.objects.exists()
    assert not Assignment.objects.exists()
    assert not may_decide(now(person), access_request)
    assert person not in approvers_of(now(access_request))
    (code,) = codes
    assert refusals_on(access_request)[-2:] == [code] * 2
    return code


@pytest.fixture
def waiting(cast: Cast, vault: Vault) -> AccessRequest:
    """The employee asked; the approver, or a group of approvers, may answer."""
    role = make_role(
        vault.row, approvers=[cast.approver, make_group("Approvers", cast.second_approver), "owners"]
    )
    return ask(make_eligibility(role, cast.employee), cast.employee)


def by_name(waiting: AccessRequest, person: User) -> None:
    name_approvers(waiting.role, person)
    line = Approver.objects.get(person=person)
    waiting.approver_rule.create(source=line, kind=line.kind, person=person)


def by_group(waiting: AccessRequest, person: User) -> None:
    Membership.objects.create(group=waiting.approver_rule.get(kind="group").group, person=person)


def by_owning_the_role(waiting: AccessRequest, person: User) -> None:
    appoint(person, "own", waiting.role)


def by_owning_the_directory_through_a_group(waiting: AccessRequest, person: User) -> None:
    appoint(make_group("Owners", person), "own", waiting.role.directory)


def by_duty(waiting: AccessRequest, person: User) -> None:
    give_duty(person, Duty.GLOBAL_ADMINISTRATOR)
    waiting.approver_rule.create(kind="administrators")


def as_superuser(waiting: AccessRequest, person: User) -> None:
    by_name(waiting, person)
    User.objects.filter(pk=person.pk).update(is_superuser=True)


WAYS = [by_name, by_group, by_owning_the_role, by_owning_the_directory_through_a_group, by_duty, as_superuser]


@pytest.mark.parametrize("way", WAYS)
def test_A1_A2_A3_nobody_decides_on_their_own_request_whatever_makes_them_an_approver_even_later(
    waiting: AccessRequest, cast: Cast, way: Callable[[AccessRequest, User], None]
) -> None:
    way(waiting, cast.employee)

    assert refused(waiting, now(cast.employee)) == "own_request"


@pytest.mark.parametrize("way", WAYS)
def test_A6_nor_with_a_second_account(
    waiting: AccessRequest, cast: Cast, way: Callable[[AccessRequest, User], None]
) -> None:
    User.objects.filter(pk__in=[cast.employee.pk, cast.outsider.pk]).update(person_key="E-0001")
    way(waiting, cast.outsider)

    assert refused(waiting, now(cast.outsider)) == "own_request"


@pytest.mark.parametrize("way", WAYS)
def test_each_of_these_ways_would_do_for_somebody_else(
    waiting: AccessRequest, cast: Cast, way: Callable[[AccessRequest, User], None]
) -> None:
    way(waiting, cast.outsider)

    decide(waiting, actor=acting(now(cast.outsider)), verdict=Verdict.APPROVE)

    assert now(waiting).status == AccessRequest.Status.APPROVED


def test_A6_a_second_account_that_was_found_out_after_the_page_was_opened(
    waiting: AccessRequest, cast: Cast
) -> None:
    as_signed_in = now(cast.approver)
    User.objects.filter(pk__in=[cast.employee.pk, cast.approver.pk]).update(person_key="E-0001")

    assert refused(waiting, as_signed_in) == "own_request"


def test_A6_two_people_without_a_personnel_number_are_not_taken_for_one(
    waiting: AccessRequest, cast: Cast
) -> None:
    assert cast.employee.person_key == cast.approver.person_key == ""

    decide(waiting, actor=acting(cast.approver), verdict=Verdict.APPROVE)


@pytest.mark.parametrize("who", ["requester", "holder"])
def test_A5_neither_who_asked_for_somebody_nor_who_it_is_for_decides(
    waiting: AccessRequest, cast: Cast, who: str
) -> None:
    AccessRequest.objects.filter(pk=waiting.pk).update(**{who: cast.approver})

    assert refused(now(waiting), cast.approver) == "own_request"


def test_A1_without_the_guard_one_would_approve_oneself(
    waiting: AccessRequest, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deciding, "check_may_decide", lambda person, access_request: None)

    decide(waiting, actor=acting(cast.employee), verdict=Verdict.APPROVE)

    assert now(waiting).status == AccessRequest.Status.APPROVED


@pytest.mark.parametrize("name", ["outsider", "administrator", "auditor", "root"])
def test_who_is_not_named_decides_nothing(waiting: AccessRequest, cast: Cast, name: str) -> None:
    assert refused(waiting, getattr(cast, name)) == "not_an_approver"


def test_the_portal_itself_decides_nothing(waiting: AccessRequest) -> None:
    with pytest.raises(NotAllowed):
        decide(waiting, actor=PORTAL, verdict=Verdict.APPROVE)


# --- Who was an approver and is none any more ---


def disabled(waiting: AccessRequest, cast: Cast) -> None:
    disable_person(now(cast.approver), actor=acting(cast.administrator), justification="Left")


def disabled_in_the_database(waiting: AccessRequest, cast: Cast) -> None:
    User.objects.filter(pk=cast.approver.pk).update(is_active=False)


def struck_from_the_settings(waiting: AccessRequest, cast: Cast) -> None:
    strike_approvers(waiting.role)


def replaced_in_the_settings(waiting: AccessRequest, cast: Cast) -> None:
    line = Approver.objects.get(person=cast.approver)
    line.person = cast.outsider
    save_as(line, actor=PORTAL)


@pytest.mark.parametrize(
    "happens", [disabled, disabled_in_the_database, struck_from_the_settings, replaced_in_the_settings]
)
def test_A14_who_stopped_being_an_approver_after_opening_the_page_is_refused(
    waiting: AccessRequest, cast: Cast, happens: Callable[[AccessRequest, Cast], None]
) -> None:
    as_signed_in = cast.approver
    happens(waiting, cast)

    assert refused(waiting, as_signed_in) in ("not_an_approver", "not_allowed")


def test_somebody_put_into_a_line_of_the_settings_later_does_not_answer_older_requests(
    waiting: AccessRequest, cast: Cast
) -> None:
    replaced_in_the_settings(waiting, cast)
    name_approvers(waiting.role, cast.root)

    assert refused(waiting, cast.outsider) == "not_an_approver"
    assert refused(waiting, cast.root) == "not_an_approver"


def test_A14_who_left_the_group_of_approvers_is_refused(waiting: AccessRequest, cast: Cast) -> None:
    Membership.objects.filter(person=cast.second_approver).update(ends_at=timezone.now())

    assert refused(waiting, cast.second_approver) == "not_an_approver"


def test_a_group_taken_out_of_the_settings_takes_its_members_with_it(
    waiting: AccessRequest, cast: Cast
) -> None:
    for line in Approver.objects.filter(kind=Approver.Kind.GROUP):
        line.delete()

    assert refused(waiting, cast.second_approver) == "not_an_approver"
    decide(waiting, actor=acting(cast.approver), verdict=Verdict.APPROVE)


def test_a_change_of_manager_changes_who_decides(cast: Cast, vault: Vault) -> None:
    role = make_role(vault.row, approvers=["manager"])
    waiting = ask(make_eligibility(role, cast.employee), cast.employee)

    User.objects.filter(pk=cast.employee.pk).update(manager=cast.outsider)

    assert refused(waiting, cast.approver) == "not_an_approver"
    decide(waiting, actor=acting(cast.outsider), verdict=Verdict.APPROVE)


def test_A7_when_all_approvers_are_gone_nobody_decides_and_it_is_never_approved(
    clock: TimeMachineFixture, cast: Cast, vault: Vault
) -> None:
    role = make_role(vault.row, approvers=[cast.approver])
    waiting = ask(make_eligibility(role, cast.employee), cast.employee)
    strike_approvers(role)
    change_settings(role, approval_required=True)

    assert not approvers_of(waiting).exists()
    assert not any(requests_decidable_by(person).exists() for person in cast.everybody)
    clock.shift(25 * HOUR)
    sweep()

    assert not AccessRequest.objects.open().exists()
    assert not Assignment.objects.exists()
