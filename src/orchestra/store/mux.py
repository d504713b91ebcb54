"""One multiplexed connection: all commands of an event-loop turn leave as one write.

Replies come back in order. Nothing is ever sent twice from here, with one exception that is safe:
a server that does not know a script's hash did not run it, so its source is sent instead.
"""

import asyncio
import collections
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias, cast

import hiredis
import msgspec
import structlog

from orchestra.clock import Random
from orchestra.errors import OrchestraError
from orchestra.store.failures import (
    MOVED,
    NoScript,
    NotReplicated,
    NotSent,
    ReplyLost,
    StoreAway,
    failure,
)

log = structlog.get_logger(__name__)

Word: TypeAlias = bytes | str | int | float
Reply: TypeAlias = Any  # bytes, int, None or a list of these, as the command's manual says
Dial: TypeAlias = Callable[[Callable[[], asyncio.Protocol]], Awaitable[object]]

STALL_S = 1.5  # callers of a store that hangs are told within 2 s
_SILENT_TICKS = 5
# hiredis declares a tuple of one word and no result; it takes any number and gives bytes.
_pack = cast(
    "Callable[[tuple[Word, ...]], bytes]",
    hiredis.pack_command,  # pyright: ignore[reportUnknownMemberType]
)
_NUMBERS = frozenset((int, float))
_HELLO: tuple[tuple[Word, ...], ...] = (("HELLO", "2"),)

EARLY = 12
"""Commands that leave before the turn ends, so that the store works while we go on: in one batch a
turn each waits for the other. A fan-out of 100 took 13 ms so, and takes 8."""


class Profile(msgspec.Struct, frozen=True):
    """How one connection behaves.

    `wait_replicas` > 0 puts one WAIT behind every batch and holds its replies until it is answered.
    """

    hello: tuple[tuple[Word, ...], ...] = _HELLO
    pending_max: int = 10_000
    connect_s: float = 5.0
    stall_s: float = STALL_S
    wait_replicas: int = 0
    wait_ms: int = 500
    backoff_s: tuple[float, float] = (0.05, 0.5)


_PLAIN = Profile()


def pack(command: tuple[Word, ...]) -> bytes:
    """A command as the store reads it.

    Numbers become text here: hiredis 3.5 asks Python for it and never looks whether it got any. It
    gets none when a signal's handler raises just then, as Ctrl-C does, and the process crashes.
    """
    return _pack(tuple([str(word) if type(word) in _NUMBERS else word for word in command]))


# A command on its way: its future, itself, and the script's source ('' for a plain command).
# No future: the WAIT that closes a batch.
_Sent: TypeAlias = "tuple[asyncio.Future[Reply] | None, tuple[Word, ...], str]"


class Mux(asyncio.Protocol):
    """Send with `call` or `evalsha`. Run `serve` in a task group: it keeps the connection up."""

    def __init__(
        self,
        dial: Dial,
        chance: Random,
        profile: Profile = _PLAIN,
        on_trouble: Callable[[], None] = lambda: None,
    ) -> None:
        self._dial, self._chance, self._profile = dial, chance, profile
        self._on_trouble = on_trouble
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._open = False
        self._up, self._down = asyncio.Event(), asyncio.Event()
        self._unsent: list[bytes] = []
        self._sent: collections.deque[_Sent] = collections.deque()
        self._batch: list[tuple[asyncio.Future[Reply], tuple[Word, ...], str, Reply]] = []
        self._reader = hiredis.Reader(replyError=self._failure)
        self._received = 0
        self.connects = 0
        self.trouble = ""

    def call(self, *command: Word) -> "asyncio.Future[Reply]":
        """Queue one command. Cancelling the future abandons the reply, never the connection."""
        return self.send(command, "")

    def send(self, command: tuple[Word, ...], source: str) -> "asyncio.Future[Reply]":
        """Queue one command. When it is an EVALSHA the server does not know, `source` goes instead.

        Everything the engine does passes through here: no call that is not needed, no coroutine.
        """
        future: asyncio.Future[Reply] = self._loop.create_future()
        if not self._open:
            give_up(future, NotSent())
        elif len(self._sent) >= self._profile.pending_max:
            give_up(future, NotSent("too many commands are waiting for the store"))
        else:
            packed = pack(command)
            if not self._unsent:
                self._loop.call_soon(self._flush)
            self._unsent.append(packed)
            self._sent.append((future, command, source))
            if len(self._unsent) >= EARLY:
                self._flush()
        return future

    async def ready(self) -> None:
        """Wait until there is a connection. Give it a deadline."""
        await self._up.wait()

    async def serve(self) -> None:
        """Connect, watch, reconnect with jittered backoff, until it is cancelled."""
        low, high = self._profile.backoff_s
        delay = low
        try:
            while True:
                try:
                    await self._connect()
                    delay = low
                    await self._watch()
                    self.trouble = self.trouble or "the connection was lost"
                    log.warning("store.connection_lost", connects=self.connects)
                except (OSError, OrchestraError, TimeoutError) as error:
                    self.trouble = str(error) or "no answer"
                    log.debug("store.connection_refused", reason=self.trouble)
                self._close()
                self._on_trouble()
                await asyncio.sleep(delay * (0.5 + self._chance.random() / 2))
                delay = min(high, delay * 2)
        finally:
            self._close()

    async def _connect(self) -> None:
        self._reader = hiredis.Reader(replyError=self._failure)
        self._down.clear()
        async with asyncio.timeout(self._profile.connect_s):
            await self._dial(lambda: self)
            hello: list[asyncio.Future[Reply]] = []
            for command in self._profile.hello:
                hello.append(self._loop.create_future())
                self._unsent.append(pack(command))
                self._sent.append((hello[-1], command, ""))
            self._flush()
            await asyncio.gather(*hello)
        self.connects += 1
        self.trouble = ""
        self._open = True
        self._up.set()

    async def _watch(self) -> None:
        """Until the connection ends, or its peer is silent for too long and sends no RST.

        Silence is counted in ticks of this task and not in seconds, so a loop that was blocked
        itself reads what has arrived before it judges.
        """
        silent, seen = 0, -1
        while not self._down.is_set():
            # Not wait_for: in Python 3.11 it swallows a cancellation that comes with the event.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._profile.stall_s / _SILENT_TICKS):
                    await self._down.wait()
            silent = silent + 1 if self._sent and seen == self._received else 0
            seen = self._received
            if silent >= _SILENT_TICKS:
                return

    def _flush(self) -> None:
        """One write for everything queued since the last turn."""
        parts, self._unsent = self._unsent, []
        if self._transport is None or not parts:
            return
        if self._profile.wait_replicas and self._open:
            self._sent.append((None, (), ""))
            parts.append(pack(("WAIT", self._profile.wait_replicas, self._profile.wait_ms)))
        self._transport.write(b"".join(parts))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The loop's: bytes can be sent."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but name

    def data_received(self, data: bytes) -> None:
        """The loop's: bytes have arrived."""
        self._received += 1
        gets, take = self._reader.gets, self._sent.popleft
        held = self._profile.wait_replicas > 0 and self._open
        self._reader.feed(data)
        try:
            while (reply := gets()) is not False:
                future, command, source = take()
                if future is None:
                    self._close_batch(reply)
                elif held:
                    self._batch.append((future, command, source, reply))
                elif isinstance(reply, Exception):
                    self._fail(future, command, source, reply)
                elif not future.done():
                    future.set_result(reply)
        except IndexError:  # nobody asked: "max number of clients reached", before our hello
            self._close()

    def _close_batch(self, confirmed: Reply) -> None:
        """The WAIT behind a batch was answered: so are the commands before it."""
        replicas = confirmed if isinstance(confirmed, int) else 0
        batch, self._batch = self._batch, []
        for future, command, source, reply in batch:
            if isinstance(reply, Exception):
                self._fail(future, command, source, reply)
            elif replicas < self._profile.wait_replicas:
                self._fail(future, command, source, NotReplicated(reply, replicas))
            elif not future.done():
                future.set_result(reply)

    def _fail(
        self,
        future: "asyncio.Future[Reply]",
        command: tuple[Word, ...],
        source: str,
        why: Exception,
    ) -> None:
        if future.done():
            return
        if isinstance(why, NoScript) and source:
            if not self._unsent:
                self._loop.call_soon(self._flush)
            self._unsent.append(pack(("EVAL", source, *command[2:])))
            self._sent.append((future, command, ""))
        else:
            give_up(future, why)

    def _failure(self, reply: str) -> Exception:
        error = failure(reply)
        if isinstance(error, NotSent) and error.reason in MOVED:
            self._on_trouble()
        return error

    def connection_lost(self, exc: Exception | None) -> None:
        """The loop's, and ours: whatever was sent and not answered has an unknown outcome."""
        if exc is not None:
            self.trouble = str(exc)
        self._transport, self._open = None, False
        self._up.clear()
        self._down.set()
        sent, self._sent = self._sent, collections.deque()
        batch, self._batch = self._batch, []
        left = len(sent) - len(self._unsent)  # those behind never left this process
        self._unsent = []
        for future, command, source, _ in batch:
            self._fail(future, command, source, ReplyLost())
        for place, (future, command, source) in enumerate(sent):
            if future is not None:
                self._fail(future, command, source, ReplyLost() if place < left else NotSent())

    def _close(self) -> None:
        if self._transport is not None:
            self._transport.abort()
            self.connection_lost(None)


def give_up(future: "asyncio.Future[Reply]", why: Exception) -> None:
    """End a call, and keep the loop from naming each that nobody waits for while the store is away.

    Whoever sent several at once has left with the first failure, and the outage is told already.
    """
    future.set_exception(why)
    if isinstance(why, StoreAway):
        future.exception()


def unix(path: str) -> Dial:
    """Dial a socket file."""
    return lambda factory: asyncio.get_running_loop().create_unix_connection(factory, path)
