"""For the workers of ``benchmarks.chaos`` alone, which name it with ``--include``: connectors that kill their own process.

The benchmark puts a file, called for instance ``after-revoke.3``, into the folder that ``CHAOS_DEATHS`` names. The next call
of that sort renames it and ends the process with SIGKILL: before it has asked the directory anything, or once the directory has
changed and before the portal could write that down.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from roles.connectors import registry

KINDS = ("postgresql", "ldap")
FOLDER = Path(os.environ["CHAOS_DEATHS"])


class Mortal:
    """A connector whose calls may be the last thing that its process does."""

    def __init__(self, connector: Any) -> None:
        self._connector = connector

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connector, name)

    def grant(self, *right: str, **said: Any) -> Any:
        return self._call("grant", *right, **said)

    def revoke(self, *right: str, **said: Any) -> Any:
        return self._call("revoke", *right, **said)

    def _call(self, verb: str, *right: str, **said: Any) -> Any:
        _die_if_told(f"before-{verb}")
        outcome = getattr(self._connector, verb)(*right, **said)
        if outcome.changed:
            _die_if_told(f"after-{verb}")
        return outcome

    def __enter__(self) -> Self:
        self._connector.__enter__()
        return self

    def __exit__(self, *raised: Any) -> None:
        self._connector.__exit__(*raised)


class Factory:
    """Makes mortal connectors of one kind; everything else about the kind stays as it is."""

    def __init__(self, kind: str) -> None:
        self._make: Any = registry._own[kind]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._make, name)

    def __call__(self, settings: Mapping[str, object], secret: str) -> Any:
        return Mortal(self._make(settings, secret))


def _die_if_told(moment: str) -> None:
    for order in sorted(FOLDER.glob(f"{moment}.*")):
        try:
            order.rename(FOLDER / f"died-{order.name}")
        except FileNotFoundError:  # the other worker took it
            continue
        os.kill(os.getpid(), signal.SIGKILL)


for _kind in KINDS:
    registry.register_connector(_kind, Factory(_kind))
