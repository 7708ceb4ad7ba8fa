"""An embedded portal does not start where it would collide with something, and says so in one line."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from pim_portal.embedded.postgresql import free_port
from pim_portal.embedded.preparing import CannotStart, claim_folder, require_free_port, run_apart

pytestmark = pytest.mark.one_database


def test_two_portals_do_not_share_a_folder(tmp_path: Path) -> None:
    with claim_folder(tmp_path), pytest.raises(CannotStart, match="already running"):
        claim_folder(tmp_path)

    claim_folder(tmp_path).close()


def test_a_folder_is_free_again_when_its_portal_was_killed(tmp_path: Path) -> None:
    claims = (
        "import os, sys; from pathlib import Path; from pim_portal.embedded.preparing import claim_folder; "
    )
    claims += "kept = claim_folder(Path(sys.argv[1])); os.kill(os.getpid(), 9)"
    subprocess.run([sys.executable, "-c", claims, str(tmp_path)], check=False, env=dict(os.environ))

    claim_folder(tmp_path).close()


def test_a_port_that_is_taken_is_named_together_with_another_one() -> None:
    port = free_port()
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        with pytest.raises(CannotStart, match=f"Port {port} is taken.*make run PORT={port + 1}"):
            require_free_port(port)

    require_free_port(port)


def test_work_done_apart_reports_that_it_failed() -> None:
    run_apart(lambda: None)

    with pytest.raises(CannotStart):
        run_apart(lambda: sys.exit(3))
