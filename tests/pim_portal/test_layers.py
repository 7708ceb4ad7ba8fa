"""Each import contract is broken by what it forbids: a contract that nothing can break keeps nothing."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.one_database

ROOT = Path(__file__).parents[2]
PACKAGES = ["accounts", "approvals", "audit", "pim_portal", "roles"]


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source of the portal, to spoil."""
    folder = tmp_path_factory.mktemp("source")
    for package in PACKAGES:
        shutil.copytree(
            ROOT / package, folder / package, ignore=lambda _, names: {n for n in names if n == "__pycache__"}
        )
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def lint(folder: Path) -> tuple[bool, str]:
    argv = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()", "--no-cache"]
    outcome = subprocess.run(
        argv, cwd=folder, capture_output=True, text=True, env={"PATH": "", "COLUMNS": "200"}
    )
    return outcome.returncode == 0, outcome.stdout + outcome.stderr


def test_the_portal_keeps_every_contract(copy: Path) -> None:
    kept, report = lint(copy)

    assert kept, report


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("accounts/models.py", "import roles.models", "Calls go down"),
        ("accounts/models.py", "import audit.exporting", "Calls go down"),
        ("audit/exporting.py", "import approvals.models", "Calls go down"),
        ("roles/provisioning.py", "import pim_portal.settings", "Calls go down"),
        ("audit/journal/recording.py", "import accounts.models", "The journal knows"),
        ("audit/journal/recording.py", "import audit.exporting", "The journal knows"),
        ("roles/connectors/base.py", "import roles.models", "Connectors know nothing"),
        ("roles/connectors/postgresql.py", "import accounts.models", "Connectors know nothing"),
        ("roles/connectors/registry.py", "import django.conf", "Connectors know nothing"),
    ],
)
def test_what_a_contract_forbids_breaks_it(copy: Path, module: str, line: str, contract: str) -> None:
    spoilt = copy / module
    before = spoilt.read_text(encoding="utf-8")
    spoilt.write_text(f"{before}\n{line}\n", encoding="utf-8")
    try:
        kept, report = lint(copy)
    finally:
        spoilt.write_text(before, encoding="utf-8")

    assert not kept
    broken = [line for line in report.splitlines() if "BROKEN" in line]
    assert len(broken) == 1, report
    assert broken[0].startswith(contract)
