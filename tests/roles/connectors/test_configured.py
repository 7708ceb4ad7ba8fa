"""The contract, tried on the instance that CONNECTOR_UNDER_TEST describes; and that this works for a package of others."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.roles.connectors.configured import VARIABLE, configured
from tests.roles.connectors.contract import ConnectorContract, NetworkContract, Target

pytestmark = pytest.mark.one_database
SAMPLE = Path(__file__).parent / "sample_package"
instance = configured()

if instance is not None:

    @pytest.fixture
    def target() -> Iterator[Target]:
        yield from instance.target()

    class TestConfiguredInstanceKeepsTheContract(ConnectorContract):
        pass

    if instance.elsewhere:

        class TestConfiguredInstanceOverTheNetwork(NetworkContract):
            pass

else:

    def run_contract(folder: Path, *options: str, **env: str) -> subprocess.CompletedProcess[str]:
        """The one command of docs/connectors/README.md, with a package of others installed."""
        (folder / "instance.toml").write_text((SAMPLE / "instance.toml").read_text(), encoding="utf-8")
        (folder / "people").write_text("alice\nbob\ncarol\n", encoding="utf-8")
        argv = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-p",
            "no:xdist",
            __file__,
            *options,
        ]
        clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
        said = clean | {
            VARIABLE: str(folder / "instance.toml"),
            "PYTHONPATH": str(SAMPLE),
            "SAMPLE_FOLDER": str(folder),
            "SAMPLE_SECRET": "open sesame",
            **env,
        }
        return subprocess.run(argv, env=said, capture_output=True, text=True, timeout=120, check=False)

    def test_a_connector_of_another_package_is_tried_by_one_command(tmp_path: Path) -> None:
        done = run_contract(tmp_path)

        assert done.returncode == 0, done.stdout
        assert " passed" in done.stdout

    def test_one_that_does_not_take_rights_away_is_found_out(tmp_path: Path) -> None:
        done = run_contract(tmp_path, "-k", "unusable", SAMPLE_FAULT="keeps")

        assert done.returncode == 1
        assert "test_a_right_is_unusable_until_granted_and_again_after_it_is_revoked" in done.stdout
