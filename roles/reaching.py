"""Getting at a directory: its connector, with the secret read from where it is kept."""

from __future__ import annotations

import os
from pathlib import Path

from django.utils.translation import gettext as _

from audit.journal.refusing import Refused
from roles.connectors.base import AuthenticationFailed, Capabilities, Connector, ConnectorError
from roles.connectors.registry import connector_for_kind
from roles.models import Directory, Role, Scope


def connector_for(directory: Directory) -> Connector:
    """The connector for ``directory``; nothing is connected yet.

    Raises:
        AuthenticationFailed: the secret is not where the directory says it is.
        Unsupported: there is no such kind, or it does not take these settings.
    """
    return connector_for_kind(directory.kind, directory.connection, read_secret(directory.secret))


def capabilities_of(directory: Directory) -> Capabilities:
    """What a directory of its kind can do, without the secret; nothing beyond the least where that cannot be said."""
    try:
        return connector_for_kind(directory.kind, directory.connection).capabilities
    except ConnectorError:
        return Capabilities(lists=False, verifies_accounts=False)


def check_scope(role: Role, scope: Scope) -> None:
    """Refuse a scope at which ``role`` cannot be given. The whole directory is always possible.

    Raises:
        Refused: it belongs to another directory, or the connector of this one knows no scopes.
    """
    if scope.directory_id != role.directory_id:
        raise Refused(
            _("%(scope)s does not belong to %(directory)s.") % {"scope": scope, "directory": role.directory},
            field="scope",
        )
    if not scope.is_root:
        check_knows_scopes(role.directory)


def check_knows_scopes(directory: Directory) -> None:
    """Refuse unless rights can be given at places within ``directory``.

    Raises:
        Refused: the connector of this directory knows no scopes.
    """
    if not capabilities_of(directory).scopes:
        raise Refused(
            _("Roles of %(directory)s count for the whole directory: this kind has no scopes.")
            % {"directory": directory},
            field="scope",
        )


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
