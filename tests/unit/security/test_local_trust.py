"""Who may act without a key: 12 starts, 85 requests, and real sockets of this user and another."""

import os
import socket
from collections.abc import Iterator

import pytest

from orchestra.security.local_trust import (
    Address,
    Asked,
    Mode,
    Owners,
    Start,
    not_local_because,
    resolve,
)

LOOP: Address = ("127.0.0.1", 8000)

STARTS: list[tuple[str, Start, Mode]] = [
    ("loopback v4", Start("auto", [LOOP], True), "developer"),
    ("loopback v4 and v6", Start("auto", [LOOP, ("::1", 8000)], True), "developer"),
    ("forced", Start("required", [LOOP], True), "required"),
    ("all interfaces", Start("auto", [("0.0.0.0", 8000)], True), "required"),  # noqa: S104
    ("all interfaces v6", Start("auto", [("::", 8000)], True), "required"),
    ("one of two public", Start("auto", [LOOP, ("10.0.0.5", 8000)], True), "required"),
    ("unix socket", Start("auto", ["/run/orchestra.sock"], True), "required"),
    ("no socket known", Start("auto", [], True), "required"),
    ("shared store", Start("auto", [LOOP], False), "required"),
    ("public name", Start("auto", [LOOP], True, public_names=True), "required"),
    ("trusted proxy", Start("auto", [LOOP], True, trusted_proxies=True), "required"),
    ("tls", Start("auto", [LOOP], True, tls=True), "required"),
]
LOCAL_HOSTS = (
    "localhost", "LOCALHOST:8000", "127.0.0.1:8000", "[::1]:8000", "[::1]", "localhost:9000",
)  # fmt: skip
OTHER_HOSTS = (
    "", "evil.example", "localhost.evil.example", "localhost.", "127.0.0.1.nip.io", "127.0.0.2",
    "127.1", "0.0.0.0:8000", "2130706433", "[::ffff:127.0.0.1]", "[::]", "::1", "localhost:0",
    "localhost:x", "localhost:", "user@localhost", "localhost:80:80", "localhost/",
    "localhost|evil.example", "app.localhost", "localhost:99999", "local\xadhost",
)  # fmt: skip
PROXIES = (
    "forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-forwarded-prefix",
    "x-real-ip", "via", "cf-connecting-ip", "cf-ray", "true-client-ip", "tailscale-user-login",
    "x-envoy-external-address", "orchestra-hop", "x-amzn-trace-id", "x-original-url",
    "x-azure-clientip", "x-forwarded-client-cert", "fly-client-ip",
)  # fmt: skip
ORIGINS = (
    "null", "http://evil.example", "https://localhost:8000", "http://localhost",
    "http://localhost:3000", "http://127.0.0.1:8000", "http://localhost:8000.evil.example",
    "chrome-extension://abc", "http://localhost:8000|null",
)  # fmt: skip
PEERS = ("10.0.0.1", "192.168.1.9", "::ffff:10.0.0.1", "fe80::1", "testclient", "2001:db8::1")

Case = tuple[str | None, str, str, str, dict[str, str]]


def cases() -> Iterator[Case]:
    """(expected reason, method, HTTP version, peer, headers); `|` separates repeated headers."""
    for host in LOCAL_HOSTS:
        yield None, "GET", "1.1", LOOP[0], {"host": host}
        same = {"host": host, "origin": f"http://{host}", "sec-fetch-site": "same-origin"}
        yield None, "POST", "1.1", LOOP[0], same
    for host in OTHER_HOSTS:
        yield "host", "GET", "1.1", LOOP[0], {"host": host}
    for name in PROXIES:
        yield "proxy-header", "GET", "1.1", LOOP[0], {name: "127.0.0.1"}
    for origin in ORIGINS:
        yield "origin", "POST", "1.1", LOOP[0], {"origin": origin}
        yield "origin", "GET", "1.1", LOOP[0], {"origin": origin}
    for site in ("cross-site", "same-site", "bogus", "same-origin|cross-site"):
        yield "fetch-site", "GET", "1.1", LOOP[0], {"sec-fetch-site": site}
    yield "fetch-site", "POST", "1.1", LOOP[0], {"sec-fetch-site": "none"}
    yield None, "GET", "1.1", LOOP[0], {"sec-fetch-site": "none"}
    yield None, "POST", "1.1", LOOP[0], {}  # curl, the SDKs
    yield "http-1.0", "GET", "1.0", LOOP[0], {}
    for peer in PEERS:
        yield "peer", "GET", "1.1", peer, {}
    yield None, "GET", "1.1", "::ffff:127.0.0.1", {}


CASES = list(cases())


@pytest.mark.parametrize(("start", "mode"), [(one[1], one[2]) for one in STARTS])
def test_a_start_decides_the_mode(start: Start, mode: Mode) -> None:
    assert resolve(start)[0] == mode


@pytest.mark.parametrize(("expected", "method", "version", "peer", "headers"), CASES)
def test_a_request_is_local_or_says_why_not(
    expected: str | None, method: str, version: str, peer: str, headers: dict[str, str]
) -> None:
    fields = {b"host": [b"localhost:8000"]}
    for name, value in headers.items():
        parts = [part.encode("latin-1") for part in value.split("|") if part]
        fields[name.encode()] = parts
    asked = Asked(method, version, fields, (peer, 5), LOOP)

    assert not_local_because(asked, lambda _, __: True) == expected


def test_the_tables_are_whole() -> None:
    assert (len(STARTS), len(CASES)) == (12, 85)


def test_somebody_elses_socket_is_not_the_developers() -> None:
    asked = Asked("GET", "1.1", {b"host": [b"localhost"]}, ("127.0.0.1", 5), LOOP)

    assert not_local_because(asked, lambda _, __: False) == "owner"


def test_our_own_connection_is_recognised() -> None:
    with connected() as (client, served):
        owners = Owners()

        assert owners.is_own(client.getsockname(), served.getsockname())
        assert not owners.is_own(served.getsockname(), ("127.0.0.1", 1))
        assert owners.is_own(client.getsockname(), served.getsockname())
        owners._forget()


def test_a_peer_that_hung_up_is_nobody() -> None:
    with connected() as (client, served):
        ends = client.getsockname(), served.getsockname()
        client.close()

        owners = Owners()
        assert not owners.is_own(*ends)
        owners._forget()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_users_connection_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.setuid(65_534)
            with socket.create_connection(listener.getsockname()):
                os.read(reader, 1)
            os._exit(0)
        served, peer = listener.accept()
        with served:
            owners = Owners()
            own = owners.is_own(peer, served.getsockname())
            owners._forget()
        os.write(writer, b".")
        os.waitpid(child, 0)
        os.close(reader)
        os.close(writer)

    assert not own


class connected:  # noqa: N801  # reads as a word
    """Both ends of a connection over loopback."""

    def __enter__(self) -> tuple[socket.socket, socket.socket]:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.client = socket.create_connection(listener.getsockname())
            self.served, _ = listener.accept()
        return self.client, self.served

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self.served.close()
