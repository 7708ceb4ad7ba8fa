"""What libraries tell us, written into the journal."""

from __future__ import annotations

from typing import Any

from django.db import models

from audit.journal.actor import Actor
from audit.journal.copying import entry_for
from audit.journal.recording import record_all


def copy_history(instance: models.Model, history_instance: Any, **_signal: Any) -> None:
    """Receiver of ``post_create_historical_record``: every save and delete of an edited model becomes an entry.

    The actor is the one ``save_as`` or ``delete_as`` was given, else the person the history row names, else the portal.
    """
    actor: Actor | None = getattr(instance, "_journal_actor", None)
    entry = entry_for(history_instance, instance, actor=actor)
    if entry is not None:
        record_all([entry])
