"""Connecting a directory: written down, tested and discovered by a worker, and only observed until somebody says more."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import partial

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.duties import ROLE_ADMINISTRATORS, require
from audit.journal.actor import Actor
from audit.journal.recording import journaled, record, save_as
from audit.journal.refusing import Refused
from roles.cataloguing import LONGEST_PATH, add_role, add_scope, open_directory
from roles.connectors.base import ConnectorError
from roles.connectors.registry import connector_for_kind
from roles.exploring import inspect
from roles.models import Directory, Inspection, Risk, Role
from roles.permissions import check_may_manage
from roles.reaching import sealed_for
from roles.sealing import CannotOpen, seal_for_worker

What = Inspection.What


@journaled
def connect_directory(
    name: str,
    *,
    actor: Actor,
    kind: str,
    connection: Mapping[str, str],
    secret: str = "",
    reference: str = "",
    account_names: str = Directory.AccountNames.LOCAL_PART,
    description: str = "",
) -> Directory:
    """Write down a directory that is only observed at first, and ask a worker to test it.

    Args:
        connection: the settings of its kind, without the secret.
        secret: the service account's, to be kept sealed: only the worker opens it.
        reference: where it is kept instead, as ``env:NAME`` or ``file:/path``.

    Raises:
        NotAllowed: the actor is no role administrator.
        Refused: the kind does not take these settings, or both a secret and a reference were given.
    """
    require(actor, *ROLE_ADMINISTRATORS)
    check_connection(kind, connection, secret=secret, reference=reference)
    directory = open_directory(
        name,
        actor=actor,
        kind=kind,
        connection=dict(connection),
        secret=reference,
        account_names=account_names,
        description=description,
        mode=Directory.Mode.OBSERVE,
        is_guarded=True,
    )
    if secret:
        _seal(directory, secret, actor=actor)
    ask_inspection(directory, actor=actor, what=What.CHECK)
    return directory


@journaled
def change_connection(
    directory: Directory,
    *,
    actor: Actor,
    connection: Mapping[str, str],
    secret: str = "",
    reference: str = "",
) -> None:
    """Speak to a directory in another way from now on, and ask a worker to test that.

    Args:
        secret: a new one; with neither this nor a reference the present one stays.

    Raises:
        NotAllowed: neither a duty nor the directory is theirs; where a secret lies, role administrators alone say.
        Refused: the kind does not take these settings, or a secret that is kept would go to another machine.
    """
    check_may_manage(directory, actor)
    check_connection(directory.kind, connection, secret=secret, reference=reference)
    moved = dict(connection) != directory.connection
    if moved and directory.sealed_secret and not secret and not reference:
        raise Refused(
            _(
                "It is spoken to otherwise: enter the secret again, so that nobody has the present one sent elsewhere."
            ),
            field="secret_text",
            code="secret_again",
        )
    if reference and (moved or reference != directory.secret):
        require(actor, *ROLE_ADMINISTRATORS)
    if reference:
        directory.secret, directory.sealed_secret = reference, ""
    directory.connection, directory.is_guarded = dict(connection), True
    directory.full_clean()
    save_as(directory, actor=actor)
    if secret:
        _seal(directory, secret, actor=actor)
    ask_inspection(directory, actor=actor, what=What.CHECK)


def check_connection(kind: str, connection: Mapping[str, str], *, secret: str, reference: str) -> None:
    """Refuse what a connector of this kind would not take; nothing is connected.

    Raises:
        Refused: with the connector's own words.
    """
    if secret and reference:
        raise Refused(
            _("Enter the secret, or say where it is kept, not both."), field="reference", code="two_secrets"
        )
    try:
        connector_for_kind(kind, connection, secret or "not the secret")
    except ConnectorError as error:
        raise Refused(str(error), code="not_taken") from error


def _seal(directory: Directory, secret: str, *, actor: Actor) -> None:
    try:
        directory.sealed_secret = seal_for_worker(secret, bound_to=sealed_for(directory))
    except CannotOpen as error:
        raise Refused(str(error), field="secret_text") from error
    directory.secret = ""
    save_as(directory, actor=actor)
    record("directory.secret_replaced", actor=actor, subject=directory, directory=directory.name)


@journaled
def ask_inspection(directory: Directory, *, actor: Actor, what: str) -> Inspection:
    """Ask a worker to look into a directory; what the last look of this kind has found is forgotten.

    Args:
        what: one of ``Inspection.What``.

    Raises:
        NotAllowed: neither a duty nor the directory is theirs.
    """
    check_may_manage(directory, actor)
    now = timezone.now()
    asked, _made = Inspection.objects.update_or_create(
        directory=directory,
        what=what,
        defaults={
            "asked_by": actor.person,
            "asked_at": now,
            "began_at": None,
            "done_at": None,
            "progress": 0,
            "found": {},
            "error": "",
            "is_refused": False,
        },
    )
    record(
        "directory.inspected",
        actor=actor,
        subject=directory,
        directory=directory.name,
        detail={"what": str(what)},
    )
    transaction.on_commit(partial(inspect.delay, asked.pk), robust=True)
    return asked


@journaled
def take_roles(directory: Directory, *, actor: Actor, entitlements: Collection[str]) -> list[Role]:
    """Make roles of what a discovery has found, and scopes of its places.

    Args:
        entitlements: the directory's own names for the roles that are wanted; what is a role already stays one.

    Raises:
        NotAllowed: neither a duty nor the directory is theirs.
        Refused: the discovery has not found one of them.
    """
    check_may_manage(directory, actor)
    found = directory.inspections.filter(what=What.DISCOVERY, done_at__isnull=False).first()
    known = {one["entitlement"]: one for one in (found.found if found else {}).get("roles", [])}
    if set(entitlements) - known.keys():
        raise Refused(_("This is not among what was found. Discover once more."), field="roles")
    have = set(directory.roles.values_list("entitlement", flat=True))
    names = set(directory.roles.values_list("name", flat=True))
    made = []
    for entitlement in dict.fromkeys(entitlements):
        if entitlement in have:
            continue
        one = known[entitlement]
        name = _free_name(one["name"] or entitlement, entitlement, names)
        names.add(name)
        risk = Risk.HIGH if one["privileged"] else Risk.MEDIUM
        made.append(
            add_role(
                directory,
                actor=actor,
                name=name,
                entitlement=entitlement,
                description=one["description"],
                risk=risk,
            )
        )
    if found:
        _take_scopes(directory, found.found.get("scopes", []), actor=actor)
    return made


def _free_name(name: str, entitlement: str, taken: Collection[str]) -> str:
    """A name that no other role of the directory has."""
    if name[:150] not in taken:
        return name[:150]
    return f"{name[:60]} ({entitlement[-80:]})"


def _take_scopes(directory: Directory, found: Collection[Mapping[str, str]], *, actor: Actor) -> None:
    """Write down the places that are not known yet, each below the one above it."""
    places = {scope.path: scope for scope in directory.scopes.select_related("directory")}
    for one in found:
        path, above = one["path"], places.get(one["parent"])
        if path in places or above is None or len(path) > LONGEST_PATH:
            continue
        places[path] = add_scope(above, actor=actor, name=(one["name"] or path)[:200], path=path)
