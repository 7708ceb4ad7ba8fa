"""Sessions: how long one lasts, what a proof is bound to, and whose it is.

Named as ``SESSION_ENGINE``; apart from the person, Django's own database sessions. Because they know their person, all
of one person's can be ended by one statement.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from typing import Any

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models
from django.http import HttpRequest

BINDING = "binding"
BEGAN_AT = "began_at"
SEEN_AT = "seen_at"
#: seconds between two notes of a session still being used; each is a write
NOTED_EVERY = 60


class Session(AbstractBaseSession):
    """One browser's session; ``person`` is empty until somebody has signed in with both factors."""

    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="sessions"
    )

    @classmethod
    def get_session_store_class(cls) -> type[SessionStore]:
        return SessionStore


class SessionStore(DatabaseStore):
    """Keeps sessions in ``Session``."""

    @classmethod
    def get_model_class(cls) -> type[Session]:
        return Session

    def create_model_instance(self, data: dict[str, Any]) -> Session:
        session: Session = super().create_model_instance(data)  # type: ignore[assignment]
        session.person_id = data.get(SESSION_KEY)
        return session


def begin_session(request: HttpRequest) -> None:
    """Throw away whatever the browser brought along and begin anew, with a key and a binding of its own (C6, D1)."""
    request.session.flush()
    request.session[BINDING] = secrets.token_urlsafe(32)
    request.session[BEGAN_AT] = request.session[SEEN_AT] = int(time.time())


def session_digest(request: HttpRequest) -> str:
    """What a second factor given in this session is bound to; "" without a session.

    It is made from a random value kept in the session, not from its key, so that it outlives the change of key at
    each step-up and ends with the session.
    """
    binding = request.session.get(BINDING, "")
    return hashlib.sha256(binding.encode()).hexdigest() if binding else ""


def session_is_over(request: HttpRequest) -> bool:
    """Whether nobody used the session for too long, or it began too long ago. A session without its times is over."""
    began, seen, now = request.session.get(BEGAN_AT, 0), request.session.get(SEEN_AT, 0), time.time()
    return bool(now - seen > settings.SESSION_IDLE_SECONDS or now - began > settings.SESSION_ABSOLUTE_SECONDS)


def note_use(request: HttpRequest) -> None:
    """Note that the person is there. What a page fetches by itself is no sign of that."""
    if request.method == "GET" and request.headers.get("HX-Request"):
        return
    now = int(time.time())
    if now - request.session.get(SEEN_AT, 0) >= NOTED_EVERY:
        request.session[SEEN_AT] = now
