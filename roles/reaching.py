"""Getting at a directory: its connector, with the secret read from where it is kept."""

from __future__ import annotations

import os
from pathlib import Path

from django.conf import settings
from django.utils.translation import gettext as _

from audit.journal.refusing import Refused
from roles.connectors.base import (
    AuthenticationFailed,
    Capabilities,
    Connector,
    ConnectorError,
    Unavailable,
)
from roles.connectors.registry import connector_for_kind, kind_called
from roles.models import Directory, Role, Scope
from roles.models.directory import BY_HAND_KIND
from roles.reachable import Unreachable, check_machine
from roles.sealing import CannotOpen, unseal

SECRETS_OF_DIRECTORIES = "DIRECTORY_"  # what variables are called that hold one


def connector_for(directory: Directory) -> Connector:
    """The connector for ``directory``; nothing is connected yet.

    Raises:
        AuthenticationFailed: the secret is not where the directory says it is, or cannot be opened here.
        Unavailable: its address leads, by now, to a machine that is not called.
        Unsupported: there is no such kind, or it does not take these settings.
    """
    if directory.is_guarded:
        try:
            check_addresses(directory)
        except Unreachable as refused:
            raise Unavailable(str(refused)) from refused
    settings_of_kind = directory.connection
    if (
        directory.kind == BY_HAND_KIND
    ):  # what it knows stands in the portal, beside that of others of its kind
        settings_of_kind = settings_of_kind | {"directory": directory.pk}
    return connector_for_kind(directory.kind, settings_of_kind, secret_of(directory))


def secret_of(directory: Directory) -> str:
    """The service account's secret: kept sealed, or where a reference says.

    Raises:
        AuthenticationFailed: it is not there, or cannot be opened here.
    """
    if not directory.sealed_secret:
        return read_secret(directory.secret)
    try:
        return unseal(directory.sealed_secret, bound_to=sealed_for(directory))
    except CannotOpen as error:
        raise AuthenticationFailed(
            f"The secret of the service account cannot be opened here: {error} Enter it again, or give the worker its key."
        ) from error


def check_addresses(directory: Directory) -> None:
    """Refuse to call a machine of the portal's own networks that its operator does not name in ``OUTBOUND_ALLOWED``.

    Raises:
        AddressRefused: one of the addresses among the settings is of that sort.
        Unreachable: its name has no address.
    """
    fields = kind_called(directory.kind).settings or ()
    for field in fields:
        said = str(directory.connection.get(field.name) or "")
        if field.is_address and said:
            check_machine(said)


def sealed_for(directory: Directory) -> str:
    """The place that the secret of ``directory`` is bound to."""
    return f"directory:{directory.pk}"


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

    Only what is kept for directories is read: else whoever may connect one could have the portal send a key of its own
    to a machine of theirs.

    Raises:
        AuthenticationFailed: it is not there, or not for directories.
    """
    where, _, name = reference.partition(":")
    if not reference:
        return ""
    if where == "env" and name.startswith(SECRETS_OF_DIRECTORIES) and name in os.environ:
        return os.environ[name]
    if where == "file":
        path = Path(name).resolve()
        if (
            any(path.is_relative_to(Path(one).resolve()) for one in settings.SECRET_FOLDERS)
            and path.is_file()
        ):
            return path.read_text(encoding="utf-8").strip()
    raise AuthenticationFailed(
        f"The secret of the service account is not at {reference}. Read are variables whose name begins with "
        f"{SECRETS_OF_DIRECTORIES} and files in {', '.join(map(str, settings.SECRET_FOLDERS))}."
    )
