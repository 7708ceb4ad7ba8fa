"""A web hook that approves at once who is on call, and leaves everybody else to the approvers. Standard library only.

    HOOK_SECRET=whsec_... ON_CALL=robin@example.test,kim@example.test python on_call_check.py 8091

Who is on call stands in the environment here; ask your roster in ``is_on_call`` instead. Its yes stands in for an
approval only where role settings say so; elsewhere it lets the request go on to the approvers.
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


def is_on_call(user_name: str) -> bool:
    """Whether somebody is on call now. Replace this by a question to your roster."""
    return user_name.casefold() in os.environ.get("ON_CALL", "").casefold().split(",")


def evaluate(question: dict) -> tuple[str, list[str]]:
    """The outcome, and its reasons for who asked."""
    who = question["principal"]
    if question["test"]:
        return "Approved", ["The on-call check answers."]
    if question["action"] == "selfActivate" and is_on_call(who["userPrincipalName"]):
        return "AutoApproved", [f"{who['displayName']} is on call."]
    return "Approved", [f"{who['displayName']} is not on call: an approver decides."]


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
