"""The one piece of news that goes up from accounts: the upper apps may not be known here."""

from django.dispatch import Signal

#: sent by ``accounts.leaving`` inside its transaction, with ``person`` and ``actor``, after a person was disabled
user_left = Signal()
