"""Several roles in one go: one justification, one ticket, one second factor; each keeps its own limits and reports on its own."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.mfa.dividing import divide_factor
from accounts.mfa.freshness import StepUpRequired
from accounts.models import FactorUse
from approvals.activating_together import Outcome, activate_together, part_key, prospects_of
from approvals.models import AccessRequest
from approvals.requesting import act_of, request_activation
from audit.journal.actor import PORTAL, Actor
from audit.journal.refusing import Refused
from roles.assigning import end_eligibility
from roles.models import Assignment, Eligibility, EndCause
from roles.provisioning import end_assignment
from tests.cast import Cast, code_for
from tests.factories.connectors import Vault
from tests.factories.pages import signed_in
from tests.factories.roles import (
    HOUR,
    NOON,
    acting,
    activate,
    asked,
    change_settings,
    entries_on,
    give_evidence,
    make_eligibility,
    make_role,
    now,
)
from tests.factories.separation import make_rule

pytestmark = pytest.mark.django_db

KEY = "a form"


@pytest.fixture
def three(clock: Any, cast: Cast, vault: Vault) -> list[Eligibility]:
    """The employee may activate three roles: one is free, one for at most an hour, one asks for approval."""
    roles = [
        make_role(vault.row, "Free"),
        make_role(vault.row, "Short", max_minutes=60),
        make_role(vault.row, "Guarded", approvers=[cast.approver]),
    ]
    return [make_eligibility(role, cast.employee) for role in roles]


@pytest.fixture
def robin(cast: Cast) -> Actor:
    return acting(cast.employee)


def every_time(eligibilities: list[Eligibility]) -> None:
    """Let each of their roles ask for a second factor every time."""
    for one in eligibilities:
        change_settings(one.role, factor="every_time")


def together(eligibilities: list[Eligibility], actor: Actor, **what: Any) -> list[Outcome]:
    return activate_together(eligibilities, actor=actor, asked=asked(**what), idempotency_key=KEY)


def proved(eligibilities: list[Eligibility], actor: Actor, **what: Any) -> FactorUse:
    """Give the second factor that the portal asks for."""
    with pytest.raises(StepUpRequired) as question:
        together(eligibilities, actor, **what)
    return give_evidence(actor, act=question.value.act)


def statuses(outcomes: list[Outcome]) -> list[str]:
    return [one.access_request.status if one.access_request else "refused" for one in outcomes]


def test_each_keeps_its_own_limits_and_its_own_way(three: list[Eligibility], robin: Actor) -> None:
    free, short, guarded = (one.access_request for one in together(three, robin))

    assert free is not None
    assert short is not None
    assert guarded is not None
    assert [one.minutes for one in (free, short, guarded)] == [240, 60, 240]
    assert (free.status, guarded.status) == ("approved", "pending")
    assert short.assignment is not None
    assert short.assignment.ends_at == NOON + HOUR
    assert {one.justification for one in AccessRequest.objects.all()} == {"The nightly job is stuck"}


def test_what_is_refused_undoes_no_other_and_says_why(three: list[Eligibility], robin: Actor) -> None:
    change_settings(three[0].role, ticket_required=True)
    activate(three[1], robin.person, minutes=30)

    outcomes = together(three, robin)

    assert statuses(outcomes) == ["refused", "refused", "pending"]
    assert outcomes[0].refusal == "Name the ticket this is for."
    assert outcomes[1].refusal == "You hold this role already."


def test_a_refusal_that_only_the_verb_sees_stands_for_itself_too(
    three: list[Eligibility], robin: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def overtaken(eligibility: Eligibility, **more: Any) -> AccessRequest:
        if eligibility == three[0]:
            raise Refused("Somebody was faster.")
        return request_activation(eligibility, **more)

    monkeypatch.setattr("approvals.activating_together.request_activation", overtaken)

    outcomes = together(three, robin)

    assert statuses(outcomes) == ["refused", "approved", "pending"]
    assert outcomes[0].refusal == "Somebody was faster."


def test_the_ticket_goes_to_those_who_ask_for_one(three: list[Eligibility], robin: Actor) -> None:
    change_settings(three[0].role, ticket_required=True, ticket_pattern="CHG-[0-9]+")
    change_settings(three[1].role, ticket_pattern="INC-[0-9]+")

    outcomes = together(three, robin, ticket="CHG-1")

    assert [one.access_request.ticket for one in outcomes if one.access_request] == ["CHG-1", "", ""]


def test_nothing_is_filed_where_none_has_what_it_asks(three: list[Eligibility], robin: Actor) -> None:
    with pytest.raises(Refused) as refusal:
        together(three, robin, justification="")

    assert refusal.value.code == "justification_missing"
    assert not AccessRequest.objects.exists()


def test_what_has_ended_meanwhile_is_refused_by_itself(three: list[Eligibility], robin: Actor) -> None:
    end_eligibility(three[0], actor=robin)

    outcomes = together(three, robin)

    assert outcomes[0].refusal == "You are not eligible for this role any more."
    assert statuses(outcomes)[1:] == ["approved", "pending"]


@pytest.mark.parametrize("count", [0, 21])
def test_none_and_too_many_are_refused(three: list[Eligibility], robin: Actor, count: int) -> None:
    with pytest.raises(Refused):
        together((three * 7)[:count], robin)


def test_of_two_that_are_kept_apart_one_is_refused_and_the_page_says_so_before(
    three: list[Eligibility], robin: Actor
) -> None:
    make_rule(three[0].role, three[1].role)

    said = prospects_of(three, person=robin.person, asked=asked())
    outcomes = together(three, robin)

    assert statuses(outcomes) == ["approved", "refused", "pending"]
    assert [one.why_not for one in said] == [one.refusal for one in outcomes]
    assert "may not be held together" in outcomes[1].refusal


def test_what_only_waits_is_in_nobodys_way(three: list[Eligibility], robin: Actor) -> None:
    make_rule(three[0].role, three[2].role)

    said = prospects_of([three[2], three[0]], person=robin.person, asked=asked())
    outcomes = together([three[2], three[0]], robin)

    assert statuses(outcomes) == ["refused", "approved"], "what starts at once is asked for first"
    assert [bool(one.why_not) for one in said] == [True, False]


# --- One second factor ---


def test_C5_one_second_factor_does_for_all_of_them_and_each_keeps_its_own_evidence(
    three: list[Eligibility], robin: Actor
) -> None:
    every_time(three)
    evidence = proved(three, robin)

    outcomes = together(three, robin)

    assert statuses(outcomes) == ["approved", "approved", "pending"]
    kept = [one.access_request.factor_use for one in outcomes if one.access_request]
    assert len({one.pk for one in kept if one}) == 3
    assert {(one.at, one.device_name, one.used_at) for one in kept if one} == {(NOON, "Phone", NOON)}
    assert now(evidence).used_at == NOON
    said = entries_on(outcomes[0].access_request).get(action="activation.requested").detail  # type: ignore[arg-type]
    assert said["second_factor"]["device"] == "Phone"


def test_C5_it_is_asked_before_anything_is_filed_and_once(three: list[Eligibility], robin: Actor) -> None:
    every_time(three[1:])

    with pytest.raises(StepUpRequired) as question:
        together(three, robin)

    assert question.value.what_for == "Activate 3 roles"
    assert not AccessRequest.objects.exists(), "not even of the role that asks for none"


@pytest.mark.parametrize(
    "other", [{"minutes": 30}, {"justification": "Something else"}, {"starts_at": NOON + HOUR}]
)
def test_C5_evidence_for_one_choice_does_not_do_for_another(
    three: list[Eligibility], robin: Actor, other: dict[str, Any]
) -> None:
    every_time(three)
    evidence = proved(three, robin)

    for wanted, what in ((three, other), (three[:2], {})):
        with pytest.raises(StepUpRequired):
            together(wanted, robin, **what)

    assert now(evidence).used_at is None
    assert not AccessRequest.objects.exists()


def test_C5_it_does_not_do_twice(three: list[Eligibility], robin: Actor) -> None:
    every_time(three)
    proved(three, robin)
    together(three, robin)
    for held in Assignment.objects.all():
        end_assignment(held, actor=PORTAL, cause=EndCause.REMOVED)

    with pytest.raises(StepUpRequired):
        activate_together(three, actor=robin, asked=asked(), idempotency_key="another form")


def test_C5_C6_evidence_of_another_session_or_person_does_not_do(
    three: list[Eligibility], robin: Actor, cast: Cast
) -> None:
    every_time(three)
    with pytest.raises(StepUpRequired) as question:
        together(three, robin)
    give_evidence(acting(cast.employee, session="another browser"), act=question.value.act)
    give_evidence(acting(cast.outsider), act=question.value.act)

    with pytest.raises(StepUpRequired):
        together(three, robin)


def test_C5_dividing_leaves_evidence_for_nothing_but_the_parts(
    three: list[Eligibility], robin: Actor
) -> None:
    evidence = give_evidence(robin, act="the whole")
    parts = divide_factor(evidence, act="the whole", among=["one part"])

    assert [(one.act, one.at, one.session) for one in parts] == [("one part", evidence.at, robin.session)]
    for act in ("the whole", "something else"):
        with pytest.raises(ValueError, match="very act"):
            divide_factor(evidence, act=act, among=["one part"])


def test_a_passkey_that_one_of_them_asks_for_does_for_all_and_who_has_none_loses_only_that_one(
    three: list[Eligibility], robin: Actor
) -> None:
    change_settings(three[0].role, factor="passkey")

    outcomes = together(three, robin)

    assert statuses(outcomes) == ["refused", "approved", "pending"]
    assert outcomes[0].refusal == "This role asks for a passkey, and you have none."


# --- The same form twice ---


def test_S7_a_form_sent_twice_does_nothing_twice_and_asks_for_no_second_proof(
    three: list[Eligibility], robin: Actor
) -> None:
    every_time(three)
    proved(three, robin)
    first = together(three, robin)

    second = together(three, robin)

    assert [one.access_request for one in second] == [one.access_request for one in first]
    assert AccessRequest.objects.count() == 3
    assert AccessRequest.objects.filter(idempotency_key=part_key(KEY, three[0])).count() == 1


def test_S7_what_was_broken_off_in_the_middle_goes_on_with_the_proof_it_had(
    three: list[Eligibility], robin: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    every_time(three)
    proved(three, robin)
    filed: list[Eligibility] = []

    def breaks(eligibility: Eligibility, **more: Any) -> AccessRequest:
        if filed:
            raise ConnectionError
        filed.append(eligibility)
        return request_activation(eligibility, **more)

    with monkeypatch.context() as patched:
        patched.setattr("approvals.activating_together.request_activation", breaks)
        with pytest.raises(ConnectionError):
            together(three, robin)

    assert statuses(together(three, robin)) == ["approved", "approved", "pending"]
    assert act_of(three[1], asked(minutes=60), robin.person) in FactorUse.objects.values_list(
        "act", flat=True
    )


# --- The pages ---


def page_for(client: Client, eligibilities: list[Eligibility]) -> Any:
    return client.get(reverse("activate_together"), {"pick": [one.pk for one in eligibilities]})


def test_the_page_says_for_each_what_will_happen_and_the_next_one_what_did(
    three: list[Eligibility], cast: Cast
) -> None:
    client = signed_in(cast.employee)
    page = page_for(client, three)
    assert [str(one) for one in page.context["form"].effects()] == [
        "You become <b>Free</b> at once and lose it by itself at <b>13:00</b>. Nobody has to approve.",
        "An approver decides. From then on you are <b>Guarded</b> for 1 h and lose it by itself."
        " <span class='faint'>Who can decide: Kim Placeholder</span>",
        "You become <b>Short</b> at once and lose it by itself at <b>13:00</b>. Nobody has to approve.",
    ]
    preview = client.get(
        page.context["preview"] + "&minutes=240", headers={"HX-Request": "true", "HX-Target": "effect"}
    )
    assert "Its limit is 1 h." in preview.content.decode()

    form = {
        "pick": [one.pk for one in three],
        "minutes": "240",
        "justification": "Release",
        "idempotency_key": "k",
    }
    answer = client.post(reverse("activate_together"), form, follow=True)

    assert answer.redirect_chain == [(reverse("activated_together"), 302)]
    assert [row["access_request"].status for row in answer.context["rows"]] == [
        "approved",
        "pending",
        "approved",
    ]
    again = client.post(reverse("activate_together"), form, follow=True)
    assert [row["access_request"].pk for row in again.context["rows"]] == [
        row["access_request"].pk for row in answer.context["rows"]
    ]


def test_a_code_in_the_form_does_for_all_of_them(three: list[Eligibility], cast: Cast, clock: Any) -> None:
    every_time(three)
    client = signed_in(cast.employee)
    clock.shift(60)
    form = {
        "pick": [one.pk for one in three],
        "minutes": "60",
        "justification": "Release",
        "code": code_for(cast.employee),
    }
    answer = client.post(reverse("activate_together"), form, follow=True)
    assert answer.status_code == 200
    assert [row["refusal"] for row in answer.context["rows"]] == ["", "", ""]


def test_B4_what_is_wrong_comes_back_with_everything_typed(three: list[Eligibility], cast: Cast) -> None:
    client = signed_in(cast.employee)
    form: dict[str, Any] = {"pick": [one.pk for one in three], "minutes": "60", "justification": ""}

    answer = client.post(reverse("activate_together"), form)

    assert answer.status_code == 422
    assert "Say why you need the role." in answer.content.decode()
    assert not AccessRequest.objects.exists()


def test_E1_roles_of_somebody_else_are_left_out(three: list[Eligibility], cast: Cast, vault: Vault) -> None:
    theirs = make_eligibility(make_role(vault.row, "Theirs"), cast.outsider)
    client = signed_in(cast.employee)

    page = page_for(client, [*three, theirs])
    assert theirs not in [one.eligibility for one in page.context["chosen"]]
    form: dict[str, Any] = {"pick": [theirs.pk], "minutes": "60", "justification": "Mine now"}
    assert client.post(reverse("activate_together"), form)["Location"] == reverse("my_roles")
    assert page_for(client, [theirs])["Location"] == reverse("my_roles")
    assert not AccessRequest.objects.exists()


def test_home_carries_the_form_for_what_is_ticked_there(three: list[Eligibility], cast: Cast) -> None:
    client = signed_in(cast.employee)
    bare = client.get(reverse("home"), {"several": "1"})
    assert (bare.status_code, bare.context["picked"]) == (200, [])

    ticked: dict[str, Any] = {"several": "1", "pick": [one.pk for one in three[:2]]}
    page = client.get(reverse("home"), ticked)

    assert sorted(page.context["picked"]) == sorted(one.pk for one in three[:2])
    assert 'name="pick"' in page.content.decode()
    for strange in ("'", "-1", "9" * 40, "abc"):
        assert client.get(reverse("home"), {"several": "1", "pick": strange}).context["picked"] == []


def test_my_roles_offers_to_pick_what_can_be_asked_for(
    three: list[Eligibility], robin: Actor, cast: Cast
) -> None:
    activate(three[0], cast.employee)
    page = signed_in(cast.employee).get(reverse("my_roles")).content.decode()
    assert f'name="pick" value="{three[0].pk}"' not in page
    assert f'name="pick" value="{three[1].pk}"' in page
