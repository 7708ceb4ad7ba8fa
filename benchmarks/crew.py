"""Real workers for a measurement, which are started again as soon as they are dead."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import IO

from pim_portal.embedded.programs import environment, worker
from pim_portal.embedded.supervising import has_ended, start_process, stop_processes


class Crew:
    """Worker processes, each with its sweep and beat.

    Args:
        size: how many.
        folder: where what they print is kept, and where their deaths are ordered.
        settings: of the portal, for them alone.
        mortal: whether ``benchmarks.dying`` is in them.
        beat: whether beat is.
    """

    def __init__(
        self, size: int, folder: Path, settings: dict[str, str], *, mortal: bool = False, beat: bool = True
    ) -> None:
        self._argv = worker() + (["--include", "benchmarks.dying"] if mortal else [])
        if not beat:
            self._argv.remove("--beat")
        self._env = environment(8000) | settings | {"CHAOS_DEATHS": str(folder)}
        self._log: IO[bytes] = (folder / "log").open("ab")
        self.deaths = 0
        self._workers: list[subprocess.Popen[bytes]] = [self._start() for _ in range(size)]

    def _start(self) -> subprocess.Popen[bytes]:
        return start_process(self._argv, env=self._env, output=self._log)

    def revive(self) -> None:
        """Start again whoever is dead."""
        for number, one in enumerate(self._workers):
            if has_ended(one):
                stop_processes([one], patience=0)  # whatever it left behind
                self.deaths += 1
                self._workers[number] = self._start()

    def kill(self, number: int) -> None:
        """End one at this moment, whatever it is doing."""
        os.killpg(self._workers[number].pid, signal.SIGKILL)

    def stop(self) -> None:
        """End all in good order."""
        stop_processes(self._workers)
        self._log.close()
