"""Looking into a directory, in a worker, for somebody who waits for the answer."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

from celery import shared_task
from django.utils import timezone

from roles.connectors.base import AuthenticationFailed, Connector, ConnectorError
from roles.models import Inspection
from roles.reaching import connector_for
from roles.recognising import recognise

EACH = 100  # so many things between two notes of how far it has come
MOST = 5_000  # of each sort; a directory with more is narrowed by its settings
SHOWN = 20  # accounts of nobody that are named
logger = logging.getLogger(__name__)


@shared_task(ignore_result=True)
def inspect(key: int) -> None:
    """Take one look that somebody has asked for. Harmless when somebody else is at it, or it was done.

    Args:
        key: of the ``Inspection``.
    """
    now = timezone.now()
    if not Inspection.objects.filter(pk=key, began_at=None).update(began_at=now):
        return
    asked = Inspection.objects.select_related("directory").get(pk=key)
    said: dict[str, Any] = {"error": "", "is_refused": False}
    try:
        with connector_for(asked.directory) as connector:
            said["found"] = _look(asked, connector)
    except AuthenticationFailed as refused:
        said |= {"error": str(refused)[:500], "is_refused": True}
    except ConnectorError as error:
        said["error"] = str(error)[:500]
    except Exception as defect:
        logger.exception("Looking into %s stopped", asked.directory)
        said["error"] = f"It stopped: {type(defect).__name__}."
    # Asked once more meanwhile: that look answers, not this one.
    Inspection.objects.filter(pk=key, began_at=now).update(done_at=timezone.now(), **said)


@shared_task(ignore_result=True)
def inspect_what_waits() -> None:
    """Take every look that was asked for and whose task was lost."""
    for key in Inspection.objects.filter(began_at=None, done_at=None).values_list("pk", flat=True):
        inspect(key)


def _look(asked: Inspection, connector: Connector) -> dict[str, Any]:
    directory = asked.directory
    if asked.what == Inspection.What.CHECK:
        roles = list(directory.roles.order_by("pk").values_list("entitlement", flat=True))
        can = connector.capabilities
        return dict(connector.check(roles)) | {"capabilities": asdict(can)}
    return _discover(asked, connector)


def _discover(asked: Inspection, connector: Any) -> dict[str, Any]:
    discovers = connector.capabilities.discovers
    found: dict[str, Any] = {"discovers": list(discovers)}
    for what in ("roles", "scopes"):
        if what in discovers:
            found[what] = [asdict(one) for one in _counted(asked, getattr(connector, what)())]
    if "accounts" in discovers:
        accounts = [one.account for one in _counted(asked, connector.accounts())]
        known = recognise(asked.directory, set(accounts))
        strangers = [account for account in accounts if account not in known]
        found["accounts"] = {"count": len(accounts), "known": len(known), "strangers": strangers[:SHOWN]}
    return found


def _counted(asked: Inspection, things: Iterable[Any]) -> Iterator[Any]:
    """Pass things on, and note now and then how far it has come."""
    for number, one in enumerate(things, 1):
        if number > MOST:
            return
        if number % EACH == 0:
            asked.progress += EACH
            Inspection.objects.filter(pk=asked.pk).update(progress=asked.progress)
        yield one
