"""Deputies: who decides for somebody while they are away. Never in a circle, and no further than one step."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.duties import PEOPLE_ADMINISTRATORS, require
from accounts.mfa.freshness import act_digest, prove_act
from accounts.models import Absence, User
from accounts.notifications.notifying import notify
from audit.journal.actor import Actor
from audit.journal.recording import journaled, save_as
from audit.journal.refusing import Overtaken, Refused

LONGEST = timedelta(days=366)


@journaled
def name_deputy(
    person: User, *, actor: Actor, deputy: User, ends_at: datetime, starts_at: datetime | None = None
) -> Absence:
    """Say that ``person`` is away, and that ``deputy`` may decide what they could decide as approver.

    A deputy decides as themselves, beside whoever is away, and never on a request of either of them. What a duty
    allows does not pass to a deputy.

    Args:
        starts_at: now when left out.

    Raises:
        NotAllowed: somebody else, without the duty to look after people.
        StepUpRequired: it passes power on, so it needs a second factor of its own.
        Refused: the end is not after the start, or too far away; the deputy is oneself, disabled, no person, or away
            at that time as well; another deputy is named for that time already.
    """
    if actor.person is None or actor.person.pk != person.pk:
        require(actor, *PEOPLE_ADMINISTRATORS)
    begins = max(starts_at or timezone.now(), timezone.now())
    if ends_at <= begins:
        raise Refused(_("The end must be after the start, and still to come."), field="ends_at")
    if ends_at - begins > LONGEST:
        raise Refused(_("At most %(n)s days.") % {"n": LONGEST.days}, field="ends_at")
    if deputy.is_same_human_as(person):
        raise Refused(_("Name somebody else: nobody is their own deputy."), field="deputy")
    if not User.objects.enabled().humans().filter(pk=deputy.pk).exists():
        raise Refused(_("%(who)s cannot sign in.") % {"who": deputy}, field="deputy")
    then = Absence.objects.filter(starts_at__lt=ends_at, ends_at__gt=begins)
    if then.filter(person=person).exists():
        raise Refused(_("A deputy is named for that time already."), field="starts_at")
    if then.filter(person=deputy).exists():
        raise Refused(_("%(who)s is away at that time too.") % {"who": deputy}, field="deputy")
    act = act_digest(
        verb="name deputy", person=person.pk, deputy=deputy.pk, starts_at=begins.date(), ends_at=ends_at
    )
    what_for = _("Naming %(who)s as deputy") % {"who": deputy}
    prove_act(actor, act=act, what_for=what_for)
    absence = Absence(person=person, deputy=deputy, starts_at=begins, ends_at=ends_at)
    save_as(absence, actor=actor)
    notify(
        [deputy], notice="accounts/deputy_named", context={"absence": absence}, url="/to-decide/", actor=actor
    )
    return absence


@journaled
def end_absence(absence: Absence, *, actor: Actor) -> None:
    """Come back before the end that was said: from this moment on the deputy stands in no more.

    Raises:
        NotAllowed: somebody else's, without the duty to look after people.
        Overtaken: it is over already.
    """
    if actor.person is None or actor.person.pk != absence.person_id:
        require(actor, *PEOPLE_ADMINISTRATORS)
    current = Absence.objects.select_for_update().get(pk=absence.pk)
    now = timezone.now()
    if current.ends_at <= now:
        raise Overtaken(_("It is over already."))
    # What has not begun leaves no time behind: a moment of it is kept, for the history to hang on.
    current.starts_at = min(current.starts_at, now - timedelta(microseconds=1))
    current.ends_at = now
    save_as(current, actor=actor)
