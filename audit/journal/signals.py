"""What the book tells those who listen."""

from django.dispatch import Signal

#: news: entries were written. Sent in their transaction, with ``entries`` (``Entry``) and ``events`` (``AuditEvent``).
recorded = Signal()
