"""Getting at a directory: its connector, with the secret read from where it is kept."""

from __future__ import annotations

import os
from pathlib import Path

from roles.connectors.base import AuthenticationFailed, Connector
from roles.connectors.registry import connector_for_kind
from roles.models import Directory


def connector_for(directory: Directory) -> Connector:
    """The connector for ``directory``; nothing is connected yet.

    Raises:
        AuthenticationFailed: the secret is not where the directory says it is.
        Unsupported: there is no such kind, or it does not take these settings.
    """
    return connector_for_kind(directory.kind, directory.connection, read_secret(directory.secret))


def read_secret(reference: str) -> str:
    """The secret that ``env:NAME`` or ``file:/path`` names; "" for no reference.

    Raises:
        AuthenticationFailed: it is not there.
    """
    where, _, name = reference.partition(":")
    if not reference:
        return ""
    if where == "env" and name in os.environ:
        return os.environ[name]
    if where == "file" and Path(name).is_file():
        return Path(name).read_text(encoding="utf-8").strip()
    raise AuthenticationFailed(f"The secret of the service account is not at {reference}.")
