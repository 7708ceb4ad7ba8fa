"""What happened, in words a person reads: a sentence for each action, and the details of an entry."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.dateformat import format as dated
from django.utils.translation import gettext as _

from accounts.templatetags.notices import duration
from audit.journal.models import AuditEvent
from audit.journal.plain import visible
from audit.sentences import ANY_CHANGED, ANY_CREATED, ANY_DELETED, REFUSED, SENTENCES, THINGS, UNKNOWN

#: words for the names of details; others are shown as they are, underscores as spaces
DETAILS: dict[str, Any] = {
    "minutes": duration,
    "quiet_minutes": duration,
}


def describe(event: AuditEvent) -> str:
    """The entry as one sentence: "Robin Sample asked for Database administrator for 4 h".

    An action the table does not know is still readable: who, the action in words, on what.
    """
    said = _Said(event)
    for sentence in _sentences_for(event):
        try:
            return visible(" ".join((str(sentence) % said).split()))
        except KeyError:
            continue  # this sentence speaks of what the entry does not say; the next one asks for less
    return visible(
        str(UNKNOWN) % {"actor": event.actor_name, "action": words_of(event.action), "subject": said.subject}
    )


def detail_words(event: AuditEvent) -> list[tuple[str, str]]:
    """The entry's details as pairs of words, for a page: ("from", "pending"), ("minutes", "4 h")."""
    rows: list[tuple[str, str]] = []
    for name, value in event.detail.items():
        if name == "fields" and isinstance(value, dict):
            rows += [(words_of(field), change_words(change)) for field, change in value.items()]
        else:
            rows.append((words_of(name), value_words(name, value)))
    return [(visible(name), visible(value)) for name, value in rows]


def change_words(change: Any) -> str:
    """A change of one field: "4 h → 8 h", with names where there are any."""
    if not isinstance(change, Mapping):
        return value_words("", change)
    sides = {
        side: change.get(f"{side}_name") or value_words("", change[side])
        for side in ("from", "to")
        if side in change
    }
    if len(sides) == 2:
        return _("%(from)s → %(to)s") % sides
    return str(next(iter(sides.values()), ""))


def value_words(name: str, value: Any) -> str:
    """A detail's value in words: lists with commas, times in the reader's zone, nothing as a dash."""
    if name in DETAILS and isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(DETAILS[name](value))
    if value is None or value == "":
        return "—"
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, Mapping):
        return (
            ", ".join(f"{words_of(each)}: {value_words(each, said)}" for each, said in value.items()) or "—"
        )
    if isinstance(value, (list, tuple)):
        return ", ".join(value_words("", each) for each in value) or "—"
    return moment_words(value) if isinstance(value, str) else str(value)


def moment_words(text: str) -> str:
    """A time in ISO 8601 as a person reads it; any other text as it is."""
    try:
        at = datetime.fromisoformat(text) if text[4:5] == "-" and "T" in text else None
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        return text
    return f"{dated(timezone.localtime(at), 'j M Y, H:i')} ({timezone.get_current_timezone()})"


def words_of(name: str) -> str:
    """``role_settings.changed`` -> "role settings changed"."""
    return name.replace("_", " ").replace(".", " ")


def _sentences_for(event: AuditEvent) -> tuple[Any, ...]:
    if event.action in SENTENCES:
        return SENTENCES[event.action]
    if event.outcome == "refused" and event.action == "portal.refused":
        return REFUSED
    for ending, sentences in (
        (".created", ANY_CREATED),
        (".changed", ANY_CHANGED),
        (".deleted", ANY_DELETED),
    ):
        if event.action.endswith(ending):
            return sentences
    return ()


class _Said(Mapping[str, str]):
    """What a sentence may speak of, looked up when it does; a ``KeyError`` where the entry does not say it."""

    def __init__(self, event: AuditEvent) -> None:
        self.event = event

    @property
    def subject(self) -> str:
        return (
            self.event.subject_name
            or self.event.subject_kind.rpartition(".")[2]
            or self.event.action.partition(".")[0]
        )

    def __getitem__(self, name: str) -> str:
        event, detail = self.event, self.event.detail
        found: Any
        if name == "actor":
            found = event.actor_name
        elif name == "other":  # who it is about, where that is not the actor
            found = event.about_name if event.about_id != event.actor_id else ""
        elif name in ("about", "directory", "role", "access_request", "justification"):
            found = event.about_name if name == "about" else getattr(event, name)
        elif name == "subject":
            found = self.subject
        elif name == "thing":
            noun = event.action.partition(".")[0]
            found = THINGS.get(noun, words_of(noun))
        elif name == "fields":
            found = ", ".join(words_of(field) for field in detail.get("fields", {}))
        elif name == "verb":
            found = words_of(str(detail.get("verb", "")))
        elif name == "duration":
            found = value_words("minutes", detail["minutes"]) if detail.get("minutes") else ""
        elif name.startswith("detail_"):
            key = name.removeprefix("detail_")
            found = value_words(key, detail[key]) if key in detail else ""
        else:
            found = ""
        if not str(found):
            raise KeyError(name)
        return str(found)

    def __iter__(self) -> Any:
        return iter(())

    def __len__(self) -> int:
        return 0
