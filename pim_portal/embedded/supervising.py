"""Processes that never outlive the one that started them.

Each runs in a session, and so in a process group, of its own: a Ctrl-C in the terminal reaches the supervisor
alone, which stops them in good order. The kernel ends them should the supervisor be killed.
"""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import IO

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)  # loaded here: nothing may be loaded between fork and exec


def start_process(
    argv: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    output: IO[bytes] | None = None,
    user: str | None = None,
    death_signal: signal.Signals = signal.SIGTERM,
    folder: Path | None = None,
) -> subprocess.Popen[bytes]:
    """Start a program in a process group of its own, tied to the life of this process.

    Call it from the main thread: the kernel takes the end of the starting *thread* for the end of the parent.

    Args:
        argv: the program and its arguments.
        env: its whole environment; this process's own when left out.
        output: file for what it prints; the terminal when left out.
        user: unprivileged user to run it as; only root may name one.
        death_signal: what the kernel sends it when this process ends, in whatever way.
        folder: its working directory.

    Raises:
        OSError: the program cannot be started.
    """
    become = {"user": user, "group": _group_of(user), "extra_groups": []} if user else {}
    return subprocess.Popen(  # type: ignore[call-overload, no-any-return]
        [str(part) for part in argv],
        env=dict(env) if env is not None else None,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output and subprocess.STDOUT,
        start_new_session=True,
        # Runs after the change of user, which would clear what it sets.
        preexec_fn=partial(tie_to_parent, os.getpid(), death_signal),
        **become,
    )


def has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Say whether `process` has ended, without collecting it: the number of its group stays taken until then."""
    if process.returncode is not None:
        return True
    flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
    return os.waitid(os.P_PID, process.pid, flags) is not None


def stop_process(
    process: subprocess.Popen[bytes], *, by: signal.Signals = signal.SIGTERM, patience: float = 10.0
) -> None:
    """Ask `process` to end, wait `patience` seconds, then kill whatever is left of its process group.

    A leader that died alone may have left children behind (the embedded beat of a killed worker goes on
    ticking), so the group is killed in any case.
    """
    stop_processes([process], by=by, patience=patience)


def stop_processes(
    processes: Sequence[subprocess.Popen[bytes]],
    *,
    by: signal.Signals = signal.SIGTERM,
    patience: float = 10.0,
) -> None:
    """Stop several processes at once, each as `stop_process` does."""
    running = [process for process in processes if process.returncode is None]
    for process in running:
        if not has_ended(process):
            process.send_signal(by)
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline and not all(has_ended(process) for process in running):
        time.sleep(0.02)
    for process in running:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def watch(processes: Mapping[str, subprocess.Popen[bytes]]) -> str:
    """Wait until one of the named processes ends, and return its name."""
    while True:
        for name, process in processes.items():
            if has_ended(process):
                return name
        time.sleep(0.2)


def tie_to_parent(parent: int, death_signal: signal.Signals) -> None:
    """Have the kernel send this process `death_signal` when `parent`, which has just forked it, ends."""
    if sys.platform == "linux":
        _libc.prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
    if os.getppid() != parent:  # it ended before the tie was made
        os._exit(1)


def _group_of(user: str) -> int:
    import pwd

    return pwd.getpwnam(user).pw_gid
