"""A directory to try the contract on that is described in a file, for connectors that come from other packages.

The file is TOML; docs/connectors/README.md shows one. What the connector cannot be asked itself, commands answer.
"""

import os
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from roles.connectors.base import Connector, ConnectorError
from roles.connectors.registry import connector_for_kind
from tests.roles.connectors.contract import Target

VARIABLE = "CONNECTOR_UNDER_TEST"  # names the file
PATIENCE = 30  # seconds for a command


class Instance:
    """A configured directory.

    Args:
        file: where it is described.
    """

    def __init__(self, file: Path) -> None:
        said = tomllib.loads(file.read_text(encoding="utf-8"))
        self.folder = file.parent
        self.directory: dict[str, Any] = said["directory"]
        self.names: dict[str, Any] = said["names"]
        self.commands: dict[str, list[str]] = said["commands"]
        self.elsewhere: dict[str, Any] = said.get("nobody_listens", {})

    def connect(self, **more: object) -> Connector:
        """The connector, with further settings where they are named."""
        return self.connect_with_secret(os.environ.get(self.directory.get("secret_variable", ""), ""), **more)

    def connect_with_secret(self, secret: str, **more: object) -> Connector:
        """The connector with another secret."""
        return connector_for_kind(self.directory["kind"], self.directory.get("settings", {}) | more, secret)

    def run(self, command: str, account: str) -> bool:
        """Run a command for an account; whether it went well."""
        filled_in = [part.format(account=account, **self._texts()) for part in self.commands[command]]
        return subprocess.run(filled_in, cwd=self.folder, timeout=PATIENCE, check=False).returncode == 0

    def give_by_hand(self, account: str) -> None:
        """Give the right as another administrator would."""
        assert self.run("grant_by_hand", account), "the command grant_by_hand failed"

    def target(self) -> Iterator[Target]:
        """What the contract is tried on; afterwards nobody named holds the right."""
        accounts = [self.names["account"], *self.names.get("more_accounts", [])]
        yield Target(
            connect=self.connect,
            can_use=lambda account: self.run("can_use", account),
            grant_by_hand=self.give_by_hand,
            connect_to_dead_address=lambda: self.connect(**self.elsewhere),
            connect_with_secret=self.connect_with_secret,
            **self.names,
        )
        for account in accounts:
            for scope in dict.fromkeys(["/", self.names.get("scope", "/")]):
                try:
                    self.connect().revoke(account, self.names["entitlement"], operation="after", scope=scope)
                except ConnectorError:
                    continue  # it knows no scopes, or the test has taken it away

    def _texts(self) -> dict[str, str]:
        return {
            name: value for name, value in self.names.items() if isinstance(value, str) and name != "account"
        }


def configured() -> Instance | None:
    """The instance that was named, if one was."""
    file = os.environ.get(VARIABLE)
    return Instance(Path(file)) if file else None
