"""Web hooks to test with: real HTTP servers on the loopback interface, and what they were asked."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

from approvals.hooks.models import Hook
from approvals.hooks.signing import keep_secret
from audit.journal.actor import PORTAL
from audit.journal.recording import save_as
from pim_portal.embedded.postgresql import free_port
from pim_portal.embedded.supervising import start_process, stop_process
from roles.connectors.signing import new_secret
from tests.servers import wait_until

EXAMPLES = Path(__file__).parents[2] / "docs" / "hooks"

Answering = Callable[[BaseHTTPRequestHandler], None]


class HookServer:
    """A server that answers as it is told to, one thing after the other; the last one for good.

    ``asked`` has for each call its headers and its body.
    """

    def __init__(self, *answers: Answering) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[dict[str, str], bytes]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                outer.asked.append(({name.lower(): said for name, said in self.headers.items()}, body))
                answer = outer.answers.pop(0) if len(outer.answers) > 1 else outer.answers[0]
                answer(self)

            do_GET = do_POST

            def log_message(self, *said: Any) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/check"

    @property
    def questions(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _headers, body in self.asked]


@contextmanager
def serving(*answers: Answering) -> Iterator[HookServer]:
    """A server that runs meanwhile."""
    server = HookServer(*answers)
    server.thread.start()
    try:
        yield server
    finally:
        server.server.shutdown()
        server.server.server_close()
        server.thread.join()


def says(outcome: str, *reasons: str, evaluation_id: str = "E-1") -> Answering:
    """An answer as it should be."""
    return raw(
        json.dumps({"evaluationId": evaluation_id, "evaluationOutcome": outcome, "reason": reasons}).encode()
    )


def raw(body: bytes, *, status: int = 200, **headers: str) -> Answering:
    """Whatever bytes."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def drips(piece: bytes = b" ", pause: float = 0.1) -> Answering:
    """An answer that never comes to its end, though something always comes."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        try:
            while True:
                handler.wfile.write(piece)
                time.sleep(pause)
        except OSError:
            return  # nobody listens any more

    return answer


def waits_for(event: threading.Event, then: Answering) -> Answering:
    """An answer that comes once it is let come."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        event.wait(20)
        try:
            then(handler)
        except OSError:
            return

    return answer


def make_hook(url: str, **values: Any) -> Hook:
    """A web hook as an administrator has entered it."""
    said = {"key": "ticket-check", "name": "Ticket check", "timeout_seconds": 5, "retries": 2} | values
    hook = Hook(url=url, **said)
    keep_secret(hook, new_secret())
    save_as(hook, actor=PORTAL)
    return hook


@contextmanager
def example(name: str, secret: str, **env: str) -> Iterator[str]:
    """One of the examples of the docs, run as its first lines say; its address."""
    port = free_port()
    argv = [sys.executable, str(EXAMPLES / name), str(port)]
    process = start_process(argv, env=os.environ | {"HOOK_SECRET": secret} | env)
    url = f"http://127.0.0.1:{port}/"
    try:
        wait_until(lambda: listens(url), name)
        yield url
    finally:
        stop_process(process)


def listens(url: str) -> bool:
    try:
        httpx.post(url, content=b"{}", trust_env=False)
    except httpx.TransportError:
        return False
    return True
