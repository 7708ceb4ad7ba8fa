"""From a clone to the first page, and the memory of everything that runs then: ``python -m benchmarks.start``.

Clones the last commit into a temporary folder and runs ``make run`` twice: with nothing there, and again with what the
first time has left.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from benchmarks.bench import verdict
from pim_portal.embedded.postgresql import free_port

PATIENCE = 300.0  # seconds
MEMORY = 400  # MB


def measure() -> None:
    """Clone, start, measure, stop; twice."""
    folder = Path(tempfile.mkdtemp(prefix="pim-portal-start-"))
    try:
        here = Path(__file__).parents[1]
        began = time.monotonic()
        subprocess.run(["git", "clone", "--quiet", str(here), str(folder / "clone")], check=True)  # noqa: S607
        first, memory, left = _start(folder / "clone", began)
        second, _memory, left_again = _start(folder / "clone", time.monotonic())
    finally:
        subprocess.run(["make", "--silent", "reset"], cwd=folder / "clone", check=False)  # noqa: S607
        shutil.rmtree(folder, ignore_errors=True)
    print("\nFrom a clone to the first page")
    print(f"  clone, install, fill, start          {first:8.1f} s")
    print(f"  start again                          {second:8.1f} s")
    print(f"  memory of all processes (shared once) {memory:7.0f} MB")
    print(f"  processes left after Ctrl-C          {left + left_again:8d}")
    verdict(
        {
            "first page within 60 s": first <= 60,
            "first page again within 30 s": second <= 30,
            f"memory under {MEMORY} MB": memory < MEMORY,
            "nothing left behind": left + left_again == 0,
        }
    )


def _start(clone: Path, began: float) -> tuple[float, float, int]:
    port = free_port()
    run = subprocess.Popen(
        ["make", "run", f"PORT={port}"],  # noqa: S607
        cwd=clone,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        while not _answers(port):
            assert run.poll() is None, "make run ended by itself"
            assert time.monotonic() - began < PATIENCE, "no page in time"
            time.sleep(0.1)
        seconds = time.monotonic() - began
        time.sleep(5)  # until the worker is there as well
        family = _family(run.pid)
        memory = sum(_proportional_megabytes(pid) for pid in family)
    finally:
        os.killpg(run.pid, signal.SIGINT)
        run.wait(timeout=60)
    time.sleep(1)
    return seconds, memory, sum(Path(f"/proc/{pid}").exists() for pid in family)


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/sign-in/", timeout=5):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


def _family(root: int) -> list[int]:
    """A process and everything that came of it."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
    found, grown = {root}, True
    while grown:
        more = {pid for pid, parent in parents.items() if parent in found} - found
        grown = bool(more)
        found |= more
    return sorted(found)


def _proportional_megabytes(pid: int) -> float:
    """Memory of a process, pages it shares counted by their share."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass
    return 0.0


if __name__ == "__main__":
    measure()
