"""A line between worker and directory on which the answer to what was asked can be lost."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress


class Line:
    """Passes on what is said between whoever connects and a server on this machine.

    Args:
        port: of the server.
        is_write: whether a question gives or takes a right.
    """

    def __init__(self, port: int, is_write: Callable[[bytes], bool]) -> None:
        self._server, self._is_write = port, is_write
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._lock = threading.Lock()
        self._wanted = 0
        self.cut = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def lose_an_answer(self) -> None:
        """Let the next writing question through, and cut the line when the server has answered it."""
        with self._lock:
            self._wanted += 1

    def close(self) -> None:
        """Take no further connection."""
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self._server), timeout=5)
                server.settimeout(None)
            except OSError:  # it is stopped
                client.close()
                continue
            for end in (client, server):  # what is passed on in pieces must not wait for an acknowledgement
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            losing = threading.Event()
            for run, ends in ((self._ask, (client, server)), (self._answer, (server, client))):
                threading.Thread(target=run, args=(*ends, losing), daemon=True).start()

    def _ask(self, client: socket.socket, server: socket.socket, losing: threading.Event) -> None:
        with suppress(OSError):
            while data := client.recv(65536):
                if self._is_write(data) and self._take_turn():
                    losing.set()
                server.sendall(data)
        _hang_up(client, server)

    def _answer(self, server: socket.socket, client: socket.socket, losing: threading.Event) -> None:
        with suppress(OSError):
            while data := server.recv(65536):
                if losing.is_set():
                    self.cut += 1
                    break
                client.sendall(data)
        _hang_up(client, server)

    def _take_turn(self) -> bool:
        with self._lock:
            due = self._wanted > 0
            self._wanted -= due
            return due


def _hang_up(*ends: socket.socket) -> None:
    for end in ends:
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()


def writes_sql(question: bytes) -> bool:
    """Whether it gives or takes a membership in PostgreSQL."""
    return b"GRANT " in question or b"REVOKE " in question


def writes_ldap(question: bytes) -> bool:
    """Whether it is a request to modify an entry (RFC 4511, 4.6), read as far as its tag."""
    if len(question) < 9 or question[0] != 0x30:
        return False
    at = 2 + (question[1] & 0x7F if question[1] & 0x80 else 0)  # after the length, short or long
    at += 2 + question[at + 1]  # after the message's number
    return len(question) > at and question[at] == 0x66
