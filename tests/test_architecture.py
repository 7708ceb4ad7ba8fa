"""What the house promises about its own source. Each look is shown to see what it looks for.

Layers and imports are kept by import-linter; see ``tests/pim_portal/test_layers.py``.
"""

import ast
import inspect
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

import pytest
from django.apps import apps
from django.db import models
from simple_history.exceptions import NotHistoricalModelError
from simple_history.utils import get_history_model_for_model

from audit.journal.lifecycle import HasLife
from pim_portal.celery import app

ROOT = Path(__file__).parents[1]
PACKAGES = ["accounts", "approvals", "audit", "pim_portal", "roles"]
LIFECYCLE = "audit/journal/lifecycle.py"

#: Background verbs that no timetable calls: they hurry what a sweep would find by itself.
HURRIES = {
    "accounts.notifications.delivering.deliver_notification": "deliver_due_notifications",
    "approvals.hooks.sending.send_hook_call": "send_due_hook_calls",
    "roles.exploring.inspect": "inspect_what_waits",
    "approvals.reviews.applying.carry_out_review": "run_reviews",
    "roles.provisioning.provision_assignment": "sweep_if_late",
    "roles.provisioning.deprovision_assignment": "sweep_if_late",
    "roles.reconciling.reconcile": "reconcile_due_directories",
}

#: Models of ours that have no history of their own, and why that is right.
WITHOUT_HISTORY = {
    "accounts.Attempts": "counts wrong passwords",
    "accounts.Authenticator": "django-otp's; what happens to it is in the journal",
    "accounts.EnrolmentPass": "a link that lives three days; its use is in the journal",
    "accounts.FactorUse": "evidence: added, never changed but for being used",
    "accounts.Notification": "a message, and whether it was mailed",
    "accounts.Passkey": "a key of its person's own making; what happens to it is in the journal",
    "accounts.PasskeyChallenge": "random bytes that live minutes",
    "accounts.RecoveryCodes": "django-otp's; what happens to it is in the journal",
    "accounts.Session": "lives hours; sign-ins are in the journal",
    "accounts.StepUp": "a form that waits some minutes",
    "approvals.AutomaticDecision": "added, never changed",
    "approvals.Decision": "added, never changed; the request's history tells the rest",
    "approvals.Favourite": "a star says nothing about access",
    "approvals.FrozenApprover": "written once with its request",
    "approvals.HookCall": "asked and answered once; both are in the journal",
    "approvals.Question": "asked and answered once; both are in the journal",
    "approvals.ReviewDecision": "added, never changed but for being void, which says when and why",
    "approvals.ReviewItem": "written by one statement for thousands; its answers and the journal tell the rest",
    "approvals.ReviewStage": "the journal tells them with their series",
    "approvals.Reviewer": "the journal tells them with their series",
    "approvals.RoleInSet": "as the set it belongs to",
    "approvals.RoleSet": "a person's own list; it gives nobody anything",
    "audit.JournalCheck": "what the last check found",
    "journal.AuditEvent": "the book itself",
    "journal.JournalHead": "how far the book goes",
    "roles.Heartbeat": "when something was last seen running",
    "roles.HolderGuard": "a place in line",
    "roles.Inspection": "a look that somebody asked for; that it was asked for is in the journal",
    "roles.Reconciliation": "what the last comparison came to",
}

Finding = tuple[str, int]
Look = Callable[[ast.AST], Iterator[int]]


def sources() -> Iterator[tuple[str, ast.Module]]:
    """Every module of the portal, but its migrations."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            if "migrations" not in path.parts:
                yield path.relative_to(ROOT).as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def found_by(look: Look) -> list[Finding]:
    return [(name, line) for name, tree in sources() for line in look(tree)]


# --- A status moves only through move_to ---


def moves_of_status(tree: ast.AST) -> Iterator[int]:
    """Lines that set a status past the table of legal moves."""
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=targets):
                held = targets
            case ast.AnnAssign(target=target, value=ast.expr()) | ast.AugAssign(target=target):
                held = [target]
            case ast.Call(func=ast.Attribute(attr="update" | "update_or_create"), keywords=keywords):
                if any(keyword.arg == "status" for keyword in keywords):
                    yield node.lineno
                continue
            case ast.Call(func=ast.Attribute(attr="save" | "bulk_update"), args=args, keywords=keywords):
                named = [*args, *(keyword.value for keyword in keywords)]
                if any(_names_status(one) for one in named):
                    yield node.lineno
                continue
            case ast.Call(func=ast.Name(id="setattr"), args=[_, ast.Constant(value="status"), *_]):
                yield node.lineno
                continue
            case _:
                continue
        if any(isinstance(one, ast.Attribute) and one.attr == "status" for one in held):
            yield node.lineno


def _names_status(node: ast.expr) -> bool:
    listed = node.elts if isinstance(node, ast.List | ast.Tuple | ast.Set) else []
    return any(isinstance(one, ast.Constant) and one.value == "status" for one in listed)


@pytest.mark.parametrize(
    "line",
    [
        "thing.status = 'ended'",
        "thing.status: str = 'ended'",
        "Assignment.objects.filter(pk=1).update(status='ended', ended_at=now)",
        "Assignment.objects.update_or_create(pk=1, status='ended')",
        "thing.save(update_fields=['status'])",
        "Assignment.objects.bulk_update(things, ['status'])",
        "setattr(thing, 'status', 'ended')",
    ],
)
def test_the_look_for_moves_sees_each_way_to_set_a_status(line: str) -> None:
    assert list(moves_of_status(ast.parse(line))) == [1]


def test_a_status_moves_only_through_the_table_of_legal_moves() -> None:
    found = found_by(moves_of_status)

    assert any(name == LIFECYCLE for name, _ in found), "the look must at least see move_to itself"
    assert [one for one in found if one[0] != LIFECYCLE] == []


def test_every_table_of_legal_moves_knows_only_statuses_that_exist_and_leaves_none_unreachable() -> None:
    with_life = [model for model in apps.get_models() if issubclass(model, HasLife)]
    assert {model.__name__ for model in with_life} >= {"AccessRequest", "Alert", "Assignment", "Eligibility"}

    for model in with_life:
        statuses = {value for value, _ in model._meta.get_field("status").choices or []}
        begins = {str(model._meta.get_field("status").get_default())}
        reached = set().union(*model.NEXT.values())
        assert set(model.NEXT) <= statuses, model
        assert begins | reached == statuses, model


# --- Background verbs ---


def background_verbs() -> set[str]:
    """Every function that wears ``@shared_task``, by its full name, looked for in the source itself."""
    verbs = set()
    for name, tree in sources():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and any(
                "shared_task" in ast.unparse(worn) for worn in node.decorator_list
            ):
                verbs.add(f"{name.removesuffix('.py').replace('/', '.')}.{node.name}")
    return verbs


def test_every_background_verb_is_known_to_the_worker() -> None:
    modules = {verb.rpartition(".")[0] for verb in background_verbs()}

    assert sorted(app.conf.include) == sorted(modules), "each module once, and none that has no such verb"


def test_every_background_verb_is_on_the_timetable_or_only_hurries_one_that_is() -> None:
    timetable = {entry["task"] for entry in app.conf.beat_schedule.values()}

    assert background_verbs() - timetable == set(HURRIES)
    assert set(HURRIES.values()) <= {task.rpartition(".")[2] for task in timetable}


def test_background_verbs_are_told_keys_and_nothing_else() -> None:
    for verb in background_verbs():
        module, _, name = verb.rpartition(".")
        hints = inspect.get_annotations(getattr(import_module(module), name).run, eval_str=True)
        hints.pop("return")
        assert set(hints.values()) <= {int}, verb


# --- Names ---


def test_no_module_is_a_drawer_for_everything() -> None:
    drawers = {"utils", "helpers", "common", "services", "managers", "misc", "tasks"}

    names = {(name, part) for name, _ in sources() for part in name.removesuffix(".py").split("/")}

    assert ("roles/sweeping.py", "sweeping") in names
    assert {name for name, part in names if part in drawers} == set()


# --- History ---


def test_every_model_has_a_history_or_a_reason_to_have_none() -> None:
    ours = {
        model
        for model in apps.get_models()
        if model._meta.app_label in (*PACKAGES, "journal") and not model.__name__.startswith("Historical")
    }

    without = {model._meta.label for model in ours if not _has_history(model)}

    assert without == set(WITHOUT_HISTORY)
    assert {model._meta.label for model in ours} >= {
        "accounts.User",
        "accounts.Group",
        "accounts.Membership",
        "accounts.DutyHolding",
        "approvals.AccessRequest",
        "roles.Approver",
        "roles.Assignment",
        "roles.Directory",
        "roles.DirectoryGroupAppointment",
        "roles.DirectoryPersonAppointment",
        "roles.Eligibility",
        "roles.Role",
        "roles.RoleGroupAppointment",
        "roles.RolePersonAppointment",
        "roles.RoleSettings",
        "roles.Scope",
    }


def _has_history(model: type[models.Model]) -> bool:
    # Asked of the model itself: a history that was only inherited would keep no rows of this one.
    try:
        return get_history_model_for_model(model).instance_type is model  # type: ignore[no-untyped-call]
    except NotHistoricalModelError:
        return False


# --- Verbs ---


def verbs() -> Iterator[tuple[str, ast.FunctionDef]]:
    """Every function that wears ``@journaled``."""
    for name, tree in sources():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and any(
                isinstance(worn, ast.Name) and worn.id == "journaled" for worn in node.decorator_list
            ):
                yield f"{name}: {node.name}", node


def faults_in_shape(verb: ast.FunctionDef) -> list[str]:
    """How a verb differs from the one shape: its subject first, then keywords only, ``actor``, no switches."""
    faults = []
    arguments = verb.args
    if len(arguments.posonlyargs + arguments.args) != 1:
        faults.append("more or less than its subject comes first")
    if "actor" not in [one.arg for one in arguments.kwonlyargs]:
        faults.append("it has no actor")
    if any(
        isinstance(one.annotation, ast.Name) and one.annotation.id == "bool" for one in arguments.kwonlyargs
    ):
        faults.append("it has a switch: make it two verbs")
    if any(isinstance(node, ast.Return) and ast.unparse(node) == "return False" for node in ast.walk(verb)):
        faults.append("it answers False instead of refusing")
    return faults


@pytest.mark.parametrize(
    "source",
    [
        "def verb(thing, other, *, actor): ...",
        "def verb(*, actor): ...",
        "def verb(thing, *, justification): ...",
        "def verb(thing, *, actor, notify: bool = True): ...",
        "def verb(thing, *, actor):\n    return False",
    ],
)
def test_the_look_at_verbs_sees_each_fault(source: str) -> None:
    (verb,) = ast.parse(source).body
    assert isinstance(verb, ast.FunctionDef)

    assert len(faults_in_shape(verb)) == 1


def test_every_verb_has_the_one_shape() -> None:
    shapes = dict(verbs())
    assert "approvals/requesting.py: request_activation" in shapes

    assert {name: faults for name, verb in shapes.items() if (faults := faults_in_shape(verb))} == {}
