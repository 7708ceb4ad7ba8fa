"""The journal is whole: nothing in the code changes a model with history past its history and past the journal."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

from audit.history import history_model_of, models_with_history
from audit.journal.lifecycle import HasLife

ESCAPING = {"update", "bulk_create", "bulk_update"}
MODELS = {model.__name__: model for model in models_with_history()}


def calls() -> Iterator[tuple[str, ast.Call]]:
    """Every call in the code of the apps, with the place it stands."""
    for app in ("accounts", "audit", "roles", "approvals", "pim_portal"):
        for file in Path(settings.BASE_DIR, app).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Call):
                    yield f"{file.relative_to(settings.BASE_DIR)}:{node.lineno}", node


def root_of(node: ast.expr) -> str:
    """The name a chain of calls and attributes begins with: ``Role`` of ``Role.objects.filter(...).update(...)``."""
    while isinstance(node, (ast.Call, ast.Attribute)):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""


def without_history(name: str) -> set[str]:
    """The columns of a model that are no part of its history."""
    kept = {field.name for field in history_model_of(MODELS[name]).tracked_fields}
    return {field.name for field in MODELS[name]._meta.fields} - kept


def columns_set_by(call: ast.Call, how: str) -> set[str]:
    """The columns a statement sets: named one by one in an update, listed in a bulk update; else it is not known."""
    if how == "update":
        return {str(keyword.arg) for keyword in call.keywords}
    if how == "bulk_update" and len(call.args) == 2 and isinstance(call.args[1], ast.List):
        return {str(getattr(name, "value", "?")) for name in call.args[1].elts}
    return {"?"}


def test_no_statement_changes_a_model_with_history_behind_its_back() -> None:
    found = []
    for place, call in calls():
        name = root_of(call.func)
        how = call.func.attr if isinstance(call.func, ast.Attribute) else ""
        if how in ESCAPING and name in MODELS and not columns_set_by(call, how) <= without_history(name):
            found.append(place)
    assert not found, "only move_to may, and what is no part of the history"


def test_bulk_verbs_with_history_hand_their_rows_to_the_journal() -> None:
    for place, call in calls():
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        if name in ("bulk_create_with_history", "bulk_update_with_history"):
            file = Path(settings.BASE_DIR, place.partition(":")[0])
            assert "copy_into_journal(" in file.read_text(), place
        if name == "bulk_history_create":
            assert place.startswith("audit/journal/lifecycle.py"), place


def test_a_status_is_assigned_nowhere_but_in_move_to() -> None:
    living = {model.__name__ for model in MODELS.values() if issubclass(model, HasLife)}
    assert living >= {"Alert", "AccessRequest", "Assignment", "Eligibility"}
    for app in ("accounts", "audit", "roles", "approvals", "pim_portal"):
        for file in Path(settings.BASE_DIR, app).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Assign):
                    named = [target for target in node.targets if isinstance(target, ast.Attribute)]
                    assert not [target for target in named if target.attr == "status"] or file.match(
                        "audit/journal/lifecycle.py"
                    ), f"{file}:{node.lineno}"


@pytest.mark.parametrize(
    "name", ["User", "Group", "Membership", "DutyHolding", "Directory", "Role", "RoleSettings", "Approver"]
)
def test_what_matters_keeps_history(name: str) -> None:
    assert name in MODELS


def test_the_columns_left_out_of_a_history_are_those_of_the_workers_and_secrets() -> None:
    left_out = {f"{name}.{column}" for name in MODELS for column in without_history(name)}
    assert {
        column for column in left_out if column.endswith((".status", ".ends_at", ".starts_at", ".person"))
    } == set()
    assert "User.password" in left_out
