"""A receiver for directories of the kind ``webhook``. Standard library only.

    WEBHOOK_SECRET=whsec_... ACCOUNTS=robin,kim ENTITLEMENTS=archive python webhook_receiver.py 8091 rights.db

It keeps the rights in a file of its own: speak to your directory in ``Rights`` instead. Put TLS in front of it, or let
the operator of the portal allow this host (OUTBOUND_ALLOWED). In the portal: url as below, lists, native_end, scopes
and tells_whose true.
"""

import base64
import hashlib
import hmac
import json
import os
import sqlite3
import sys
import threading
import time
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LONGEST = 64 * 1024  # bytes of a message
OLDEST = 5 * 60  # seconds
PORTAL = "the portal"


def is_genuine(headers, body: bytes, secrets: list[str]) -> bool:
    """Whether the portal has sent this, a short while ago."""
    said, at = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not (at.isascii() and at.isdecimal()) or abs(time.time() - int(at)) > OLDEST:
        return False
    signed = f"{said}.{at}.".encode() + body
    given = [one.encode() for one in headers.get("webhook-signature", "").split()]
    return any(hmac.compare_digest(one, signature(secret, signed)) for secret in secrets for one in given)


def signature(secret: str, signed: bytes) -> bytes:
    key = base64.b64decode(secret.removeprefix("whsec_"))
    return b"v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest())


class Refused(Exception):
    """A status, and what is said with it."""

    def __init__(self, status: int, **said: str) -> None:
        self.status, self.said = status, said


class Rights:
    """What stands: who holds what, where, until when, and who gave it."""

    def __init__(self, path: str) -> None:
        self.lock = threading.Lock()
        self.file = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self.file.execute(
            "CREATE TABLE IF NOT EXISTS rights (account, entitlement, scope, not_after, granted_by, "
            "PRIMARY KEY (account, entitlement, scope))"
        )
        self.file.execute(
            "CREATE TABLE IF NOT EXISTS heard (account, entitlement, scope, at, "
            "PRIMARY KEY (account, entitlement, scope))"
        )

    def take_turn(self, right: tuple[str, ...], at: int) -> None:
        """Refuse what is older than the last that was heard about the same right: somebody sends it again."""
        asked = "SELECT at FROM heard WHERE account = ? AND entitlement = ? AND scope = ?"
        last = self.file.execute(asked, right).fetchone()
        if last and at < last[0]:
            raise Refused(409, message="Something newer was said about this right.")
        self.file.execute("REPLACE INTO heard VALUES (?, ?, ?, ?)", (*right, at))

    def give(self, right: tuple[str, ...], not_after: str | None) -> dict:
        found = self.standing(right)
        if found and found["granted_by"] != PORTAL:
            return {"changed": False, "preexisting": True, "not_after": found["not_after"]}
        changed = not found or found["not_after"] != not_after
        self.file.execute("REPLACE INTO rights VALUES (?, ?, ?, ?, ?)", (*right, not_after, PORTAL))
        return {"changed": changed, "not_after": not_after, "receipt": "/".join(right)}

    def take(self, right: tuple[str, ...]) -> dict:
        changed = self.standing(right) is not None
        self.file.execute("DELETE FROM rights WHERE account = ? AND entitlement = ? AND scope = ?", right)
        return {"changed": changed}

    def standing(self, right: tuple[str, ...]) -> dict | None:
        names = ("account", "entitlement", "scope")
        return next((one for one in self.all() if tuple(one[name] for name in names) == right), None)

    def all(self) -> list[dict]:
        """Those whose end has not come. A directory that keeps ends must let them end by itself."""
        names = ("account", "entitlement", "scope", "not_after", "granted_by")
        rows = [dict(zip(names, row, strict=True)) for row in self.file.execute("SELECT * FROM rights")]
        now = datetime.now(UTC)
        return [one for one in rows if not one["not_after"] or datetime.fromisoformat(one["not_after"]) > now]


def answer(message: dict, at: int, rights: Rights) -> dict:
    """What there is to say to a genuine message, after doing it."""
    kind, data = message["type"], message["data"]
    entitlements = os.environ.get("ENTITLEMENTS", "").split(",")
    if kind == "right.check":
        return {"version": "Example receiver 1", "administers": entitlements}
    if kind == "right.list":
        return {"grants": [one for one in rights.all() if one["entitlement"] in data["entitlements"]]}
    if kind not in ("right.granted", "right.revoked"):
        raise Refused(422, message=f"{kind} is not known here.")
    if data["account"] not in os.environ.get("ACCOUNTS", "").split(","):
        raise Refused(404, error="account")
    if data["entitlement"] not in entitlements:
        raise Refused(404, error="entitlement")
    right = (data["account"], data["entitlement"], data["scope"])
    rights.take_turn(right, at)
    return rights.give(right, data["not_after"]) if kind == "right.granted" else rights.take(right)


class Receiver(BaseHTTPRequestHandler):
    timeout = 10
    rights: Rights

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > LONGEST:
            return self.say(413, {})
        body = self.rfile.read(int(length))
        if not is_genuine(self.headers, body, os.environ["WEBHOOK_SECRET"].split()):
            return self.say(401, {})
        try:
            with self.rights.lock:
                self.say(200, answer(json.loads(body), int(self.headers["webhook-timestamp"]), self.rights))
        except Refused as refusal:
            self.say(refusal.status, refusal.said)

    def say(self, status: int, said: dict) -> None:
        body = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    Receiver.rights = Rights(sys.argv[2])
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver).serve_forever()
