"""Hostile URLs do not reach a dial, and answers have bounds."""

import socket
import struct
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import anyio
import anyio.abc
import httpcore
import pytest
from hostile_urls import BAD

from orchestra.security.destinations import Policy, policy
from orchestra.security.outbound import (
    AnswerLost,
    AnswerTooLarge,
    DestinationNotAllowed,
    Guard,
    NotReached,
    Outbound,
    system_resolve,
)

pytestmark = pytest.mark.anyio

HI = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"
GOOD = ("http://8.8.8.8/", "https://1.1.1.1/", "http://ok.test/")
NAMES = {
    "rebind.test": ["127.0.0.1"],  # it answered with a public address when it was registered
    "mixed.test": ["8.8.8.8", "127.0.0.1"],
    "ok.test": ["93.184.216.34"],
    "nothing.test": [],
}


async def resolve(host: str, port: int) -> list[str]:
    return NAMES[host] if host in NAMES else await system_resolve(host, port)


class Recorder(httpcore.AsyncNetworkBackend):
    """Dials nothing and remembers what it was asked to dial."""

    def __init__(self) -> None:
        self.dialled: list[str] = []

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        self.dialled.append(host)
        raise httpcore.ConnectError("recorded")


def outbound(policy: Policy, recorder: Recorder | None = None) -> Outbound:
    made = Outbound(policy, resolve)
    if recorder is not None:
        made._guard = Guard(policy, resolve, recorder)
    return made


async def get(sender: Outbound, url: str, body_max_bytes: int = 1_000) -> bytes:
    return (await sender.send("GET", url, {}, b"", 3.0, body_max_bytes)).body


@pytest.mark.parametrize("url", BAD)
async def test_a_hostile_url_is_not_dialled(url: str) -> None:
    recorder = Recorder()

    with pytest.raises((NotReached, DestinationNotAllowed), match=r"^destination not allowed$"):
        await get(outbound(Policy(), recorder), url)

    assert recorder.dialled == []


@pytest.mark.parametrize("url", BAD)
async def test_a_hostile_url_is_refused_when_it_is_saved(url: str) -> None:
    with pytest.raises(DestinationNotAllowed):
        await outbound(Policy()).admit(url)


@pytest.mark.parametrize("url", GOOD)
async def test_a_public_address_is_dialled_as_it_was_judged(url: str) -> None:
    recorder = Recorder()

    with pytest.raises(NotReached, match="could not connect"):
        await get(outbound(Policy(), recorder), url)

    assert recorder.dialled == NAMES.get(url.split("/")[2], [url.split("/")[2]])


async def test_an_address_that_never_answers_leaves_time_for_the_next() -> None:
    class Silent(Recorder):
        """Remembers the time that each address is given."""

        shares: tuple[float, ...] = ()

        async def connect_tcp(
            self,
            host: str,
            port: int,
            timeout: float | None = None,
            local_address: str | None = None,
            socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
        ) -> httpcore.AsyncNetworkStream:
            self.shares = (*self.shares, timeout or 0.0)
            raise httpcore.ConnectTimeout("silent")

    async def two(host: str, port: int) -> list[str]:
        return ["8.8.8.8", "8.8.4.4"]

    silent = Silent()
    with pytest.raises(httpcore.ConnectTimeout):
        await Guard(Policy(), two, silent).connect_tcp("ok.test", 80, 40.0)

    assert [round(share) for share in silent.shares] == [20, 40]


@asynccontextmanager
async def a_server(answer: bytes, *, hang: bool = False) -> AsyncIterator[int]:
    """Says `answer` to whoever connects, whatever was asked. Yields its port."""
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")

    async def serve(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            await stream.receive()
            await stream.send(answer)
            if hang:
                await anyio.sleep_forever()

    async with listener, anyio.create_task_group() as group:
        group.start_soon(listener.serve, serve)
        yield int(listener.listeners[0].extra(anyio.abc.SocketAttribute.local_port))
        group.cancel_scope.cancel()


@asynccontextmanager
async def allowed(port: int) -> AsyncIterator[Outbound]:
    # `localhost` is both on machines with IPv6, and all addresses of a name must be admitted.
    sender = Outbound(policy([f"127.0.0.0/8:{port}", f"[::1]:{port}"]))
    try:
        yield sender
    finally:
        await sender.aclose()


async def test_what_an_administrator_admits_is_reached() -> None:
    async with a_server(HI) as port, allowed(port) as sender:
        await sender.admit(f"http://127.0.0.1:{port}/")

        assert await get(sender, f"http://localhost:{port}/") == b"hi"
        with pytest.raises(DestinationNotAllowed):
            await sender.admit(f"http://127.0.0.1:{port + 1}/")


async def test_our_own_listener_is_never_reached_whatever_is_admitted() -> None:
    async with a_server(HI) as port:
        sender = Outbound(policy(["127.0.0.0/8"], [f"0.0.0.0:{port}"]))

        for host in ("127.0.0.1", "localhost", "127.0.0.2", "[::ffff:127.0.0.1]"):
            with pytest.raises(NotReached, match=r"^destination not allowed$"):
                await get(sender, f"http://{host}:{port}/")


async def test_a_body_over_the_limit_is_not_read_to_its_end() -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-length: 100000000\r\n\r\n"
    async with a_server(head + b"S" * 100_000, hang=True) as port, allowed(port) as sender:
        with pytest.raises(AnswerTooLarge):
            await get(sender, f"http://127.0.0.1:{port}/")


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab",
        b"HTTP/1.1 200 OK\r\nx: " + b"h" * 200_000 + b"\r\n\r\n",
    ],
)
async def test_an_answer_that_breaks_off_is_lost_and_may_have_had_effects(answer: bytes) -> None:
    async with a_server(answer) as port, allowed(port) as sender:
        with pytest.raises(AnswerLost):
            await get(sender, f"http://127.0.0.1:{port}/")


async def test_a_connection_that_is_reset_is_lost() -> None:
    async def reset(stream: anyio.abc.SocketStream) -> None:
        await stream.receive()
        raw = stream.extra(anyio.abc.SocketAttribute.raw_socket)
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        await stream.aclose()

    async with (
        await anyio.create_tcp_listener(local_host="127.0.0.1") as listener,
        anyio.create_task_group() as group,
    ):
        group.start_soon(listener.serve, reset)
        port = int(listener.listeners[0].extra(anyio.abc.SocketAttribute.local_port))
        async with allowed(port) as sender:
            with pytest.raises(AnswerLost):
                await get(sender, f"http://127.0.0.1:{port}/")
        group.cancel_scope.cancel()


async def test_a_server_that_stays_silent_is_left_at_the_deadline() -> None:
    async with a_server(b"HTTP/1.1 200 OK\r\n", hang=True) as port, allowed(port) as sender:
        with pytest.raises(TimeoutError):
            await sender.send("GET", f"http://127.0.0.1:{port}/", {}, b"", 0.1)


async def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with a_server(HI) as port:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{port}")

        with pytest.raises(NotReached):
            await get(Outbound(Policy()), "http://169.254.169.254/latest/")
