"""What must not be decided is refused on every path there is, changes nothing, and is one entry in the journal (A)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest
from django.core.management import get_commands
from django.test import Client
from django.urls import reverse
from time_machine import TimeMachineFixture

from accounts.models import Absence, Membership, User
from approvals.closing import cancel_request
from approvals.deciding import decide
from approvals.models import AccessRequest, Decision
from audit.journal.models import AuditEvent
from audit.journal.refusing import Refused
from roles.models import Role
from roles.models.stages import Stage
from tests.abuse.standing import refused_and_recorded, standing
from tests.approvals.conftest import clock  # noqa: F401
from tests.approvals.test_separation_of_duties import by_duty, by_group, by_name, by_owning_the_role
from tests.cast import Cast
from tests.factories.connectors import Vault, vault  # noqa: F401
from tests.factories.pages import signed_in
from tests.factories.people import make_group
from tests.factories.roles import (
    NOON,
    acting,
    approve,
    ask,
    make_eligibility,
    make_role,
    name_stages,
    now,
    strike_approvers,
)

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
OWN, NOT_ASKED, TOO_LATE = "own_request", "not_an_approver", "overtaken"


@dataclass
class Scene:
    """The employee has asked; the approver, a group and the role's owners may answer."""

    cast: Cast
    role: Role
    filed: AccessRequest


@pytest.fixture
def scene(clock: TimeMachineFixture, cast: Cast, vault: Vault) -> Scene:  # noqa: F811
    group = make_group("Approvers", cast.second_approver)
    role = make_role(vault.row, approvers=[cast.approver, group, "owners"])
    return Scene(cast, role, ask(make_eligibility(role, cast.employee), cast.employee))


# Each makes the case, and gives who tries.


def A1_own(scene: Scene) -> User:
    by_name(scene.filed, scene.cast.employee)
    return scene.cast.employee


def A2_in_the_group(scene: Scene) -> User:
    by_group(scene.filed, scene.cast.employee)
    return scene.cast.employee


def A2_A3_in_a_group_that_owns_the_role_by_now(scene: Scene) -> User:
    by_owning_the_role(scene.filed, scene.cast.employee)
    return scene.cast.employee


def A3_given_the_duty_meanwhile(scene: Scene) -> User:
    by_duty(scene.filed, scene.cast.employee)
    return scene.cast.employee


def A4_deputy_of_the_approver(scene: Scene) -> User:
    some = {"starts_at": NOON - DAY, "ends_at": NOON + DAY}
    Absence.objects.create(person=scene.cast.approver, deputy=scene.cast.employee, **some)
    return scene.cast.employee


def A5_asked_for_somebody(scene: Scene) -> User:
    AccessRequest.objects.filter(pk=scene.filed.pk).update(requester=scene.cast.approver)
    return scene.cast.approver


def A5_somebody_asked_for_them(scene: Scene) -> User:
    AccessRequest.objects.filter(pk=scene.filed.pk).update(holder=scene.cast.approver)
    return scene.cast.approver


def A6_second_account(scene: Scene) -> User:
    User.objects.filter(pk__in=[scene.cast.employee.pk, scene.cast.outsider.pk]).update(person_key="E-1")
    by_name(scene.filed, scene.cast.outsider)
    return scene.cast.outsider


def A9_answered_already(scene: Scene) -> User:
    approve(scene.filed, scene.cast.second_approver)
    return scene.cast.approver


def A10_canceled(scene: Scene) -> User:
    cancel_request(scene.filed, actor=acting(scene.cast.employee))
    return scene.cast.approver


def A10_lapsed(scene: Scene) -> User:
    AccessRequest.objects.filter(pk=scene.filed.pk).update(deadline=NOON)
    return scene.cast.approver


def A12_at_both_stages(scene: Scene) -> User:
    kim, jo = scene.cast.approver, scene.cast.second_approver
    name_stages(scene.role, (Stage(), [kim], []), (Stage(), [kim, jo], []))
    cancel_request(scene.filed, actor=acting(scene.cast.employee))
    scene.filed = ask(make_eligibility(scene.role, scene.cast.outsider), scene.cast.outsider)
    decide(scene.filed, actor=acting(kim), verdict=Decision.Verdict.APPROVE)
    return kim


def A14_left_the_group(scene: Scene) -> User:
    Membership.objects.filter(person=scene.cast.second_approver).update(starts_at=NOON - DAY, ends_at=NOON)
    return scene.cast.second_approver


def A14_struck(scene: Scene) -> User:
    strike_approvers(scene.role)
    return scene.cast.approver


CASES: list[tuple[Callable[[Scene], User], str]] = [
    (A1_own, OWN),
    (A2_in_the_group, OWN),
    (A2_A3_in_a_group_that_owns_the_role_by_now, OWN),
    (A3_given_the_duty_meanwhile, OWN),
    (A4_deputy_of_the_approver, OWN),
    (A5_asked_for_somebody, OWN),
    (A5_somebody_asked_for_them, OWN),
    (A6_second_account, OWN),
    (A9_answered_already, TOO_LATE),
    (A10_canceled, TOO_LATE),
    (A10_lapsed, TOO_LATE),
    (A12_at_both_stages, NOT_ASKED),
    (A14_left_the_group, NOT_ASKED),
    (A14_struck, NOT_ASKED),
]
REFUSED = {OWN: {403, 404}, NOT_ASKED: {403, 404}, TOO_LATE: {409}}


@pytest.mark.parametrize(("case", "code"), CASES, ids=[case.__name__ for case, _ in CASES])
def test_A1_A2_A3_A4_A5_A6_A9_A10_A12_A14_on_every_path_it_is_refused_recorded_and_changes_nothing(
    scene: Scene, case: Callable[[Scene], User], code: str
) -> None:
    person = now(case(scene))
    client = signed_in(person)

    with refused_and_recorded(person, code, "not_found", times=4):
        with pytest.raises(Refused) as refusal:  # the verb
            decide(scene.filed, actor=acting(person), verdict=Decision.Verdict.APPROVE)
        assert refusal.value.code == code
        for verdict in ("approve", "deny"):  # the page
            form = {"verdict": verdict, "justification": "It is fine"}
            status = client.post(reverse("decide", args=[scene.filed.pk]), form).status_code
            assert status in REFUSED[code]
        form = {"pick": str(scene.filed.pk), "verdict": "approve", "confirmed": "1"}  # several together
        assert client.post(reverse("decide_together"), form).status_code in (302, 404)


def test_A1_E1_a_stranger_is_told_nothing_and_the_try_is_recorded(scene: Scene) -> None:
    for person in (scene.cast.outsider, scene.cast.root):
        client = signed_in(person)
        with refused_and_recorded(person, NOT_ASKED, "not_found", times=3):
            for form in ({"verdict": "approve"}, {"verdict": "deny", "justification": "No"}):
                assert client.post(reverse("decide", args=[scene.filed.pk]), form).status_code == 404
            assert client.post(reverse("cancel_request", args=[scene.filed.pk]), {}).status_code == 404


def test_A1_A11_the_admin_site_decides_nothing_and_records_the_try(scene: Scene) -> None:
    dana = scene.cast.administrator
    client = signed_in(dana)
    wished = {"status": "approved", "approver": str(dana.pk), "verdict": "approve"}
    tries = {
        reverse("admin:approvals_accessrequest_change", args=[scene.filed.pk]): wished,
        reverse("admin:approvals_accessrequest_delete", args=[scene.filed.pk]): {"post": "yes"},
        reverse("admin:approvals_accessrequest_add"): wished,
        reverse("admin:approvals_decision_add"): wished | {"access_request": str(scene.filed.pk)},
    }
    with refused_and_recorded(dana, "not_allowed", times=len(tries)):
        for address, form in tries.items():
            assert client.post(address, form).status_code == 403


def test_A1_no_command_decides() -> None:
    ours = ("accounts", "audit", "audit.journal", "roles", "approvals", "pim_portal")
    commands = {name for name, app in get_commands().items() if app in ours}

    assert commands == {
        "bootstrap",
        "demo_code",
        "demo_data",
        "sealing_key",
        "seed_scale",
        "up",
        "verify_journal",
    }


def test_A11_what_is_forged_is_recorded_with_the_name_of_the_field(scene: Scene) -> None:
    client = signed_in(scene.cast.approver)
    with refused_and_recorded(scene.cast.approver, "forged", times=5):
        for field in ("state", "decided_by", "ends_at", "approver", "requester"):
            form = {"verdict": "approve", field: "approved"}
            assert client.post(reverse("decide", args=[scene.filed.pk]), form).status_code == 400
            assert field in AuditEvent.objects.latest("number").detail["why"]


def test_A13_the_mailed_link_opens_a_page_and_repeating_it_changes_nothing(scene: Scene) -> None:
    cast = scene.cast
    link = reverse("request_page", args=[scene.filed.pk])
    kim, before = signed_in(cast.approver), standing()
    for look in (kim.get, kim.head, kim.get):
        assert look(link, {"verdict": "approve", "confirmed": "1"}).status_code == 200
    assert kim.post(link, {"verdict": "approve"}).status_code == 405
    assert standing() == before
    for person in (cast.outsider, cast.root):  # to whom it was passed on
        assert signed_in(person).get(link).status_code == 404
    assert Client().get(link)["Location"].startswith(reverse("sign_in"))


def test_a_slip_beside_its_field_and_a_look_at_what_is_not_there_are_no_refusals(scene: Scene) -> None:
    kim, before = signed_in(scene.cast.approver), AuditEvent.objects.count()
    assert kim.post(reverse("decide", args=[scene.filed.pk]), {"verdict": "perhaps"}).status_code == 422
    assert kim.get(reverse("request_page", args=[999_999])).status_code == 404
    assert AuditEvent.objects.count() == before
