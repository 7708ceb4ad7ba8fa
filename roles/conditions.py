"""What the triggers that keep the last holders ask, in words that PostgreSQL and SQLite both understand.

No value of anybody's is put into these statements: they are made of each other, once, when the module is imported.
"""
# ruff: noqa: S608

from __future__ import annotations

from dataclasses import dataclass

#: protected always, whatever their rows say
ALWAYS = "('global_administrator', 'privileged_role_administrator')"
ROLE = "roles_role r JOIN roles_directory d ON d.id = r.directory_id"


def _least(role: str) -> str:
    """How many standing holders a role of directory ``d`` must keep."""
    return (
        f"(CASE WHEN d.kind = 'portal' AND {role}.entitlement IN {ALWAYS} AND {role}.least_holders < 1 THEN 1"
        f" ELSE {role}.least_holders END)"
    )


def _standing(row: str) -> str:
    """Whether an assignment, by its own columns, makes its holder a standing one."""
    return (
        f"({row}.status = 'active' AND {row}.ends_at IS NULL AND {row}.eligibility_id IS NULL"
        f" AND {row}.through_id IS NULL AND {row}.origin IN ('direct', 'found_outside'))"
    )


def _holders(role: str, more: str = "") -> str:
    """How many standing holders a role has."""
    return (
        "(SELECT count(DISTINCT a.person_id) FROM roles_assignment a JOIN accounts_user u ON u.id = a.person_id"
        f" JOIN roles_scope s ON s.id = a.scope_id WHERE a.role_id = {role} AND {_standing('a')}"
        f" AND u.is_active AND u.kind = 'person' AND s.parent_id IS NULL{more})"
    )


def _duty_holders(duty: str) -> str:
    """How many enabled people hold a duty without an end."""
    return (
        "(SELECT count(*) FROM accounts_dutyholding k JOIN accounts_user u ON u.id = k.person_id"
        f" WHERE k.duty = {duty} AND k.ends_at IS NULL AND u.is_active AND u.kind = 'person')"
    )


def _duty_least(duty: str) -> str:
    """How many of them there must be."""
    said = f"coalesce((SELECT max(r.least_holders) FROM {ROLE} WHERE d.kind = 'portal' AND r.entitlement = {duty}), 0)"
    return f"(CASE WHEN {duty} IN {ALWAYS} AND {said} < 1 THEN 1 ELSE {said} END)"


@dataclass(frozen=True)
class Trigger:
    """One trigger, in the words both databases understand.

    Args:
        when: asked of the row alone, before anything is locked or counted.
        lost: asked when it is this one's turn; the statement is refused when it is so.
    """

    name: str
    timing: str
    table: str
    when: str
    lost: str


LEAST = _least("r")
COUNTED_PERSON = (
    "SELECT 1 FROM accounts_user p WHERE p.id = OLD.person_id AND p.is_active AND p.kind = 'person'"
)
HELD = (
    f"EXISTS (SELECT 1 FROM {ROLE}, roles_scope t WHERE r.id = OLD.role_id AND t.id = OLD.scope_id"
    f" AND t.parent_id IS NULL AND {LEAST} > 0 AND EXISTS ({COUNTED_PERSON}) AND (%s))"
)
TOO_FEW_LEFT = f"{_holders('OLD.role_id')} < {LEAST} AND {_holders('OLD.role_id', ' AND a.person_id = OLD.person_id')} = 0"
DUTY_HELD = f"EXISTS ({COUNTED_PERSON}) AND {_duty_least('OLD.duty')} > 0 AND (%s)"
TOO_FEW_ON_DUTY = f"{_duty_holders('OLD.duty')} < {_duty_least('OLD.duty')}"
PERSON_LOST = (
    f"EXISTS (SELECT 1 FROM roles_assignment b JOIN roles_scope t ON t.id = b.scope_id, {ROLE} WHERE r.id = b.role_id"
    f" AND b.person_id = OLD.id AND {_standing('b')} AND t.parent_id IS NULL AND {_holders('b.role_id')} < {LEAST})"
    " OR EXISTS (SELECT 1 FROM accounts_dutyholding h WHERE h.person_id = OLD.id AND h.ends_at IS NULL"
    f" AND {_duty_holders('h.duty')} < {_duty_least('h.duty')})"
)
COUNTED = "OLD.is_active AND OLD.kind = 'person'"
ROLE_IN_USE = (
    f"EXISTS (SELECT 1 FROM roles_directory d WHERE d.id = OLD.directory_id AND {_least('OLD')} > 0)"
)

TRIGGERS = (
    Trigger(
        "guard_assignment_changed",
        "AFTER UPDATE",
        "roles_assignment",
        f"{_standing('OLD')} AND (NOT {_standing('NEW')} OR NEW.person_id <> OLD.person_id"
        " OR NEW.role_id <> OLD.role_id OR NEW.scope_id <> OLD.scope_id OR NEW.starts_at > OLD.starts_at)",
        HELD % f"NEW.starts_at > OLD.starts_at OR ({TOO_FEW_LEFT})",
    ),
    Trigger(
        "guard_assignment_deleted",
        "AFTER DELETE",
        "roles_assignment",
        _standing("OLD"),
        HELD % TOO_FEW_LEFT,
    ),
    Trigger(
        "guard_duty_changed",
        "AFTER UPDATE",
        "accounts_dutyholding",
        "OLD.ends_at IS NULL AND (NEW.ends_at IS NOT NULL OR NEW.person_id <> OLD.person_id"
        " OR NEW.duty <> OLD.duty OR NEW.starts_at > OLD.starts_at)",
        DUTY_HELD % f"NEW.starts_at > OLD.starts_at OR {TOO_FEW_ON_DUTY}",
    ),
    Trigger(
        "guard_duty_deleted",
        "AFTER DELETE",
        "accounts_dutyholding",
        "OLD.ends_at IS NULL",
        DUTY_HELD % TOO_FEW_ON_DUTY,
    ),
    Trigger(
        "guard_person_changed",
        "AFTER UPDATE",
        "accounts_user",
        f"{COUNTED} AND (NOT NEW.is_active OR NEW.kind <> 'person')",
        PERSON_LOST,
    ),
    Trigger("guard_person_deleted", "AFTER DELETE", "accounts_user", COUNTED, PERSON_LOST),
    Trigger(
        "guard_role_raised",
        "AFTER UPDATE",
        "roles_role",
        "NEW.least_holders > OLD.least_holders",
        f"{_holders('NEW.id')} < NEW.least_holders",
    ),
    Trigger(
        "guard_role_changed",
        "BEFORE UPDATE",
        "roles_role",
        "NEW.directory_id <> OLD.directory_id OR NEW.entitlement <> OLD.entitlement OR NEW.least_holders < OLD.least_holders",
        f"({ROLE_IN_USE} AND (NEW.directory_id <> OLD.directory_id OR NEW.entitlement <> OLD.entitlement)"
        f" AND {_holders('OLD.id')} > 0) OR (NEW.least_holders < 1 AND OLD.entitlement IN {ALWAYS}"
        " AND EXISTS (SELECT 1 FROM roles_directory d WHERE d.id = OLD.directory_id AND d.kind = 'portal'))",
    ),
    Trigger(
        "guard_role_deleted",
        "BEFORE DELETE",
        "roles_role",
        "1 = 1",
        f"{ROLE_IN_USE} AND {_holders('OLD.id')} > 0",
    ),
    Trigger(
        "guard_directory_changed",
        "BEFORE UPDATE",
        "roles_directory",
        "NEW.kind <> OLD.kind",
        f"EXISTS (SELECT 1 FROM {ROLE} WHERE d.id = OLD.id AND {LEAST} > 0 AND {_holders('r.id')} > 0)",
    ),
    Trigger(
        "guard_scope_changed",
        "BEFORE UPDATE",
        "roles_scope",
        "OLD.parent_id IS NULL AND NEW.parent_id IS NOT NULL",
        f"EXISTS (SELECT 1 FROM {ROLE} WHERE d.id = OLD.directory_id AND {LEAST} > 0 AND {_holders('r.id')} > 0)",
    ),
)

#: INSERT OR REPLACE and UPDATE OR REPLACE take rows away without asking a trigger on DELETE
SQLITE_ONLY = (
    *(
        Trigger(f"guard_{word}_not_renumbered", "BEFORE UPDATE", table, "NEW.id <> OLD.id", "1 = 1")
        for word, table in (
            ("assignment", "roles_assignment"),
            ("duty", "accounts_dutyholding"),
            ("person", "accounts_user"),
        )
    ),
    Trigger(
        "guard_assignment_not_replaced",
        "BEFORE INSERT",
        "roles_assignment",
        "1 = 1",
        f"EXISTS (SELECT 1 FROM roles_assignment a WHERE a.id = NEW.id AND {_standing('a')})",
    ),
    Trigger(
        "guard_person_not_replaced",
        "BEFORE INSERT",
        "accounts_user",
        "1 = 1",
        "EXISTS (SELECT 1 FROM accounts_user p WHERE p.id = NEW.id)",
    ),
    *(
        Trigger(
            f"guard_duty_not_replaced_by_{verb.lower()}",
            f"BEFORE {verb}",
            "accounts_dutyholding",
            "1 = 1",
            "EXISTS (SELECT 1 FROM accounts_dutyholding h WHERE h.ends_at IS NULL AND h.id <> "
            f"{'OLD.id' if verb == 'UPDATE' else '-1'} AND (h.id = NEW.id"
            " OR (h.person_id = NEW.person_id AND h.duty = NEW.duty)))",
        )
        for verb in ("INSERT", "UPDATE")
    ),
)
#: what would empty a table of PostgreSQL in one go, past every row
TRUNCATED = {
    "roles_assignment": f"EXISTS (SELECT 1 FROM {ROLE} WHERE {LEAST} > 0 AND {_holders('r.id')} > 0)",
    "accounts_dutyholding": "EXISTS (SELECT 1 FROM accounts_dutyholding h WHERE h.ends_at IS NULL"
    f" AND {_duty_least('h.duty')} > 0)",
}
