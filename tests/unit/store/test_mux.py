"""The connection: one write a turn, typed failures, and nothing sent twice."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from orchestra.store.embedded import Server
from orchestra.store.failures import (
    NotReplicated,
    NotSent,
    Refused,
    ReplyLost,
    StoreFull,
)
from orchestra.store.mux import Mux, Profile, pack, unix

pytestmark = pytest.mark.anyio


@contextlib.asynccontextmanager
async def connected(path: str, profile: Profile | None = None) -> AsyncIterator[Mux]:
    mux = Mux(unix(path), random.Random(1), profile or Profile())
    task = asyncio.create_task(mux.serve())
    try:
        async with asyncio.timeout(60):
            await mux.ready()
        yield mux
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def test_a_number_that_has_no_text_is_an_error_and_no_crash() -> None:
    with pytest.raises(ValueError, match="digits"):
        pack(("SET", "a", 10**5_000))

    assert pack(("SET", b"a", 7, 0.5)) == b"*4\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n7\r\n$3\r\n0.5\r\n"


async def test_replies_come_back_in_order(server: Server) -> None:
    async with connected(server.socket) as mux:
        replies = await asyncio.gather(*(mux.call("INCR", "n") for _ in range(1_000)))

    assert replies == list(range(1, 1_001))


async def test_commands_of_one_turn_leave_as_one_write(server: Server) -> None:
    async with connected(server.socket) as mux:
        writes: list[bytes] = []
        transport = mux._transport
        assert transport is not None
        mux._transport = Recorder(transport, writes)  # pyright: ignore[reportAttributeAccessIssue]

        await asyncio.gather(mux.call("PING"), mux.call("GET", "a"), mux.call("GET", "b"))

    assert len(writes) == 1


class Recorder:
    """A transport that remembers what was written."""

    def __init__(self, transport: asyncio.Transport, writes: list[bytes]) -> None:
        self._transport, self._writes = transport, writes
        self.abort = transport.abort

    def write(self, data: bytes) -> None:
        self._writes.append(data)
        self._transport.write(data)


async def test_a_script_the_server_does_not_know_is_sent_once(server: Server) -> None:
    async with connected(server.socket) as mux:
        command = ("EVALSHA", "0" * 40, 1, "n", "")

        assert await mux.send(command, "return redis.call('INCR', KEYS[1])") == 1
        assert await mux.call("GET", "n") == b"1"


async def test_a_script_nobody_has_the_source_of_is_an_error(server: Server) -> None:
    async with connected(server.socket) as mux:
        with pytest.raises(Exception, match="NOSCRIPT"):
            await mux.call("EVALSHA", "0" * 40, 0)


async def test_an_error_reply_is_the_callers_only(server: Server) -> None:
    async with connected(server.socket) as mux:
        good, bad = mux.call("SET", "a", "1"), mux.call("INCR", "a", "too", "many")

        assert await good == b"OK"
        with pytest.raises(Refused, match="wrong number of arguments"):
            await bad


async def test_over_maxmemory_is_full(server: Server) -> None:
    async with connected(server.socket) as mux:
        await mux.call("CONFIG", "SET", "maxmemory", "1")

        with pytest.raises(StoreFull):
            await mux.call("SET", "a", "1")


async def test_what_a_killed_connection_leaves_open_is_said_and_it_reconnects(
    server: Server,
) -> None:
    async with connected(server.socket) as mux:
        me = await mux.call("CLIENT", "ID")
        kill = ("CLIENT", "KILL", "ID", me, "SKIPME", "no")
        calls = [mux.call("INCR", "n") for _ in range(100)]
        calls += [mux.call(*kill), *(mux.call("INCR", "n") for _ in range(100))]

        ends = await asyncio.gather(*calls, return_exceptions=True)

        known = sum(isinstance(end, int) for end in ends[:100])
        lost = sum(isinstance(end, ReplyLost) for end in ends)
        assert known + lost >= 200
        assert lost >= 100
        async with asyncio.timeout(60):
            await mux.ready()
        assert mux.connects == 2
        assert int(await mux.call("GET", "n")) >= known


async def test_without_a_connection_nothing_is_sent(server: Server) -> None:
    mux = Mux(unix(server.socket), random.Random(1))

    with pytest.raises(NotSent):
        await mux.call("PING")


async def test_a_call_of_the_turn_in_which_the_connection_ends_was_not_sent(
    server: Server,
) -> None:
    async with connected(server.socket) as mux:
        call = mux.call("PING")
        mux._close()

        with pytest.raises(NotSent):
            await call


async def test_more_calls_than_may_wait_are_refused(server: Server) -> None:
    async with connected(server.socket, Profile(pending_max=2)) as mux:
        calls = [mux.call("PING") for _ in range(3)]

        with pytest.raises(NotSent, match="too many"):
            await calls[2]
        assert await calls[0] == b"PONG"


async def test_cancelling_a_call_abandons_its_reply_only(server: Server) -> None:
    async with connected(server.socket) as mux:
        given_up, kept = mux.call("INCR", "n"), mux.call("INCR", "n")
        given_up.cancel()

        assert await kept == 2


async def test_a_batch_no_replica_confirms_keeps_its_replies(server: Server) -> None:
    async with connected(server.socket, Profile(wait_replicas=1, wait_ms=20)) as mux:
        with pytest.raises(NotReplicated) as caught:
            await mux.call("INCR", "n")

    assert (caught.value.reply, caught.value.replicas) == (1, 0)


async def test_an_unknown_script_is_sent_with_a_wait_of_its_own(server: Server) -> None:
    async with connected(server.socket, Profile(wait_replicas=1, wait_ms=20)) as mux:
        command = ("EVALSHA", "0" * 40, 1, "n", "")

        with pytest.raises(NotReplicated) as caught:
            await mux.send(command, "return redis.call('INCR', KEYS[1])")

    assert caught.value.reply == 1


async def test_a_silent_server_is_given_up(tmp_path: Path) -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"HELLO\r\n$1\r\n2\r\n")
        writer.write(b"+OK\r\n")
        await reader.read()  # until the client gives up
        writer.close()

    path = str(tmp_path / "silent.sock")
    async with (
        await asyncio.start_unix_server(greet, path),
        connected(path, Profile(stall_s=0.2)) as mux,
        asyncio.timeout(60),
    ):
        with pytest.raises(ReplyLost):
            await mux.call("PING")


async def test_a_server_that_lets_nobody_in_says_why(server: Server) -> None:
    mux = Mux(unix(server.socket), random.Random(1), Profile(hello=(("AUTH", "nobody", "wrong"),)))
    refused = asyncio.Event()
    mux._on_trouble = refused.set
    task = asyncio.create_task(mux.serve())

    async with asyncio.timeout(60):
        await refused.wait()

    assert "WRONGPASS" in mux.trouble
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
