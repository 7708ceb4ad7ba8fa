"""A web hook that asks whether the ticket of an activation is open. Standard library only.

    HOOK_SECRET=whsec_... OPEN_TICKETS=INC-1001,INC-1002 python ticket_check.py 8090

The tickets stand in the environment here; ask your ticket system in ``is_open`` instead. Put TLS in front of it, or let
the operator of the portal allow this host (OUTBOUND_ALLOWED).
"""

import base64
import hashlib
import hmac
import json
import os
import sys
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LONGEST = 64 * 1024  # bytes of a question
OLDEST = 5 * 60  # seconds


def is_genuine(headers, body: bytes, secret: str) -> bool:
    """Whether the portal has sent this, a short while ago."""
    said, at = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not at.isdecimal() or abs(time.time() - int(at)) > OLDEST:
        return False
    key = base64.b64decode(secret.removeprefix("whsec_"))
    made = hmac.new(key, f"{said}.{at}.".encode() + body, hashlib.sha256).digest()
    right = "v1," + base64.b64encode(made).decode()
    return any(
        hmac.compare_digest(one.encode(), right.encode())
        for one in headers.get("webhook-signature", "").split()
    )


def is_open(ticket: str) -> bool:
    """Whether a ticket is open. Replace this by a question to your ticket system."""
    return ticket in os.environ.get("OPEN_TICKETS", "").split(",")


def evaluate(question: dict) -> tuple[str, list[str]]:
    """The outcome, and its reasons for who asked."""
    ticket = question["ticket"]["ticketNumber"]
    if question["test"]:
        return "Approved", ["The ticket check answers."]
    if not ticket:
        return "Denied", ["Name the ticket this is about."]
    if not is_open(ticket):
        return "Denied", [f"The ticket {ticket} is not open."]
    return "Approved", [f"The ticket {ticket} is open."]


class Hook(BaseHTTPRequestHandler):
    timeout = 10

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > LONGEST:
            return self.send_error(413)
        body = self.rfile.read(int(length))
        if not is_genuine(self.headers, body, os.environ["HOOK_SECRET"]):
            return self.send_error(401)
        outcome, reason = evaluate(json.loads(body))
        answer = {"evaluationId": str(uuid.uuid4()), "evaluationOutcome": outcome, "reason": reason}
        said = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Hook).serve_forever()
