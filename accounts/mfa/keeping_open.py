"""Why a stranger cannot keep a break-glass account out, and why that makes its codes no easier to guess.

For everybody else wrong codes pause the device, and a hundred of them disable it: whoever has got hold of the password
could lock its person out. A break-glass account's devices have no pauses of their own and are never disabled. Instead:

* Six figures can be guessed. They are counted for each network apart, so strangers slow themselves. After a hundred
  wrong ones in a row from wherever, they are taken only from a network in which the account has proved itself before.
* A recovery code or a passkey cannot be guessed. It is always looked at, from everywhere.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.mfa.models import WRONG_CODES_ALLOWED, Authenticator, FactorUse, RecoveryCodes
from accounts.models import Passkey, User
from accounts.throttling import network_of
from audit.journal.refusing import Refused

#: for how long a network counts as one the account has proved itself in; longer than from drill to drill
KNOWN_FOR = timedelta(days=400)


class OtherFactorNeeded(Refused):
    """Too many wrong codes were tried from everywhere: something is asked for that cannot be guessed."""

    default = _(
        "Too many wrong codes were tried for this account. From here it takes a recovery code or a passkey, which "
        "nobody can guess."
    )
    code = "other_factor_needed"


def check_code_may_be_looked_at(person: User, *, address: str) -> None:
    """Ask before six figures are looked at for a break-glass account.

    Raises:
        OtherFactorNeeded: they were guessed at too often, this network is not known, and there is another way.
    """
    devices = Authenticator.objects.filter(user=person, confirmed=True)
    guessed_at = any(device.throttling_failure_count >= WRONG_CODES_ALLOWED for device in devices)
    if guessed_at and _has_what_nobody_guesses(person) and not _is_known(person, address, at=timezone.now()):
        raise OtherFactorNeeded(field="code")


def _is_known(person: User, address: str, *, at: datetime) -> bool:
    before = FactorUse.objects.filter(person=person, at__gt=at - KNOWN_FOR).values_list("address", flat=True)
    known = {network_of(one) for one in before.distinct()} - {""}
    return network_of(address) in known


def _has_what_nobody_guesses(person: User) -> bool:
    codes = RecoveryCodes.objects.filter(user=person, confirmed=True, token_set__isnull=False)
    return bool(codes.exists() or Passkey.objects.filter(user=person, confirmed=True).exists())
