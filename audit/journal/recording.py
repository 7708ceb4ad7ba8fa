"""Writing into the book. In the same transaction as the act: what cannot be recorded does not happen."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from django.db import IntegrityError, connection, models, transaction
from django.utils import timezone

from audit.journal.actor import Actor
from audit.journal.models import AuditEvent, JournalHead, Outcome
from audit.journal.plain import one_line, storable, without_secrets
from audit.journal.refusing import Refused, refusal_in
from audit.journal.sealing import digest_of
from audit.journal.signals import recorded

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class Entry:
    """What one entry shall say, before it has a number.

    Args:
        action: ``noun.past_participle``.
        actor: who acts.
        subject: the object acted upon. Its ``journal_context()``, if it has one, fills the fields left empty here.
        about: the person whose access or account this concerns; they see the entry in "My audit".
        directory, role, access_request: names, for filters and for readers.
        justification: why, in the actor's words.
        detail: further plain values (JSON).
        outcome: done, refused or failed.
    """

    action: str
    actor: Actor
    subject: models.Model | None = None
    about: Any = None
    directory: str = ""
    role: str = ""
    access_request: str = ""
    justification: str = ""
    detail: dict[str, Any] = field(default_factory=dict)
    outcome: str = Outcome.DONE

    def as_event(self) -> AuditEvent:
        """The row for this entry, not numbered and not saved.

        Names are cut to their columns and stand on one line; what no database can hold is replaced: a text that a
        person typed must never be the reason why an act cannot be recorded.
        """
        subject = self.subject
        context = (
            subject.journal_context() if subject is not None and hasattr(subject, "journal_context") else {}
        )
        about = self.about or context.get("about")
        return AuditEvent(
            action=self.action,
            outcome=self.outcome,
            actor_id=self.actor.person.pk if self.actor.person else None,
            actor_name=one_line(self.actor.name, most=200),
            actor_address=one_line(self.actor.address, most=64),
            actor_agent=one_line(self.actor.agent, most=200),
            about_id=about.pk if about else None,
            about_name=one_line(str(about), most=200) if about else "",
            subject_kind=subject._meta.label_lower if subject is not None else "",
            subject_key=str(subject.pk) if subject is not None else "",
            subject_name=one_line(str(subject), most=300) if subject is not None else "",
            directory=one_line(self.directory or context.get("directory", ""), most=200),
            role=one_line(self.role or context.get("role", ""), most=200),
            access_request=self.access_request or context.get("access_request", ""),
            justification=storable(self.justification),
            detail=without_secrets(self.detail),
        )


@dataclass(frozen=True)
class _Pen:
    """The head of the book as the present transaction has locked it, and as its last entry has left it.

    Good as long as the same transaction is open and so is every savepoint that was open when it was noted: a savepoint
    that was rolled back has given back the lock and the entries since.
    """

    block: Any
    savepoints: tuple[str | None, ...]
    number: int
    digest: str

    @classmethod
    def of(cls, head: JournalHead) -> _Pen:
        """The pen, taken here and now."""
        return cls(connection.atomic_blocks[0], tuple(connection.savepoint_ids), head.number, head.digest)

    @property
    def is_held(self) -> bool:
        """Whether it was taken in the present transaction, and not given back."""
        open_now = tuple(connection.savepoint_ids)
        return (
            bool(connection.atomic_blocks)
            and connection.atomic_blocks[0] is self.block
            and open_now[: len(self.savepoints)] == self.savepoints
        )


def take_the_pen() -> JournalHead:
    """Lock the head of the book until the transaction ends; everyone else who writes waits.

    Must be called inside a transaction. Verbs call it first (by ``journaled``), so all of them take their locks in
    the same order and never wait for each other in a circle. Taking it again in the same transaction asks nothing.
    """
    pen: _Pen | None = getattr(connection, "journal_pen", None)
    if pen is not None and pen.is_held:
        return JournalHead(pk=1, number=pen.number, digest=pen.digest)
    head = JournalHead.objects.select_for_update().get_or_create(pk=1)[0]
    _keep(head)
    return head


def _keep(head: JournalHead) -> None:
    if connection.atomic_blocks:
        connection.journal_pen = _Pen.of(head)  # type: ignore[attr-defined]


@contextmanager
def within_transaction() -> Iterator[None]:
    """The transaction that is open, or one of its own: whoever opened it takes everything back, and no savepoint is needed."""
    if connection.in_atomic_block:
        yield
    else:
        with transaction.atomic():
            yield


def record_all(entries: Sequence[Entry]) -> list[AuditEvent]:
    """Write ``entries`` in their order, numbered one after the other.

    Raises:
        django.db.Error: the book cannot be written. The surrounding transaction is lost with it, and shall be.
    """
    if not entries:
        return []
    with within_transaction():
        head = take_the_pen()
        now = timezone.now()
        events = [entry.as_event() for entry in entries]
        for event in events:
            event.number = head.number + 1
            event.at = now
            event.previous_digest = head.digest
            event.digest = digest_of(event.body(), head.digest)
            head.number, head.digest = event.number, event.digest
        AuditEvent.objects.bulk_create(events, batch_size=500)
        JournalHead.objects.filter(pk=1).update(number=head.number, digest=head.digest)
        _keep(head)
        recorded.send(sender=AuditEvent, entries=entries, events=events)
    return events


def record(action: str, *, actor: Actor, **fields: Any) -> AuditEvent:
    """Write one entry; see ``Entry`` for the fields."""
    return record_all([Entry(action=action, actor=actor, **fields)])[0]


def journaled(verb: Callable[P, R]) -> Callable[P, R]:
    """Make a function a verb: one transaction, first in line for the book, refusals recorded, the database's among them.

    A ``Refused`` takes back everything the verb did; afterwards the refusal itself is recorded in a transaction of
    its own, so that it is not taken back as well. The verb must take ``actor`` by keyword and its subject first.
    """

    @wraps(verb)
    def recorded_verb(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            with transaction.atomic():
                take_the_pen()
                return verb(*args, **kwargs)
        except (Refused, IntegrityError) as error:
            refusal = error if isinstance(error, Refused) else refusal_in(error)
            if refusal is None:
                raise
            actor = kwargs.get("actor")
            subject = args[0] if args and isinstance(args[0], models.Model) and args[0].pk else None
            if isinstance(actor, Actor):
                record_refusal(verb.__name__.lstrip("_"), refusal, actor=actor, subject=subject)
            if refusal is error:
                raise
            raise refusal from error

    return recorded_verb


def record_refusal(
    verb: str, refusal: Refused, *, actor: Actor, subject: models.Model | None = None, **fields: Any
) -> None:
    """Record that ``verb`` was refused. A question back (``StepUpRequired``) is not a refusal and is not recorded."""
    if getattr(refusal, "is_a_question", False):
        return
    record(
        "portal.refused",
        actor=actor,
        subject=subject,
        outcome=Outcome.REFUSED,
        detail={"verb": verb, "code": refusal.code, "why": refusal.message},
        **fields,
    )
    refusal.is_recorded = True


def save_as(thing: models.Model, *, actor: Actor, reason: str = "", force_insert: bool = False) -> None:
    """Save an *edited* model so that its history row and the journal know who did it and why."""
    with _signed(thing, actor, reason), transaction.atomic():
        take_the_pen()
        thing.save(force_insert=force_insert)


def delete_as(thing: models.Model, *, actor: Actor, reason: str = "") -> None:
    """Delete an *edited* model so that its history row and the journal know who did it and why."""
    with _signed(thing, actor, reason), transaction.atomic():
        take_the_pen()
        thing.delete()


@contextmanager
def _signed(thing: Any, actor: Actor, reason: str) -> Iterator[None]:
    """Let ``thing`` carry who acts while it is written, and no longer: the next one who saves it is somebody else."""
    signs = {"_history_user": actor.person, "_change_reason": reason[:100] or None, "_journal_actor": actor}
    for name, value in signs.items():
        setattr(thing, name, value)
    try:
        yield
    finally:
        for name in signs:
            thing.__dict__.pop(name, None)
