"""Entering, changing and removing web hooks, and giving them a new secret."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.utils.text import slugify
from django.utils.translation import gettext as _

from accounts.duties import ROLE_ADMINISTRATORS, require
from accounts.mfa.freshness import act_digest, prove_act
from approvals.hooks.models import Hook, HookCall
from approvals.hooks.signing import keep_secret
from approvals.justifying import justification_of
from approvals.models import SettingsChange, SettingsTemplate
from audit.journal.actor import Actor
from audit.journal.plain import one_line
from audit.journal.recording import delete_as, journaled, record, save_as
from audit.journal.refusing import Overtaken, Refused, refusing_what_is_invalid
from roles.connectors.signing import new_secret
from roles.models import RoleSettings
from roles.reachable import AddressRefused, parsed


@dataclass(frozen=True)
class Wanted:
    """What a hook shall be.

    Args:
        timeout_seconds: how long each attempt waits for an answer.
        retries: how often it is asked again when none came.
    """

    name: str
    url: str
    timeout_seconds: int = 10
    retries: int = 3


@journaled
def enter_hook(key: str, *, actor: Actor, wanted: Wanted, justification: str) -> tuple[Hook, str]:
    """Enter a web hook.

    Args:
        key: what role settings call it; made from its name when empty. It never changes.

    Returns:
        The hook, and its secret, which nobody is shown again.

    Raises:
        NotAllowed: no duty for this.
        Refused: the key is taken, the address is none the portal calls, or something is missing.
        StepUpRequired: the administrator did not just prove themselves for this very act.
    """
    require(actor, *ROLE_ADMINISTRATORS)
    hook = Hook(key=key.strip() or slugify(wanted.name)[:60])
    _fill(hook, wanted)
    if Hook.objects.filter(key=hook.key).exists():
        raise Refused(_("There is a web hook with this key already."), field="key", code="key_taken")
    justification = justification_of(justification)
    _prove(hook, "enter_hook", wanted=wanted, justification=justification, actor=actor)
    secret = new_secret()
    keep_secret(hook, secret)
    save_as(hook, actor=actor, reason=justification)
    return hook, secret


@journaled
def change_hook(hook: Hook, *, actor: Actor, wanted: Wanted, justification: str, seen: str = "") -> Hook:
    """Change what a web hook is called, where it is, or how long it is waited for.

    With four eyes, one that role settings name keeps its address: whoever could turn it elsewhere alone could turn
    what a second administrator has agreed to.

    Args:
        seen: ``version_of`` it when the page was made, if there was one.

    Raises:
        NotAllowed: no duty for this.
        Overtaken: somebody removed or changed it meanwhile.
        Refused: the address is none the portal calls, may not be changed, or something is missing.
        StepUpRequired: the administrator did not just prove themselves for this very act.
    """
    require(actor, *ROLE_ADMINISTRATORS)
    current = _current(hook, seen=seen)
    moves = current.url != wanted.url.strip()
    _fill(current, wanted)
    if moves and settings.FOUR_EYES and (names := named_by(current.key)):
        said = _("%(names)s: enter another web hook with the new address, and name that one there.")
        raise Refused(said % {"names": _in_words(names)}, field="url", code="hook_in_use")
    justification = justification_of(justification)
    _prove(current, "change_hook", wanted=wanted, justification=justification, actor=actor)
    save_as(current, actor=actor, reason=justification)
    return current


@journaled
def replace_secret(hook: Hook, *, actor: Actor, justification: str) -> str:
    """Give a web hook a new secret. The one before it goes on signing beside it, until there is another one.

    Returns:
        The secret, which nobody is shown again.

    Raises:
        NotAllowed: no duty for this.
        Overtaken: somebody removed it.
        StepUpRequired: the administrator did not just prove themselves for this very act.
    """
    require(actor, *ROLE_ADMINISTRATORS)
    current = _current(hook)
    justification = justification_of(justification)
    _prove(current, "replace_secret", justification=justification, actor=actor)
    secret = new_secret()
    keep_secret(current, secret)
    save_as(current, actor=actor, reason=justification)
    record("hook.secret_replaced", actor=actor, subject=current, justification=justification)
    return secret


@journaled
def remove_hook(hook: Hook, *, actor: Actor, justification: str) -> None:
    """Forget a web hook. Requests that still wait for it go on as if it had not answered.

    Raises:
        NotAllowed: no duty for this.
        Overtaken: somebody removed it already.
        Refused: role settings, a change of them that waits, or a template still name it.
        StepUpRequired: the administrator did not just prove themselves for this very act.
    """
    require(actor, *ROLE_ADMINISTRATORS)
    current = _current(hook)
    if names := named_by(current.key):
        raise Refused(_in_words(names), code="hook_in_use")
    justification = justification_of(justification)
    _prove(current, "remove_hook", justification=justification, actor=actor)
    HookCall.objects.filter(hook=current).update(hook=None)
    delete_as(current, actor=actor, reason=justification)


def named_by(key: str) -> list[str]:
    """What names a web hook by its key, in words: role settings, changes of them that wait, and templates."""
    rows = RoleSettings.objects.filter(hook=key).select_related("role", "directory", "scope")
    proposed = SettingsChange.objects.filter(status=SettingsChange.Status.PROPOSED)
    waiting = [one for one in proposed.select_related("role", "directory", "scope") if _says(one.after, key)]
    return [
        *(str(one) for one in rows),
        *(str(one) for one in waiting),
        *(_("The template %(name)s") % {"name": one} for one in SettingsTemplate.objects.filter(hook=key)),
    ]


def version_of(hook: Hook) -> str:
    """What identifies the state of a hook, to notice that somebody changed it since."""
    last = Hook.history.filter(id=hook.pk).order_by("-history_id").first()
    return str(last.history_id) if last else ""


def _says(document: Any, key: str) -> bool:
    values = document.get("values") if isinstance(document, dict) else None
    return isinstance(values, dict) and values.get("hook") == key


def _in_words(names: list[str]) -> str:
    shown = ", ".join(names[:3]) + (_(" and others") if len(names) > 3 else "")
    return _("It is still named by: %(names)s.") % {"names": shown}


def _current(hook: Hook, *, seen: str = "") -> Hook:
    """The hook as it stands now, held until the transaction ends.

    Raises:
        Overtaken: it is gone, or another one than was seen.
    """
    found = Hook.objects.select_for_update().filter(pk=hook.pk).first()
    if found is None or (seen and seen != version_of(found)):
        raise Overtaken
    return found


def _fill(hook: Hook, wanted: Wanted) -> None:
    hook.name, hook.url = one_line(wanted.name), wanted.url.strip()
    hook.timeout_seconds, hook.retries = wanted.timeout_seconds, wanted.retries
    with refusing_what_is_invalid():
        # The address is looked at by what calls it: it may be a name of one's own network.
        hook.clean_fields(exclude=["url", "sealed_secret"])
    try:
        parsed(hook.url)  # its name is looked up by the form: no transaction waits for a name server
    except AddressRefused as refusal:
        raise Refused(str(refusal), field="url", code="address_refused") from refusal


def _prove(hook: Hook, verb: str, *, actor: Actor, justification: str, wanted: Wanted | None = None) -> None:
    if actor.person is None:
        return  # the portal itself, on the console
    said = vars(wanted) if wanted is not None else {}
    act = act_digest(verb=verb, hook=hook.pk, key=hook.key, justification=justification, **said)
    what_for = _("Changing the web hook %(name)s") % {"name": hook.name}
    prove_act(actor, act=act, what_for=what_for)
