"""The news that goes up from accounts, and the questions: the upper apps may not be known here.

All of them are sent inside the verb's transaction, with ``person`` and ``actor``. Whoever is asked refuses by raising.
"""

from django.dispatch import Signal

#: asked before a person is disabled
user_leaving = Signal()

#: news: a person was disabled
user_left = Signal()

#: asked before a person's second factors are taken away, so that somebody helps them to new ones
user_losing_factors = Signal()

#: asked before a person is named a break-glass account
user_named_break_glass = Signal()
