"""A server on loopback that stands where Microsoft would: TLS, tokens, questions checked, and things going wrong.

The real azure-identity gets its tokens here. What is asked is held against the description in `microsoft_spec`;
what is not in it is refused and written down in `complaints`, which every test looks at.
"""

import base64
import json
import re
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.roles.connectors.microsoft_spec import OPERATIONS, faults, template_of

TENANT = "11111111-1111-4111-8111-111111111111"
CLIENT = "22222222-2222-4222-8222-222222222222"
SERVICE_PRINCIPAL = "33333333-3333-4333-8333-333333333333"
CLIENT_SECRET = "the-client-secret-of-the-portal"


class Answer(Exception):
    """An answer other than the usual one."""

    def __init__(self, status: int, code: str = "", said: str = "", **headers: str) -> None:
        self.status, self.headers = status, headers
        self.body = {"error": {"code": code, "message": said or code}} if code else None


@dataclass
class Asked:
    """One question."""

    method: str
    path: str
    template: str
    query: dict[str, str]
    body: Any

    def filtered(self) -> dict[str, str]:
        """`a eq 'x' and b eq 'y'` as a mapping."""
        found = re.findall(r"(\w+) eq '((?:[^']|'')*)'", self.query.get("$filter", ""))
        return {name: value.replace("''", "'") for name, value in found}

    @property
    def ids(self) -> list[str]:
        parts, named = self.path.split("/"), self.template.split("/")
        return [unquote(part) for part, name in zip(parts, named, strict=False) if name.startswith("{")]


@dataclass
class Trouble:
    """What goes wrong once: `before` answers instead, without anything done; `cut` does it and hangs up."""

    method: str
    path: str
    before: Answer | None = None
    cut: bool = False


@dataclass
class Microsoft:
    """The server, and what a tenant must have whatever it holds. `answer` is asked what the description allows."""

    folder: Path
    permissions: set[str] = field(default_factory=set)
    troubles: list[Trouble] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    page_size: int = 100
    next_host: str = ""
    sign_in_fault: int = 0
    answer: Callable[[Asked], Any] = field(default=lambda asked: None)
    arm: Callable[[Asked], tuple[int, Any]] | None = None

    def __post_init__(self) -> None:
        self.ca_file = self.folder / "authority.pem"
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.server.daemon_threads = True
        self.server.socket = self._wrapped(self.server.socket)
        self.address = f"https://localhost:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def settings(self, **more: str) -> dict[str, str]:
        here = {"authority": self.address, "graph": self.address, "ca_file": str(self.ca_file)}
        return {"tenant_id": TENANT, "client_id": CLIENT} | here | more

    def token(self, asked: dict[str, str]) -> dict[str, Any]:
        if asked.get("client_id") != CLIENT or asked.get("client_secret") != CLIENT_SECRET:
            said = f"AADSTS7000215: Invalid client secret provided: {asked.get('client_secret')}."
            return {"error": "invalid_client", "error_description": said}
        claims = {
            "oid": SERVICE_PRINCIPAL,
            "appid": CLIENT,
            "tid": TENANT,
            "app_displayname": "PIM Portal",
            "roles": sorted(self.permissions),
        }
        part = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
        token = f"eyJhbGciOiJub25lIn0.{part}.{len(self.tokens)}"
        self.tokens.add(token)
        return {"token_type": "Bearer", "expires_in": 3600, "access_token": token}

    def handle(self, asked: Asked) -> tuple[int, Any]:
        """Check the question, let it be answered, check the answer."""
        if self.arm and asked.path.startswith(("/subscriptions", "/providers")):
            return self.arm(asked)
        template = template_of(asked.path)
        operation = OPERATIONS.get(template or "", {}).get(asked.method.lower())
        if template is None or operation is None:
            raise self.complain(f"{asked.method} {asked.path} is not in the description")
        if unknown := set(asked.query) - set(operation["query"]) - {"$skiptoken"}:
            raise self.complain(f"{asked.path} does not know {unknown}")
        if asked.body is not None and operation["body"] is None:
            raise self.complain(f"{asked.path} takes no body")
        if operation["body"] and (wrong := faults(operation["body"], asked.body)):
            raise self.complain(f"{asked.path}: {wrong}")
        asked.template = template
        found = self.answer(asked)
        if isinstance(found, list):
            found = self.page(asked, found)
        if operation["answer"] and (wrong := faults(operation["answer"], found)):
            raise self.complain(f"the answer of {asked.path}: {wrong}")
        return operation["status"], found

    def page(self, asked: Asked, found: list[Any], link: str = "@odata.nextLink") -> dict[str, Any]:
        first = int(asked.query.get("$skiptoken", 0))
        last = first + self.page_size
        query = "&".join(f"{name}={value}" for name, value in asked.query.items() if name != "$skiptoken")
        more = f"{self.next_host or self.address}{asked.path}?{query}&$skiptoken={last}".replace(" ", "%20")
        return {"value": found[first:last]} | ({link: more} if last < len(found) else {})

    def complain(self, words: str) -> Answer:
        self.complaints.append(words)
        return Answer(400, "Request_BadRequest", words)

    def trouble(self, asked: Asked) -> Trouble | None:
        for trouble in self.troubles:
            if trouble.method == asked.method and trouble.path in asked.path:
                self.troubles.remove(trouble)
                return trouble
        return None

    def _wrapped(self, plain: socket.socket) -> ssl.SSLSocket:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
        now = datetime.now(UTC)
        names = x509.SubjectAlternativeName(
            [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
        )
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=2))
            .add_extension(names, critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        self.ca_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        key_file = self.folder / "key.pem"
        key_file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.ca_file, key_file)
        return context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False)


def _handler(microsoft: Microsoft) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1  # head and body in one piece

        def log_message(self, *said: object) -> None:
            pass

        def do(self) -> None:
            parts = urlsplit(self.path)
            sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if parts.path.startswith(f"/{TENANT}/"):
                self._sign_in(parts.path, dict(parse_qsl(sent.decode())))
                return
            body = json.loads(sent) if sent else None
            asked = Asked(self.command, unquote(parts.path), "", dict(parse_qsl(parts.query)), body)
            microsoft.asked.append(f"{self.command} {asked.path}")
            try:
                if self.headers.get("Authorization", "").removeprefix("Bearer ") not in microsoft.tokens:
                    raise Answer(401, "InvalidAuthenticationToken", "The token is not known.")
                trouble = microsoft.trouble(asked)
                if trouble and trouble.before:
                    raise trouble.before
                status, found = microsoft.handle(asked)
                if trouble and trouble.cut:
                    self.close_connection = True
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                self._say(status, found)
            except Answer as answer:
                self._say(answer.status, answer.body, **answer.headers)

        do_GET = do_POST = do_PUT = do_DELETE = do

        def _sign_in(self, path: str, sent: dict[str, str]) -> None:
            if path.endswith("/.well-known/openid-configuration"):
                here = f"{microsoft.address}/{TENANT}"
                names = {
                    "authorization_endpoint": f"{here}/oauth2/v2.0/authorize",
                    "token_endpoint": f"{here}/oauth2/v2.0/token",
                    "issuer": f"{here}/v2.0",
                }
                self._say(200, names)
                return
            if microsoft.sign_in_fault:
                self._say(
                    microsoft.sign_in_fault, {"error": "server_error", "error_description": "Try again."}
                )
                return
            found = microsoft.token(sent)
            self._say(401 if "error" in found else 200, found)

        def _say(self, status: int, body: Any, **headers: str) -> None:
            said = b"" if body is None else json.dumps(body).encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)
            self.wfile.flush()

    return Handler
