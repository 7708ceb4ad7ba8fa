"""Importing a file: what it would change is shown line by line, and applied as shown, all of it or nothing."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from time_machine import TimeMachineFixture

from accounts.mfa.freshness import StepUpRequired
from accounts.models import User
from approvals.import_lines import MOST_BYTES, MOST_ROWS, lines_of, moment_of, text_of
from approvals.import_plan import plan_of
from approvals.importing import import_assignments
from approvals.models import AccessRequest
from audit.journal.models import AuditEvent
from audit.journal.refusing import Overtaken, Refused
from roles.models import Assignment, Eligibility, GroupAssignment, Role, Scope
from roles.sweeping import sweep
from tests.cast import Cast
from tests.factories.connectors import Vault
from tests.factories.pages import HOSTILE, signed_in
from tests.factories.people import make_group
from tests.factories.roles import (
    NOON,
    acting,
    activate,
    appoint,
    change_settings,
    give_evidence,
    make_eligibility,
    make_role,
    now,
)

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
HEAD = "role,directory,scope,kind,principal,principal_kind,starts_at,ends_at,justification,ticket,action"


@pytest.fixture
def role(clock: TimeMachineFixture, cast: Cast, vault: Vault) -> Role:
    return make_role(vault.row)


def line(principal: str = "robin@example.test", kind: str = "eligible", **cells: str) -> str:
    said = {"role": "Operator", "directory": "Vault", "kind": kind, "principal": principal}
    said |= {"justification": "Joins", "action": "assign", "ends_at": "2026-05-20"}
    return ",".join((said | cells).get(name, "") for name in HEAD.split(","))


def text(*lines: str) -> str:
    return "\n".join([HEAD, *lines])


def states(said: str, person: User) -> list[tuple[str, str]]:
    return [(row.state, row.why) for row in plan_of(said, actor=acting(person)).rows]


def test_new_changed_removed_and_unchanged_are_applied_as_they_were_shown(
    role: Role, cast: Cast, vault: Vault
) -> None:
    group = make_group("Operators", cast.outsider)
    shorter = make_eligibility(role, cast.approver, ends_at=NOON + 90 * DAY)
    held = activate(make_eligibility(role, cast.second_approver), cast.second_approver)
    same = make_eligibility(role, cast.auditor, ends_at=NOON + DAY)
    said = text(
        line(),
        line("Operators", "active", principal_kind="group", starts_at="2026-05-04T14:00+02:00"),
        line("kim@example.test", action="update", ends_at="2026-06-01T12:00Z"),
        line("jo@example.test", action="remove"),
        line("toni@example.test", ends_at="2026-05-05T12:00"),
        line("root@example.test", action="").replace("root@", "sam@"),
    )
    actor = acting(cast.administrator)

    plan = plan_of(said, actor=actor)
    assert [row.state for row in plan.rows] == ["new", "new", "changed", "removed", "unchanged", "unchanged"]
    assert not GroupAssignment.objects.exists()
    import_assignments(said, actor=actor, digest=plan.digest)
    sweep()

    assert Eligibility.objects.in_force().filter(person=cast.employee).exists()
    assert GroupAssignment.objects.get().group == group
    assert Assignment.objects.in_force().get(person=cast.outsider).through is not None
    assert now(shorter).ends_at == NOON + 28 * DAY
    assert not now(held).is_in_force()
    assert now(same).history.count() == 1
    assert sorted(AccessRequest.objects.exclude(act="activate").values_list("act", flat=True)) == [
        "assign",
        "assign",
        "remove",
        "update",
    ]
    assert AuditEvent.objects.get(action="assignments.imported").detail["new"] == 2


@pytest.mark.parametrize(
    ("cells", "why"),
    [
        ({"role": "Reader"}, "no such role"),
        ({"directory": "Elsewhere"}, "no such role"),
        ({"scope": "/finance"}, "no such scope"),
        ({"kind": "standing"}, "eligible or active"),
        ({"principal": "nobody@example.test"}, "no person or group"),
        ({"principal_kind": "robot"}, "person, group or service"),
        ({"principal_kind": "service"}, "no person or service principal"),
        ({"ends_at": "tomorrow"}, "no moment"),
        ({"ends_at": "0001-01-01"}, "no moment"),
        ({"ends_at": "2026-05-04T11:00"}, "end comes before"),
        ({"starts_at": "2026-05-01"}, "lies in the past"),
        ({"kind": "active", "ends_at": ""}, "at most 6 months"),
        ({"justification": ""}, "Say why"),
        ({"action": "delete"}, "assign, update or remove"),
        ({"action": "update"}, "nothing of this kind"),
        ({"action": "remove"}, "nothing of this kind"),
        ({"principal": "dana@example.test"}, "to themselves"),
        ({"principal": "pat@example.test"}, "is disabled"),
        ({"principal": "kim@example.test"}, "already eligible"),
    ],
)
def test_a_line_that_is_not_possible_says_why_and_stops_all_of_it(
    role: Role, cast: Cast, cells: dict[str, str], why: str
) -> None:
    User.objects.filter(pk=cast.outsider.pk).update(is_active=False)
    make_eligibility(role, cast.approver)
    said = text(line(), line("jo@example.test", **cells) if "principal" not in cells else line(**cells))
    actor = acting(cast.administrator)

    plan = plan_of(said, actor=actor)

    assert [row.state for row in plan.rows] == ["new", "refused"]
    assert why in plan.rows[1].why
    with pytest.raises(Refused, match="as long as a line is refused"):
        import_assignments(said, actor=actor, digest=plan.digest)
    assert Eligibility.objects.count() == 1


def test_A10_what_changed_since_the_preview_stops_all_of_it(role: Role, cast: Cast) -> None:
    kept = make_eligibility(role, cast.approver, ends_at=NOON + 90 * DAY)
    said = text(line(), line("kim@example.test", action="update"))
    actor = acting(cast.administrator)
    digest = plan_of(said, actor=actor).digest
    Eligibility.objects.filter(pk=kept.pk).update(ends_at=NOON + 80 * DAY)

    for other in (said, text(line())):
        with pytest.raises(Overtaken):
            import_assignments(other, actor=actor, digest=digest)

    assert Eligibility.objects.count() == 1
    assert not AccessRequest.objects.exists()


def test_the_owner_of_one_directory_imports_into_that_one_only(role: Role, cast: Cast) -> None:
    assert states(text(line()), cast.approver)[0][0] == "refused"
    appoint(cast.approver, "own", role.directory)
    assert states(text(line()), cast.approver) == [("new", "")]
    assert "to themselves" in states(text(line("kim@example.test")), cast.approver)[0][1]


def test_the_same_thing_twice_is_refused_and_a_scope_is_found_by_name_or_path(
    role: Role, cast: Cast, vault: Vault
) -> None:
    vault.capabilities = type(vault.capabilities)(scopes=True)
    node = Scope.objects.create(
        directory=vault.row, parent=vault.row.root_scope(), name="Finance", path="/finance"
    )
    said = text(line(scope="/finance"), line(scope="Finance"), line(scope="Vault"), line(scope="/"))
    plan = plan_of(said, actor=acting(cast.administrator))
    assert [(row.state, row.wish and row.wish.scope == node) for row in plan.rows[:1]] == [("new", True)]
    assert [row.why for row in plan.rows] == [
        "",
        "Line 2 is about the same.",
        "",
        "Line 4 is about the same.",
    ]


def test_A7_a_second_factor_is_bound_to_this_very_file(role: Role, cast: Cast) -> None:
    change_settings(role, active_factor=True)
    said, actor = text(line(kind="active")), acting(cast.administrator)
    digest = plan_of(said, actor=actor).digest
    with pytest.raises(StepUpRequired) as question:
        import_assignments(said, actor=actor, digest=digest)
    give_evidence(actor, act=question.value.act)

    import_assignments(said, actor=actor, digest=digest)

    assert Assignment.objects.get().person == cast.employee


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("", "nothing to import"),
        ("\n\n", "nothing to import"),
        (HEAD, "nothing below"),
        ("role,directory,kind\nx,y,z", "Missing: principal"),
        (HEAD.replace("ends_at", "end_at") + "\n" + line(), "no column called end_at"),
        ("role," + HEAD + "\nx," + line(), "named twice"),
        (HEAD + "\nonly,three,cells", "Line 2 has 3 cells"),
        (HEAD + '\n"never closed', "Line 2 cannot be read"),
        (text(*["x" + "," * 10] * (MOST_ROWS + 1)), "At most 5000 lines"),
        (HEAD + "\n" + "x" * MOST_BYTES, "larger than 2 MB"),
        (HEAD + "\n\x00", "zero character"),
    ],
)
def test_a_file_that_cannot_be_read_says_where_and_why(said: str, why: str) -> None:
    with pytest.raises(Refused, match=why):
        lines_of(said)


def test_semicolons_a_byte_order_mark_and_the_apostrophe_of_a_download_are_understood() -> None:
    said = text_of(("\ufeff" + HEAD + ",state\n" + line(principal="'=HYPERLINK()") + ",In force").encode())
    assert lines_of(said)[0]["principal"] == "=HYPERLINK()"
    assert lines_of(said.replace(",", ";"))[0]["role"] == "Operator"
    with pytest.raises(Refused, match="not in UTF-8"):
        text_of("Müller".encode("latin-1"))
    with pytest.raises(Refused, match="larger"):
        text_of(b"x" * (MOST_BYTES + 1))
    assert moment_of("") is None


def test_a_download_comes_back_unchanged(role: Role, cast: Cast) -> None:
    dana = signed_in(cast.administrator)
    make_eligibility(role, cast.employee, ends_at=NOON + DAY + timedelta(microseconds=5))
    answer: Any = dana.get(reverse("download_assignments"), {"tab": "eligible"})
    said = b"".join(answer.streaming_content).decode()

    assert [state for state, _why in states(said, cast.administrator)] == ["unchanged"]
    rows = list(csv.DictReader(io.StringIO(said)))
    rows[0] |= {"action": "update", "ends_at": "2026-06-01T00:00:00+00:00", "justification": "Longer"}
    out = io.StringIO()
    writer = csv.DictWriter(out, rows[0])
    writer.writeheader()
    writer.writerows(rows)
    assert states(out.getvalue(), cast.administrator) == [("changed", "")]


def test_the_number_of_questions_does_not_grow_with_the_file(
    role: Role, cast: Cast, django_assert_max_num_queries: Any
) -> None:
    people = [User(email=f"p{n}@example.test", display_name=f"P {n}", password="x") for n in range(60)]
    User.objects.bulk_create(people)
    said = text(*(line(person.email) for person in people))
    with django_assert_max_num_queries(20):
        plan = plan_of(said, actor=acting(cast.administrator))
    assert plan.counts["new"] == 60


@pytest.fixture
def dana(role: Role, cast: Cast) -> Client:
    return signed_in(cast.administrator)


def test_the_page_shows_then_applies(dana: Client) -> None:
    address = reverse("import_assignments")
    upload = SimpleUploadedFile("people.csv", text(line()).encode())

    page = dana.post(address, {"file": upload})
    assert "This file changes 1 thing" in page.content.decode()
    assert '<td role="cell" class="num" data-label="Line">2</td>' in page.content.decode()
    assert "Operator" in page.content.decode()
    assert not Eligibility.objects.exists()
    said = {"text": page.context["text"], "digest": page.context["digest"]}
    assert dana.post(address, said)["Location"] == reverse("assignments")
    assert dana.post(address, said).status_code == 409

    assert Eligibility.objects.count() == 1


def test_H_what_a_file_says_is_shown_as_text_and_strange_fields_are_refused(dana: Client) -> None:
    address = reverse("import_assignments")
    said = text(*(line('"' + hostile.replace('"', '""') + '"') for hostile in HOSTILE))
    page = dana.post(address, {"text": said}).content.decode()
    assert "<script>alert" not in page
    assert "<svg/onload" not in page
    assert dana.post(address, {"text": said, "actor": "x"}).status_code == 400
    assert dana.post(address, {"text": "role\nx"}).status_code == 422
