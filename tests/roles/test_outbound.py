"""What the portal calls and what it does not: addresses that are looked at, and real servers on the loopback interface."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from ipaddress import ip_address
from typing import Any

import pytest
from pytest_django import Settings

from audit.journal.refusing import Refused
from roles import reachable
from roles.outbound import AddressRefused, Unreachable, check_address, fetch
from roles.reachable import is_public
from tests.factories.hooks import HookServer, drips, raw, serving

pytestmark = pytest.mark.one_database

PRIVATE = """
    127.0.0.1 127.9.9.9 10.0.0.1 172.16.0.1 192.168.1.1 169.254.169.254 100.64.0.1 0.0.0.0 255.255.255.255 224.0.0.1
    198.18.0.1 192.0.2.1 240.0.0.1 168.63.129.16 ::1 :: fe80::1 fc00::1 fd00:ec2::254 ff02::1 2001:db8::1
    ::ffff:127.0.0.1 ::ffff:169.254.169.254 ::ffff:10.0.0.1 64:ff9b::7f00:1 64:ff9b::a9fe:a9fe 64:ff9b:1::808:808
    2002:7f00:1:: 2002:808:808:: 2001:0:808:808:: ::7f00:1
"""
REFUSED = """
    http://127.0.0.1/ https://127.0.0.1/ https://[::1]/ https://[::ffff:127.0.0.1]/ https://0/ https://2130706433/
    https://0x7f.1/ https://017700000001/ https://localhost/ http://8.8.8.8/ ftp://8.8.8.8/ nothing
    https://name@8.8.8.8/ https://name:word@8.8.8.8/ https:///path file:///etc/passwd gopher://8.8.8.8/ //8.8.8.8/
    https://8.8.8.8:99999/ https://[fe80::1%25lo]/ https://169.254.169.254/latest/meta-data/
"""


@pytest.fixture(autouse=True)
def _nothing_is_allowed(settings: Settings) -> None:
    settings.OUTBOUND_ALLOWED = []


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[list[str]]]:
    """What the name server answers: for each name one list after the other, the last one for good."""
    known: dict[str, list[list[str]]] = {}
    real = socket.getaddrinfo

    def look_up(host: str, port: int, *more: Any, **said: Any) -> list[Any]:
        if host.endswith(".1"):
            return real(host, port, *more, **said)
        if host not in known:
            raise socket.gaierror
        answers = known[host]
        found = answers.pop(0) if len(answers) > 1 else answers[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in found]

    monkeypatch.setattr(reachable.socket, "getaddrinfo", look_up)
    return known


@pytest.mark.parametrize("address", PRIVATE.split())
def test_an_address_that_is_not_everybodys_is_not_public(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_others_are(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize("url", REFUSED.split())
def test_it_is_refused_when_called_and_in_a_form(url: str) -> None:
    with pytest.raises(AddressRefused):
        fetch(url, timeout=3, most_bytes=10)
    with pytest.raises(Refused) as refusal:
        check_address(url)
    assert refusal.value.field == "url"


def test_one_private_address_among_public_ones_is_enough(names: dict[str, list[list[str]]]) -> None:
    names["hook.example.test"] = [["8.8.8.8", "10.0.0.1"]]
    with pytest.raises(AddressRefused):
        fetch("https://hook.example.test/", timeout=3, most_bytes=10)


def test_a_name_without_an_address_cannot_be_called_but_may_be_entered(
    names: dict[str, list[list[str]]],
) -> None:
    with pytest.raises(Unreachable, match="has no address"):
        fetch("https://hook.example.test/", timeout=3, most_bytes=10)
    check_address("https://hook.example.test/")


def test_what_was_looked_at_is_what_is_called_whatever_the_name_says_next(
    names: dict[str, list[list[str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    names["hook.example.test"] = [["8.8.8.8"], ["127.0.0.1"]]
    called: list[tuple[str, int]] = []

    def connect(address: tuple[str, int], *_rest: Any, **_more: Any) -> None:
        called.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", connect)
    with pytest.raises(Unreachable):
        fetch("https://hook.example.test/", timeout=3, most_bytes=10)
    assert called == [("8.8.8.8", 443)]


def test_a_name_that_turns_inside_is_refused_the_next_time(names: dict[str, list[list[str]]]) -> None:
    names["hook.example.test"] = [["8.8.8.8"], ["127.0.0.1"]]
    check_address("https://hook.example.test/")
    with pytest.raises(AddressRefused):
        fetch("https://hook.example.test/", timeout=3, most_bytes=10)


@pytest.mark.parametrize("allowed", ["127.0.0.0/8", "127.0.0.1", "hook.example.test", "HOOK.example.test."])
def test_what_the_operator_names_is_called_under_its_own_name(
    names: dict[str, list[list[str]]], settings: Settings, allowed: str
) -> None:
    settings.OUTBOUND_ALLOWED = [allowed]
    names["hook.example.test"] = [["127.0.0.1"]]
    with serving(raw(b"here")) as server:
        url = server.url.replace("127.0.0.1", "hook.example.test")
        answer = fetch(url, method="POST", content=b"question", timeout=5, most_bytes=10)
    assert (answer.status, answer.body) == (200, b"here")
    [(headers, body)] = server.asked
    assert headers["host"] == f"hook.example.test:{server.server.server_port}"
    assert body == b"question"


def test_a_name_that_is_allowed_reaches_no_metadata_of_a_cloud(
    names: dict[str, list[list[str]]], settings: Settings
) -> None:
    settings.OUTBOUND_ALLOWED = ["hook.example.test"]
    names["hook.example.test"] = [["169.254.169.254"]]
    with pytest.raises(AddressRefused):
        fetch("http://hook.example.test/", timeout=3, most_bytes=10)


@pytest.fixture
def loopback(settings: Settings) -> None:
    settings.OUTBOUND_ALLOWED = ["127.0.0.1"]


def test_a_redirect_is_an_answer_and_not_followed(loopback: None) -> None:
    with serving(raw(b"")) as inner, serving(raw(b"", status=302, Location=inner.url)) as server:
        assert fetch(server.url, timeout=5, most_bytes=10).status == 302
    assert inner.asked == []


def test_no_proxy_of_the_environment_is_used(loopback: None, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with serving(raw(b"direct")) as server:
        assert fetch(server.url, timeout=5, most_bytes=10).body == b"direct"


def test_what_is_packed_is_not_unpacked(loopback: None) -> None:
    with serving(raw(b"not gzip", Content_Encoding="gzip")) as server:
        assert fetch(server.url, timeout=5, most_bytes=10).body == b"not gzip"
    assert server.asked[0][0]["accept-encoding"] == "identity"


def test_a_long_body_is_not_read_to_its_end(loopback: None) -> None:
    with serving(drips(b"x" * 1000, pause=0)) as server, pytest.raises(Unreachable, match="longer than 5000"):
        fetch(server.url, timeout=20, most_bytes=5000)


def dripping_headers(server: socket.socket) -> None:
    peer, _address = server.accept()
    try:
        peer.sendall(b"HTTP/1.1 200 OK\r\n")
        while True:
            peer.sendall(b"X: y\r\n")
            time.sleep(0.1)
    except OSError:
        peer.close()


def no_handshake(server: socket.socket) -> None:
    peer, _address = server.accept()
    time.sleep(1.5)
    peer.close()


@pytest.mark.parametrize(("serve", "scheme"), [(dripping_headers, "http"), (no_handshake, "https")])
def test_the_deadline_stands_over_headers_and_handshake_too(loopback: None, serve: Any, scheme: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, args=(server,), daemon=True)
        thread.start()
        began = time.monotonic()
        with pytest.raises(Unreachable, match="did not answer within 1 seconds"):
            fetch(f"{scheme}://127.0.0.1:{server.getsockname()[1]}/", timeout=1, most_bytes=10)
        assert time.monotonic() - began < 2.5
        thread.join(5)


def test_a_dripping_body_too(loopback: None) -> None:
    with serving(drips()) as server, pytest.raises(Unreachable, match="did not answer within 1 seconds"):
        fetch(server.url, timeout=1, most_bytes=10_000)


def test_a_slow_name_server_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reachable.socket, "getaddrinfo", lambda *_some, **_more: time.sleep(2) or [])
    with pytest.raises(Unreachable, match=r"did not answer within 0\.5 seconds"):
        fetch("https://hook.example.test/", timeout=0.5, most_bytes=10)


def test_a_certificate_nobody_vouches_for_is_not_trusted(loopback: None, tmp_path: Any) -> None:
    server = HookServer(raw(b"secret"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate_in(tmp_path))
    server.server.socket = context.wrap_socket(server.server.socket, server_side=True)
    server.thread.start()
    try:
        with pytest.raises(Unreachable, match="certificate is not trusted"):
            fetch(server.url.replace("http:", "https:"), timeout=5, most_bytes=10)
    finally:
        server.server.shutdown()
        server.server.server_close()
    assert server.asked == []


@pytest.mark.parametrize(
    ("bytes_sent", "words"),
    [(b"SSH-2.0-OpenSSH\r\n", "not HTTP"), (b"", "not HTTP|broke off")],
)
def test_what_does_not_speak_http_is_told_so(loopback: None, bytes_sent: bytes, words: str) -> None:
    def serve(server: socket.socket) -> None:
        peer, _address = server.accept()
        peer.recv(1000)
        peer.sendall(bytes_sent)
        peer.close()

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, args=(server,), daemon=True)
        thread.start()
        with pytest.raises(Unreachable, match=words):
            fetch(f"http://127.0.0.1:{server.getsockname()[1]}/", timeout=5, most_bytes=10)


def certificate_in(folder: Any) -> tuple[str, str]:
    """A certificate for 127.0.0.1 that has signed itself, and its key."""
    from datetime import UTC, datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return str(folder / "cert"), str(folder / "key")
