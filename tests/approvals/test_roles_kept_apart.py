"""Roles that may not be held together: at every door by which somebody becomes active, and on the pages about the rules."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from time_machine import TimeMachineFixture

from approvals.changing import Change, change
from approvals.deciding import NoLongerPossible, decide
from approvals.granting import assign
from approvals.import_plan import plan_of
from approvals.importing import import_assignments
from approvals.models import AccessRequest, Decision
from approvals.requesting import request_activation
from approvals.separated import check_wishes_not_separated
from audit.journal.actor import PORTAL
from audit.journal.recording import save_as
from audit.journal.refusing import Refused
from roles.assigning import Wish
from roles.models import Assignment, Role, SeparationRule
from roles.requirements import ACTIVE, ELIGIBLE, AskedAssignment
from roles.separating import save_rule
from roles.separation import Separated, version_of
from roles.sweeping import sweep
from tests.cast import Cast
from tests.factories.connectors import Vault
from tests.factories.pages import HOSTILE, signed_in, wish
from tests.factories.people import make_group, make_person
from tests.factories.roles import (
    NOON,
    acting,
    activate,
    ask,
    asked,
    change_settings,
    make_eligibility,
    make_role,
    now,
    refusals_on,
)
from tests.factories.separation import REASON, make_rule

pytestmark = [pytest.mark.usefixtures("clock"), pytest.mark.django_db]

DAY = timedelta(days=1)
YOU_HOLD = "You hold Enter payments, which may not be held together with Release payments. " + REASON


@pytest.fixture
def enter(clock: TimeMachineFixture, cast: Cast, vault: Vault) -> Role:
    return make_role(vault.row, "Enter payments")


@pytest.fixture
def release(enter: Role, vault: Vault) -> Role:
    return make_role(vault.row, "Release payments")


@pytest.fixture
def rule(enter: Role, release: Role) -> SeparationRule:
    return make_rule(enter, release)


# --- Activating ---


def test_an_activation_is_refused_with_the_rules_reason_before_any_factor_is_asked(
    cast: Cast, enter: Role, release: Role, rule: SeparationRule
) -> None:
    change_settings(release, factor="every_time")
    wanted = make_eligibility(release, cast.employee)  # being eligible for both is allowed
    activate(make_eligibility(enter, cast.employee), cast.employee)
    with pytest.raises(Separated) as refused:
        request_activation(wanted, actor=acting(cast.employee), asked=asked())
    assert (refused.value.message, refused.value.field) == (YOU_HOLD, "role")
    assert refusals_on(wanted) == ["separated"]
    assert not AccessRequest.objects.filter(role=release).exists()


def test_the_form_says_so_before_it_is_sent_and_for_the_start_that_is_chosen(
    cast: Cast, enter: Role, release: Role, rule: SeparationRule
) -> None:
    activate(make_eligibility(enter, cast.employee), cast.employee)
    wanted = make_eligibility(release, cast.employee)
    robin, address = signed_in(cast.employee), reverse("activate", args=[wanted.pk])

    assert YOU_HOLD in robin.get(address).content.decode()
    preview: dict[str, Any] = {"headers": {"HX-Target": "effect"}}
    assert YOU_HOLD in robin.get(address, {"minutes": "60"}, **preview).content.decode()
    later = {"minutes": "60", "starts_at": "2026-05-04T16:00"}  # when the other is over
    assert YOU_HOLD not in robin.get(address, later, **preview).content.decode()
    for minutes in ("1" + "0" * 30, "-5"):
        assert robin.get(address, {"minutes": minutes}, **preview).status_code == 200

    answer = robin.post(address, wish())
    assert answer.status_code == 422
    assert YOU_HOLD in answer.content.decode()
    assert not Assignment.objects.filter(role=release).exists()


def test_a_request_fails_when_it_is_approved_beside_what_was_activated_meanwhile(
    cast: Cast, vault: Vault, enter: Role, rule: SeparationRule
) -> None:
    guarded = make_role(vault.row, "Close the books", approvers=[cast.approver])
    make_rule(enter, guarded, name="Books")
    filed = ask(make_eligibility(guarded, cast.employee), cast.employee)
    activate(make_eligibility(enter, cast.employee), cast.employee)
    with pytest.raises(NoLongerPossible, match="Robin Sample holds Enter payments"):
        decide(filed, actor=acting(cast.approver), verdict=Decision.Verdict.APPROVE)
    over = now(filed)
    assert over.status == AccessRequest.Status.FAILED
    assert REASON in over.outcome_note
    assert not Assignment.objects.filter(role=guarded).exists()


def test_without_the_reason_at_the_decision_the_verb_below_still_refuses(
    cast: Cast, vault: Vault, enter: Role, monkeypatch: pytest.MonkeyPatch
) -> None:
    guarded = make_role(vault.row, "Close the books", approvers=[cast.approver])
    make_rule(enter, guarded)
    filed = ask(make_eligibility(guarded, cast.employee), cast.employee)
    activate(make_eligibility(enter, cast.employee), cast.employee)
    monkeypatch.setattr("approvals.closing.why_request_is_separated", lambda access_request: "")
    with pytest.raises(Separated):
        decide(filed, actor=acting(cast.approver), verdict=Decision.Verdict.APPROVE)
    assert now(filed).is_open, "nothing of the decision stays"


# --- Being made active by those who manage roles ---


def wanted(role: Role, who: Any, kind: str = ACTIVE, *, start: timedelta | None = None) -> Wish:
    times = (NOON + start if start else None, NOON + 10 * DAY)
    return Wish(role, role.directory.root_scope(), who, AskedAssignment(kind, *times, "On call"))


def test_nobody_is_made_active_beside_it_and_being_eligible_for_both_is_allowed(
    cast: Cast, enter: Role, release: Role, rule: SeparationRule
) -> None:
    dana = acting(cast.administrator)
    assign([wanted(enter, cast.employee)], actor=dana)
    for wishes in (
        [wanted(release, cast.employee)],
        [wanted(release, cast.approver), wanted(release, cast.employee, start=DAY)],
        [wanted(enter, cast.approver), wanted(release, cast.approver)],  # in one act
    ):
        with pytest.raises(Separated, match="which may not be held together"):
            assign(wishes, actor=dana)
    assign([wanted(release, cast.employee, ELIGIBLE)], actor=dana)
    assert Assignment.objects.count() == 1


def test_a_group_gets_nothing_that_a_member_may_not_have_and_three_of_them_are_named(
    cast: Cast, enter: Role, release: Role, rule: SeparationRule
) -> None:
    people = [make_person(f"clerk{n}") for n in range(5)]
    assign([wanted(enter, one) for one in people], actor=acting(cast.administrator))
    group = make_group("Cashiers", cast.employee, *people)
    with pytest.raises(Separated) as refused:
        assign([wanted(release, group)], actor=acting(cast.administrator))
    for name, is_named in (("Clerk0", True), ("Clerk2", True), ("Clerk3", False), ("Robin", False)):
        assert (name in refused.value.message) is is_named
    assert "It is so for 2 more." in refused.value.message
    assert not Assignment.objects.filter(role=release).exists()


def test_an_end_is_not_moved_over_what_is_to_be_held_then(
    cast: Cast, enter: Role, release: Role, rule: SeparationRule
) -> None:
    dana = acting(cast.administrator)
    [first] = assign([wanted(enter, cast.employee)], actor=dana)
    later = Wish(
        release,
        release.directory.root_scope(),
        cast.employee,
        AskedAssignment(ACTIVE, NOON + 10 * DAY, NOON + 20 * DAY, "Takes over"),
    )
    assign([later], actor=dana)
    with pytest.raises(Separated):
        change([Change(first, AskedAssignment(ACTIVE, None, NOON + 11 * DAY, "A day longer"))], actor=dana)


def test_without_the_check_of_wishes_the_verb_below_still_refuses_people(
    cast: Cast, enter: Role, release: Role, rule: SeparationRule, monkeypatch: pytest.MonkeyPatch
) -> None:
    dana = acting(cast.administrator)
    assign([wanted(enter, cast.employee)], actor=dana)
    group = make_group("Cashiers", cast.employee)
    with pytest.raises(Separated):
        check_wishes_not_separated([wanted(release, group)])
    monkeypatch.setattr("approvals.filing.check_wishes_not_separated", lambda wishes: None)
    with pytest.raises(Separated):
        assign([wanted(release, cast.employee)], actor=dana)
    assign([wanted(release, group)], actor=dana)  # a group's would be filed, and its member kept out of it
    sweep()
    assert Assignment.objects.get(role=release).end_cause == "separated"


HEAD = "role,directory,kind,principal,ends_at,justification,action"


def test_a_file_shows_each_line_that_a_rule_refuses_and_what_it_removes_is_not_in_the_way(
    cast: Cast, enter: Role, release: Role, rule: SeparationRule
) -> None:
    dana = acting(cast.administrator)
    assign([wanted(enter, cast.employee)], actor=dana)
    give = "Release payments,Vault,active,robin@example.test,2026-05-10,Moves over,assign"
    take = "Enter payments,Vault,active,robin@example.test,,Moves over,remove"
    [row] = plan_of("\n".join([HEAD, give]), actor=dana).rows
    assert row.state == "refused"
    assert row.why.startswith("Robin Sample holds Enter payments")
    text = "\n".join([HEAD, give])
    with pytest.raises(Refused):
        import_assignments(text, actor=dana, digest=plan_of(text, actor=dana).digest)

    text = "\n".join([HEAD, give, take])
    import_assignments(text, actor=dana, digest=plan_of(text, actor=dana).digest)
    assert [one.role for one in Assignment.objects.live()] == [release]


def test_the_form_of_administrators_shows_the_refusal(
    cast: Cast, enter: Role, release: Role, rule: SeparationRule
) -> None:
    activate(make_eligibility(enter, cast.employee), cast.employee)
    sent = {
        "role": release.pk,
        "principal": cast.employee.email,
        "kind": ACTIVE,
        "ends_at": "2026-05-10T12:00",
        "justification": "On call",
    }
    answer = signed_in(cast.administrator).post(reverse("assign"), sent)
    assert answer.status_code == 422
    assert "Robin Sample holds Enter payments" in answer.content.decode()


# --- The pages ---


@pytest.fixture
def dana(cast: Cast, clock: TimeMachineFixture) -> Client:
    return signed_in(cast.administrator)


def filled(*roles: Role, **fields: Any) -> dict[str, Any]:
    said = {"name": "Payments", "reason": REASON, "is_on": "on", "roles": [role.pk for role in roles]}
    return said | fields


def test_roles_are_found_added_and_taken_out_without_losing_what_was_typed(
    enter: Role, release: Role, dana: Client
) -> None:
    address = reverse("new_separation_rule")
    found = dana.post(address, filled(name="Typed", find="payments vau", act="search", roles=[]))
    assert found.status_code == 200
    for words in ("Typed", f'value="add-{enter.pk}"', f'value="add-{release.pk}"'):
        assert words in found.content.decode()
    part = {"headers": {"HX-Target": "picker"}}
    added = dana.post(address, filled(enter, act=f"add-{release.pk}", find="payments"), **part)  # type: ignore[arg-type]
    page = added.content.decode()
    assert "<html" not in page
    assert page.count('name="roles"') == 2
    dropped = dana.post(address, filled(enter, release, act=f"drop-{enter.pk}"))
    assert f'name="roles" value="{enter.pk}"' not in dropped.content.decode()
    for strange in ("add-", "add-x", "add-" + "9" * 30, "drop--1", "nothing"):
        assert dana.post(address, filled(enter, act=strange)).status_code == 200
    assert not SeparationRule.objects.exists()


def test_a_rule_is_made_changed_switched_off_and_removed(
    enter: Role, release: Role, vault: Vault, dana: Client
) -> None:
    assert dana.post(reverse("new_separation_rule"), filled(enter, release)).status_code == 302
    rule = SeparationRule.objects.get()
    assert {one.role for one in rule.separated.all()} == {enter, release}
    page = dana.get(reverse("separation")).content.decode()
    assert all(words in page for words in ("Payments", REASON, "Enter payments", "Nobody holds several"))

    off = filled(enter, release, name="Cash", is_on="")
    off.pop("is_on")
    assert dana.post(reverse("separation_rule", args=[rule.pk]), off).status_code == 302
    assert (now(rule).name, now(rule).is_on) == ("Cash", False)
    assert dana.post(reverse("remove_separation_rule", args=[rule.pk])).status_code == 302
    assert not SeparationRule.objects.exists()


def test_who_saves_a_rule_that_somebody_changed_meanwhile_is_told_so(
    enter: Role, release: Role, rule: SeparationRule, vault: Vault, dana: Client
) -> None:
    address = reverse("separation_rule", args=[rule.pk])
    seen = version_of(rule)
    assert f'value="{seen}"' in dana.get(address).content.decode()
    save_rule(rule, actor=PORTAL, roles=[enter, release, make_role(vault.row, "Audit payments")])
    assert dana.post(address, filled(enter, release, version=seen)).status_code == 409
    assert rule.separated.count() == 3
    assert dana.post(address, filled(enter, release, version=version_of(rule))).status_code == 302


def test_what_is_missing_comes_back_beside_its_field(
    enter: Role, release: Role, vault: Vault, dana: Client
) -> None:
    rule = make_rule(enter, make_role(vault.row, "Audit payments"), name="There")
    address = reverse("new_separation_rule")
    for sent, words in (
        (filled(enter), "Name at least two roles."),
        (filled(enter, release, reason=""), "This field is required."),
        (filled(enter, release, reason="x" * 301), "at most 300 characters"),
        (filled(enter, release, name=rule.name), "There is a rule of this name already."),
    ):
        answer = dana.post(address, sent)
        assert answer.status_code == 422
        assert words in answer.content.decode()
    assert dana.post(address, filled(enter, release, status="on")).status_code == 400
    assert list(SeparationRule.objects.all()) == [rule]


def test_who_would_lose_something_is_named_before_a_rule_is_saved(
    cast: Cast, enter: Role, release: Role, dana: Client, clock: TimeMachineFixture
) -> None:
    for role in (enter, release):
        activate(make_eligibility(role, cast.employee), cast.employee)
        clock.shift(timedelta(minutes=1))
    address = reverse("new_separation_rule")
    page = dana.post(address, filled(enter, release)).content.decode()
    assert "Robin Sample</b> loses Release payments and keeps Enter payments." in page
    assert not SeparationRule.objects.exists()

    mark = str(Assignment.objects.get(role=release).pk)
    assert dana.post(address, filled(enter, release, seen="1 2 3")).status_code == 200, "somebody else by now"
    assert dana.post(address, filled(enter, release, seen=mark)).status_code == 302
    assert "1 person holds several of them now" in dana.get(reverse("separation")).content.decode()
    sweep()
    assert "Nobody holds several" in dana.get(reverse("separation")).content.decode()


def test_readers_look_and_cannot_touch_and_strangers_find_nothing(cast: Cast, rule: SeparationRule) -> None:
    toni, robin = signed_in(cast.auditor), signed_in(cast.employee)
    page = toni.get(reverse("separation")).content.decode()
    assert "Payments" in page
    assert reverse("new_separation_rule") not in page
    for name, args in (("separation", []), ("new_separation_rule", []), ("separation_rule", [rule.pk])):
        assert robin.get(reverse(name, args=args)).status_code == 404
        assert toni.get(reverse(name, args=args)).status_code == (200 if name == "separation" else 403)
    assert toni.post(reverse("remove_separation_rule", args=[rule.pk])).status_code == 403
    assert robin.post(reverse("remove_separation_rule", args=[rule.pk])).status_code == 404
    assert SeparationRule.objects.filter(pk=rule.pk).exists()


def test_hostile_words_are_shown_as_words(rule: SeparationRule, dana: Client) -> None:
    for words in HOSTILE:
        rule.name = rule.reason = words
        save_as(rule, actor=PORTAL)
        for address in (reverse("separation"), reverse("separation_rule", args=[rule.pk])):
            page = dana.get(address).content.decode()
            assert "<script>alert(1)" not in page
            assert "<img src=x" not in page
            assert "</textarea><svg" not in page


def test_the_list_asks_no_more_for_more_rules(
    enter: Role, release: Role, vault: Vault, dana: Client, django_assert_max_num_queries: Any
) -> None:
    for n in range(6):
        make_rule(enter, make_role(vault.row, f"Role {n}"), name=f"Rule {n}")
    with django_assert_max_num_queries(16):
        dana.get(reverse("separation"))
