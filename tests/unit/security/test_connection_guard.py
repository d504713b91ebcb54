"""Slow and oversized connections end; others take their time. On uvicorn's own protocol."""

import asyncio
from typing import Any

import anyio
import pytest
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from orchestra.security.connection_guard import Bounds, guarded

pytestmark = pytest.mark.anyio

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
SHORT = Bounds(header_s=0.02, body_s=0.04)
LONG = Bounds()


class Wire(asyncio.Transport):
    """The other end of a protocol: keeps what is written, and knows when it was ended."""

    def __init__(self, peer: str = "127.0.0.1") -> None:
        super().__init__({"peername": (peer, 5), "sockname": ("127.0.0.1", 80)})
        self.written = b""
        self.ended = anyio.Event()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def close(self) -> None:
        self.ended.set()

    def abort(self) -> None:
        self.ended.set()

    def is_closing(self) -> bool:
        return self.ended.is_set()

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


async def answers_when_told(scope: Any, receive: Any, send: Any) -> None:
    more = True
    while more:
        message = await receive()
        more = message.get("more_body", False)
    headers = [(b"content-length", b"0")]
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


def connected(bounds: Bounds, wire: Wire, kind: type[Any] | None = None) -> Any:
    config = uvicorn.Config(answers_when_told, log_config=None, lifespan="off")
    config.load()
    protocol = (kind or guarded(HttpToolsProtocol, bounds))(
        config=config, server_state=ServerState(), app_state={}
    )
    protocol.connection_made(wire)
    return protocol


async def ended(wire: Wire) -> bool:
    with anyio.move_on_after(60):
        await wire.ended.wait()
    return wire.ended.is_set()


async def test_a_connection_that_says_nothing_ends() -> None:
    wire = Wire()
    connected(SHORT, wire)

    assert await ended(wire)


async def test_half_a_header_ends() -> None:
    wire = Wire()
    connected(SHORT, wire).data_received(GET[:20])

    assert await ended(wire)


async def test_half_a_body_ends() -> None:
    wire = Wire()
    connected(SHORT, wire).data_received(POST % 1_000 + b"abc")

    assert await ended(wire)


async def test_a_header_in_drops_wins_no_time() -> None:
    protocol = connected(LONG, Wire())
    timer = protocol._timer

    for start in range(0, 20, 4):
        protocol.data_received(GET[start : start + 4])

    assert protocol._timer is timer


async def test_a_body_wins_time_by_its_size_only() -> None:
    protocol = connected(LONG, Wire())
    protocol.data_received(POST % 100_000)
    timer = protocol._timer

    protocol.data_received(b"x" * 100)
    assert protocol._timer is timer
    protocol.data_received(b"x" * 31_000)
    assert protocol._timer is not timer


async def test_while_the_answer_is_made_nothing_is_timed() -> None:
    protocol = connected(LONG, Wire())

    protocol.data_received(GET)

    assert protocol._timer is None


async def test_a_large_header_is_refused_before_it_is_kept() -> None:
    wire = Wire()
    connected(LONG, wire).data_received(GET[:-2] + b"X: " + b"a" * 5_000_000)

    assert wire.written.startswith(b"HTTP/1.1 431 ")
    assert wire.ended.is_set()


async def test_a_header_grown_in_pieces_is_refused_too() -> None:
    wire = Wire()
    protocol = connected(LONG, wire)

    protocol.data_received(GET[:-2])
    for _ in range(3):
        if not wire.ended.is_set():
            protocol.data_received(b"X: " + b"a" * 9_000 + b"\r\n")

    assert wire.written.startswith(b"HTTP/1.1 431 ")


async def test_an_address_has_a_share_and_this_machine_is_not_counted() -> None:
    kind = guarded(HttpToolsProtocol, Bounds(per_address_max=2))
    wires = [Wire("10.0.0.9") for _ in range(3)]
    local = [Wire() for _ in range(3)]

    protocols = [connected(LONG, wire, kind) for wire in (*wires, *local)]

    assert [wire.ended.is_set() for wire in wires] == [False, False, True]
    assert not any(wire.ended.is_set() for wire in local)
    protocols[0].connection_lost(None)
    protocols[2].connection_lost(None)
    again = Wire("10.0.0.9")
    connected(LONG, again, kind)
    assert not again.ended.is_set()
