"""Answers as they come: deadlines of their own, bounds, and connections that are not kept."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import anyio.abc
import anyio.lowlevel
import pytest

from orchestra.clock import SystemClock
from orchestra.security import hops
from orchestra.security.destinations import policy
from orchestra.security.outbound import (
    AnswerEncoded,
    AnswerLost,
    AnswerTooLarge,
    NotReached,
    Outbound,
    Timeouts,
)

pytestmark = pytest.mark.anyio

HEAD = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"


def part(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


class Server:
    """Says `first`, and after each `go` the next of `then`; counts what it is asked and by whom."""

    def __init__(self, first: bytes, *then: bytes, again: bool = False) -> None:
        self.first, self.then, self.again = first, then, again
        self.go = anyio.Event()
        self.left = anyio.Event()
        self.connections = 0
        self.asked: list[bytes] = []
        self.url = ""

    async def serve(self, stream: anyio.abc.SocketStream) -> None:
        self.connections += 1
        async with stream:
            try:
                while True:
                    self.asked.append(await stream.receive())
                    await stream.send(self.first)
                    for said in self.then:
                        await self.go.wait()
                        await stream.send(said)
                    if not self.again:
                        await stream.receive()
            except (anyio.EndOfStream, anyio.BrokenResourceError):
                self.left.set()


@asynccontextmanager
async def calling(server: Server) -> AsyncIterator[Outbound]:
    async with (
        await anyio.create_tcp_listener(local_host="127.0.0.1") as listener,
        anyio.create_task_group() as group,
    ):
        group.start_soon(listener.serve, server.serve)
        port = int(listener.listeners[0].extra(anyio.abc.SocketAttribute.local_port))
        server.url = f"http://127.0.0.1:{port}/"
        sender = Outbound(policy([f"127.0.0.0/8:{port}"]))
        try:
            yield sender
        finally:
            await sender.aclose()
            group.cancel_scope.cancel()


async def test_parts_come_as_they_are_sent() -> None:
    server = Server(HEAD + part(b"one"), part(b"two") + END)
    async with (
        calling(server) as sender,
        sender.stream("POST", server.url, {}, b"{}", Timeouts(5, 5, 5)) as answer,
    ):
        parts = aiter(answer.chunks())
        first = await anext(parts)
        server.go.set()
        rest = [chunk async for chunk in parts]

    assert (answer.status, answer.headers["transfer-encoding"]) == (200, "chunked")
    assert (first, rest) == (b"one", [b"two"])


@pytest.mark.parametrize(
    ("first", "timeouts"),
    [
        (b"", Timeouts(5, first_s=0.2)),
        (HEAD[:-4], Timeouts(5, first_s=0.2)),
        (HEAD, Timeouts(5, idle_s=0.2)),
        (HEAD + part(b"one"), Timeouts(5, idle_s=0.2)),
        (HEAD + part(b"one"), Timeouts(0.2)),
    ],
)
async def test_each_deadline_ends_it_and_closes_the_connection(
    first: bytes, timeouts: Timeouts
) -> None:
    server, clock = Server(first), SystemClock()
    async with calling(server) as sender:
        began = clock.monotonic()
        with pytest.raises(TimeoutError):
            async with sender.stream("GET", server.url, {}, b"", timeouts) as answer:
                await answer.read()
        took = clock.monotonic() - began
        with anyio.fail_after(60):
            await server.left.wait()

    assert took > 0.19


async def test_leaving_early_closes_and_reading_to_the_end_keeps_the_connection() -> None:
    server = Server(HEAD + part(b"one") + END, again=True)
    async with calling(server) as sender:
        for _ in range(3):
            assert (await sender.send("GET", server.url, {}, b"", 5)).body == b"one"
        kept = server.connections
        async with sender.stream("GET", server.url, {}, b"", Timeouts(5)) as answer:
            assert answer.status == 200
        await sender.send("GET", server.url, {}, b"", 5)

    assert (kept, server.connections) == (1, 2)


async def test_an_encoded_answer_is_not_unpacked() -> None:
    body = b"\x1f\x8b" + b"0" * 100
    head = b"HTTP/1.1 %d x\r\ncontent-encoding: gzip\r\ncontent-length: 102\r\n\r\n"
    good, bad = Server(head % 200 + body), Server(head % 500 + body)
    async with calling(good) as sender:
        with pytest.raises(AnswerEncoded):
            await sender.send("GET", good.url, {}, b"", 5)
    async with calling(bad) as sender:
        reply = await sender.send("GET", bad.url, {}, b"", 5)

    assert (reply.status, reply.body) == (500, b"")
    assert b"accept-encoding: identity" in good.asked[0].lower()


async def test_the_bound_holds_for_parts_and_a_break_is_told() -> None:
    large = Server(HEAD + part(b"x" * 600) + part(b"x" * 600) + END)
    async with calling(large) as sender:
        with pytest.raises(AnswerTooLarge):
            await sender.send("GET", large.url, {}, b"", 5, 1_000)
    broken = Server(HEAD + part(b"x") + b"zz\r\n")
    async with calling(broken) as sender:
        with pytest.raises(AnswerLost):
            await sender.send("GET", broken.url, {}, b"", 5)


async def test_tiny_parts_leave_others_their_turn() -> None:
    server = Server(HEAD + part(b"x") * 20_000 + END)
    turns = 0

    async def another() -> None:
        nonlocal turns
        while True:
            await anyio.lowlevel.checkpoint()
            turns += 1

    async with calling(server) as sender, anyio.create_task_group() as group:
        group.start_soon(another)
        async with sender.stream("GET", server.url, {}, b"", Timeouts(20)) as answer:
            begun = turns
            assert await answer.read() == b"x" * 20_000
        group.cancel_scope.cancel()

        assert turns - begun > 200


async def test_the_hop_is_one_more_than_what_it_is_sent_for() -> None:
    server = Server(HEAD + END, again=True)
    async with calling(server) as sender:
        await sender.send("GET", server.url, {}, b"", 5)
        hops.come(4)
        await sender.send("GET", server.url, {"orchestra-hop": "0"}, b"", 5)
        hops.come(0)

    assert b"orchestra-hop: 1\r\n" in server.asked[0].lower()
    assert server.asked[1].lower().count(b"orchestra-hop: ") == 1
    assert b"orchestra-hop: 5\r\n" in server.asked[1].lower()


@pytest.mark.parametrize("text", ["a\r\nx-more: 1", "a\nb", "a\x00b", "\u20ac", "\x1b[2J"])
async def test_a_header_that_would_be_two_is_not_sent(text: str) -> None:
    server = Server(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")

    async with calling(server) as sender:
        with pytest.raises(NotReached):
            await sender.send("GET", server.url, {"x-own": text}, b"", 5)

    assert server.asked == []


async def test_a_header_in_latin_1_goes_back_as_it_came() -> None:
    server = Server(b'HTTP/1.1 304 Not Modified\r\netag: "\xe9"\r\n\r\n')

    async with calling(server) as sender:
        said = await sender.send("GET", server.url, {"if-none-match": '"\xe9"'}, b"", 5)

    assert said.headers["etag"] == '"\xe9"'
    assert b'if-none-match: "\xe9"' in server.asked[0].lower()
