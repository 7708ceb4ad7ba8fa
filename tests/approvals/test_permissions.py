"""Who may decide, asked in three directions, and who may see what: the same answer for the whole cast."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db.models import Model
from django.utils import timezone

from accounts.duties import Duty
from accounts.models import Membership, User
from approvals.closing import cancel_request
from approvals.deciding import decide
from approvals.extending import request_extension
from approvals.models import AccessRequest, Decision
from approvals.permissions import (
    approvers_of,
    may_decide,
    requests_decidable_by,
    requests_visible_to,
    roles_managed_by,
)
from audit.journal.refusing import NotAllowed
from tests.cast import Cast
from tests.factories.connectors import Vault
from tests.factories.people import give_duty, make_group, make_person
from tests.factories.roles import (
    Approving,
    acting,
    appoint,
    ask,
    make_eligibility,
    make_portal_directory,
    make_role,
    now,
    strike_approvers,
)

pytestmark = pytest.mark.django_db

Verdict = Decision.Verdict


def by_person(cast: Cast) -> list[Approving]:
    return [cast.approver, cast.outsider]


def by_group(cast: Cast) -> list[Approving]:
    group = make_group("Approvers", cast.approver, cast.employee, owners=(cast.outsider,))
    past = timezone.now() - timedelta(days=1)
    Membership.objects.create(
        group=group, person=cast.second_approver, starts_at=past - timedelta(days=1), ends_at=past
    )
    return [group]


def by_manager(cast: Cast) -> list[Approving]:
    return ["manager"]


def by_owners(cast: Cast) -> list[Approving]:
    return ["owners"]


def by_everything(cast: Cast) -> list[Approving]:
    return [*by_person(cast), *by_group(cast), "manager", "owners"]


def by_nobody(cast: Cast) -> list[Approving]:
    return []


RULES: dict[Callable[[Cast], list[Approving]], set[str]] = {
    by_person: {"approver", "outsider"},
    by_group: {"approver"},
    by_manager: {"approver"},
    by_owners: {"second_approver", "auditor"},
    by_everything: {"approver", "outsider", "second_approver", "auditor"},
    by_nobody: {"administrator", "root"},
}


@pytest.mark.parametrize(("rule", "expected"), RULES.items(), ids=[rule.__name__ for rule in RULES])
def test_three_directions_agree_for_the_whole_cast(
    cast: Cast, vault: Vault, rule: Callable[[Cast], list[Approving]], expected: set[str]
) -> None:
    portal = make_portal_directory()
    make_eligibility(portal.roles.get(entitlement=Duty.PRIVILEGED_ROLE_ADMINISTRATOR), cast.root)
    role = make_role(vault.row, approvers=rule(cast))
    appoint(cast.second_approver, "own", role)
    appoint(make_group("Directory owners", cast.auditor), "own", vault.row)
    appoint(cast.root, "read", role)
    waiting = ask(make_eligibility(role, cast.employee), cast.employee)

    def names(asks: Callable[[User], bool]) -> set[str]:
        return {name for name in cast.__dataclass_fields__ if asks(getattr(cast, name))}

    people = approvers_of(waiting)
    assert names(lambda person: person in people) == expected
    assert names(lambda person: may_decide(person, waiting)) == expected
    assert names(lambda person: waiting in requests_decidable_by(person)) == expected

    User.objects.filter(pk=cast.approver.pk).update(is_active=False)
    assert cast.approver not in approvers_of(waiting)
    assert not may_decide(now(cast.approver), waiting)


def test_three_directions_agree_on_an_extension_whoever_may_assign_the_role_now(
    cast: Cast, vault: Vault
) -> None:
    portal = make_portal_directory()
    make_eligibility(portal.roles.get(entitlement=Duty.PRIVILEGED_ROLE_ADMINISTRATOR), cast.root)
    role = make_role(vault.row, approvers=[cast.outsider])
    appoint(cast.second_approver, "own", role)
    appoint(make_group("Directory owners", cast.auditor, cast.employee), "own", vault.row)
    held = make_eligibility(role, cast.employee, ends_at=timezone.now() + timedelta(days=3))
    waiting = request_extension(held, actor=acting(cast.employee), justification="Still on call")

    def names(asks: Callable[[User], bool]) -> set[str]:
        return {name for name in cast.__dataclass_fields__ if asks(getattr(cast, name))}

    people = approvers_of(waiting)
    assert names(lambda person: person in people) == {"second_approver", "auditor", "administrator"}
    assert names(lambda person: may_decide(person, waiting)) == names(lambda person: person in people)
    assert names(lambda person: waiting in requests_decidable_by(person)) == names(
        lambda person: role in roles_managed_by(person) and person != cast.employee
    )


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_what_may_be_decided_can_be_and_nothing_else(
    cast: Cast, vault: Vault, rule: Callable[[Cast], list[Approving]]
) -> None:
    role = make_role(vault.row, approvers=rule(cast))
    appoint(cast.second_approver, "own", role)
    eligibility = make_eligibility(role, cast.employee)

    for person in cast.everybody:
        waiting = ask(eligibility, cast.employee)
        allowed = may_decide(person, waiting)
        if allowed:
            decide(waiting, actor=acting(person), verdict=Verdict.DENY, justification="Not now")
        else:
            with pytest.raises(NotAllowed):
                decide(waiting, actor=acting(person), verdict=Verdict.DENY, justification="Not now")
            cancel_request(waiting, actor=acting(cast.employee))


def test_a_request_that_is_closed_is_decidable_by_nobody(cast: Cast, vault: Vault) -> None:
    role = make_role(vault.row, approvers=[cast.approver])
    waiting = ask(make_eligibility(role, cast.employee), cast.employee)

    cancel_request(waiting, actor=acting(cast.employee))

    assert not requests_decidable_by(cast.approver).exists()
    assert not may_decide(cast.approver, waiting)


def test_only_what_one_may_decide_is_among_it(cast: Cast, vault: Vault) -> None:
    mine = ask(
        make_eligibility(make_role(vault.row, "Mine", approvers=[cast.approver]), cast.employee),
        cast.employee,
    )
    ask(
        make_eligibility(make_role(vault.row, "Theirs", approvers=[cast.second_approver]), cast.employee),
        cast.employee,
    )
    ask(
        make_eligibility(
            make_role(vault.row, "Own", approvers=[cast.approver, cast.second_approver]), cast.approver
        ),
        cast.approver,
    )

    assert list(requests_decidable_by(cast.approver)) == [mine]


def test_E1_a_request_is_seen_by_those_it_concerns_and_by_readers(cast: Cast, vault: Vault) -> None:
    role = make_role(vault.row, approvers=[cast.approver])
    waiting = ask(make_eligibility(role, cast.employee), cast.employee)

    def seen_by() -> set[Model]:
        return {person for person in cast.everybody if waiting in requests_visible_to(person)}

    assert seen_by() == {cast.employee, cast.approver, cast.administrator, cast.auditor}

    decide(waiting, actor=acting(cast.approver), verdict=Verdict.DENY, justification="Not now")
    strike_approvers(role)
    assert seen_by() == {cast.employee, cast.approver, cast.administrator, cast.auditor}, (
        "who decided may look it up again"
    )

    give_duty(make_person("another.administrator"), Duty.GLOBAL_ADMINISTRATOR)  # somebody has to stay
    User.objects.filter(pk__in=[person.pk for person in cast.everybody]).update(is_active=False)
    assert not any(requests_visible_to(now(person)).exists() for person in cast.everybody)


def test_E1_an_approver_who_is_none_any_more_and_never_answered_sees_nothing(
    cast: Cast, vault: Vault
) -> None:
    role = make_role(vault.row, approvers=[cast.approver, cast.second_approver])
    ask(make_eligibility(role, cast.employee), cast.employee)
    assert requests_visible_to(cast.second_approver).exists()

    strike_approvers(role)

    assert not requests_visible_to(cast.second_approver).exists()


def test_each_request_is_listed_once_however_often_one_is_named(cast: Cast, vault: Vault) -> None:
    groups = [make_group(name, cast.approver) for name in ("One", "Two")]
    role = make_role(vault.row, approvers=[cast.approver, *groups, "manager"])
    waiting = ask(make_eligibility(role, cast.employee), cast.employee)
    give_duty(cast.approver, Duty.GLOBAL_READER)

    assert list(requests_decidable_by(cast.approver)) == [waiting]
    assert list(approvers_of(waiting)) == [cast.approver]
    assert list(requests_visible_to(cast.approver)) == [waiting]
    assert AccessRequest.objects.count() == 1
