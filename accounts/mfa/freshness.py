"""Whether a second factor is fresh enough for an act, and what happens when it is not.

A verb that needs one asks inside its own transaction, after everything else is in order, and consumes the evidence there:

    evidence = require_fresh_factor(actor, act=act, minutes=0, what_for=_("Activating Database operator"))
    ...
    use_factor(evidence, act=act)

Where a code that somebody was talked into reading out must not be enough, it asks with ``methods=PHISHING_RESISTANT``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from datetime import timedelta

from django.core.serializers.json import DjangoJSONEncoder
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import FactorUse
from audit.journal.actor import Actor
from audit.journal.refusing import Overtaken, Refused

#: how long evidence given for one act waits for that act to take place
EVIDENCE_WAITS = timedelta(minutes=10)
#: methods of which a site with another name gets nothing that works here
PHISHING_RESISTANT: frozenset[str] = frozenset({FactorUse.Method.PASSKEY.value})


class StepUpRequired(Refused):
    """A question back, not a refusal: prove it is you, and the act goes on. ``StepUpMiddleware`` asks it.

    Args:
        act: digest of the act, see ``act_digest``.
        what_for: the act in words, the beginning of "… needs a fresh second factor".
        minutes: how long the proof counts; 0 is for this act alone.
        methods: the ``FactorUse.Method`` values that count; None for any.
    """

    default = _("This needs a fresh second factor.")
    code = "step_up_required"
    status_code = 403
    is_a_question = True

    def __init__(
        self, *, act: str, what_for: object, minutes: int = 0, methods: Collection[str] | None = None
    ) -> None:
        super().__init__()
        self.act = act
        self.what_for = str(what_for)[:300]
        self.minutes = minutes
        self.methods = frozenset(str(method) for method in methods or ())


def act_digest(**content: object) -> str:
    """The digest of an act: everything that makes it this one and no other (verb, object, values, justification).

    Args:
        content: plain values, dates and times. The order does not matter, the names do.
    """
    # A browser sends line breaks as CR LF, a script as LF: the same text is the same act.
    content = {
        name: value.replace("\r\n", "\n") if isinstance(value, str) else value
        for name, value in content.items()
    }
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), cls=DjangoJSONEncoder)
    return hashlib.sha256(text.encode()).hexdigest()


def fresh_factor(
    actor: Actor, *, act: str, minutes: int, methods: Collection[str] | None = None
) -> FactorUse | None:
    """The evidence that is fresh enough, or None.

    Evidence counts only for the person who gave it and in the session it was given in.

    Args:
        act: digest of the act.
        minutes: how old it may be. 0 is "every time": only evidence given for exactly this act, not used yet, counts.
        methods: the ``FactorUse.Method`` values that count; None for any.
    """
    if actor.person is None or not actor.person.pk or not actor.session:
        return None
    now = timezone.now()
    mine = FactorUse.objects.filter(person=actor.person, session=actor.session, at__lte=now).order_by(
        "-at", "-pk"
    )
    if methods is not None:
        mine = mine.filter(method__in=methods)
    for_this_act = (
        mine.filter(act=act, used_at__isnull=True, at__gt=now - EVIDENCE_WAITS) if act else mine.none()
    )
    if minutes <= 0:
        return for_this_act.first()
    recent = mine.filter(at__gt=now - timedelta(minutes=minutes))
    return for_this_act.filter(pk__in=recent.values("pk")).first() or recent.first()


def require_fresh_factor(
    actor: Actor, *, act: str, minutes: int, what_for: object, methods: Collection[str] | None = None
) -> FactorUse:
    """The evidence that is fresh enough; see ``fresh_factor``. It is not consumed by this: call ``use_factor``.

    Raises:
        StepUpRequired: there is none.
    """
    evidence = fresh_factor(actor, act=act, minutes=minutes, methods=methods)
    if evidence is None:
        raise StepUpRequired(act=act, what_for=what_for, minutes=max(minutes, 0), methods=methods)
    return evidence


def prove_act(actor: Actor, *, act: str, what_for: object) -> FactorUse:
    """The evidence given for this very act, used up.

    Args:
        act: digest of the act; what_for: the act in words.

    Raises:
        StepUpRequired: there is none.
        Overtaken: it was consumed by the same act a moment ago.
    """
    evidence = require_fresh_factor(actor, act=act, minutes=0, what_for=what_for)
    use_factor(evidence, act=act)
    return evidence


def use_factor(factor_use: FactorUse, *, act: str) -> None:
    """Consume evidence given for ``act``, in the transaction of the act. Evidence given for more than one act is left alone.

    Raises:
        Overtaken: it was consumed by the same act a moment ago.
    """
    if factor_use.act != act or factor_use.used_at is not None:
        return
    now = timezone.now()
    if not FactorUse.objects.filter(pk=factor_use.pk, used_at__isnull=True).update(used_at=now):
        raise Overtaken
    factor_use.used_at = now
