"""The answering side: handlers, what they have in hand, and when they are to stop."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final

import anyio
import anyio.abc
import msgspec
import structlog

from orchestra.bus.requests import NobodyServes, RequestTooLarge, Send, wire
from orchestra.bus.requests.mail import Mail
from orchestra.bus.requests.refusals import refusal_of
from orchestra.errors import OrchestraError, TooMany

log = structlog.get_logger(__name__)

WAITING_MAX: Final = 16
"""Requests that wait for a handler, for each that may be handled."""

Handle = Callable[[Any], Awaitable[msgspec.Struct]]
HandleParts = Callable[[Any, Send], Awaitable[None]]
Key = tuple[str, int]
"""Caller and number."""


class Served:
    """A subject and its handler; one of `whole` and `parts`."""

    def __init__(
        self, takes: type[Any], whole: Handle | None, parts: HandleParts | None, concurrency: int
    ) -> None:
        self.decode: Callable[[bytes], Any] = msgspec.json.Decoder(takes).decode
        self.whole, self.parts = whole, parts
        self.concurrency, self.in_hand = concurrency, 0
        self.turn = anyio.Semaphore(concurrency, max_value=concurrency, fast_acquire=True)


class Server:
    """What this process answers."""

    def __init__(self, mail: Mail) -> None:
        self._mail = mail
        self.subjects: dict[str, Served] = {}
        self._in_hand: dict[Key, anyio.CancelScope] = {}
        self._group: anyio.abc.TaskGroup | None = None
        self.closed = True
        """Not up yet, or about to stop: no new requests, please."""

    @property
    def in_hand(self) -> int:
        """Requests that were not answered yet."""
        return len(self._in_hand)

    def run_in(self, group: anyio.abc.TaskGroup) -> None:
        """Where handlers run."""
        self._group = group

    def read(self, message: wire.Message, age_ms: int) -> None:
        """A request, or what became of one."""
        match message:
            case wire.Ask():
                known = (message.caller, message.id) in self._in_hand
                if age_ms < message.left_ms and self._group is not None and not known:
                    scope = anyio.CancelScope()
                    self._in_hand[message.caller, message.id] = scope
                    self._group.start_soon(self._answer, message, age_ms, scope)
            case wire.Cancel():
                self._stop((message.caller, number) for number in message.ids)
            case wire.Still():
                unknown = [n for n in message.ids if (message.caller, n) not in self._in_hand]
                if unknown:
                    self._mail.drop(message.caller, wire.Lost(tuple(unknown)))
            case _:
                pass

    def gone(self, callers: Iterable[str]) -> None:
        """These processes are given up: nobody waits for what they asked."""
        dead = frozenset(callers)
        self._stop([key for key in self._in_hand if key[0] in dead])

    def stop_all(self) -> None:
        """Our inbox is lost, and callers give us up."""
        self._stop(list(self._in_hand))

    def _stop(self, keys: Iterable[Key]) -> None:
        for key in keys:
            if key in self._in_hand:
                self._in_hand[key].cancel()

    async def _answer(self, ask: wire.Ask, age_ms: int, scope: anyio.CancelScope) -> None:
        """Handle one request, and tell how that went."""
        key, reply = (ask.caller, ask.id), None
        scope.deadline = anyio.current_time() + (ask.left_ms - age_ms) / 1_000
        try:
            with scope, structlog.contextvars.bound_contextvars(**ask.about):
                reply = await self._handled(ask)
            if reply is not None:
                await self._mail.insist(ask.caller, reply)
        except OrchestraError as away:
            log.warning("requests.answer_lost", subject=ask.subject, reason=away.code)
        finally:
            if self._in_hand.get(key) is scope:
                del self._in_hand[key]

    async def _handled(self, ask: wire.Ask) -> wire.Message:
        served = self.subjects.get(ask.subject)
        try:
            if served is None:
                nobody = NobodyServes("this process does not do that", subject=ask.subject)
                return wire.Refused(ask.id, refusal_of(nobody))
            if served.in_hand >= served.concurrency * (1 + WAITING_MAX):
                busy = TooMany("too many requests are waiting here", retry_after_ms=1_000)
                return wire.Refused(ask.id, refusal_of(busy))
            served.in_hand += 1
            try:
                async with served.turn:
                    return await self._made(served, ask)
            finally:
                served.in_hand -= 1
        except OrchestraError as error:
            return wire.Refused(ask.id, refusal_of(error))
        except Exception as error:  # the outermost edge: the caller is told that it failed
            log.exception("requests.handler_failed", subject=ask.subject)
            return wire.Refused(ask.id, refusal_of(error))

    async def _made(self, served: Served, ask: wire.Ask) -> wire.Message:
        data = served.decode(ask.body)
        if served.parts is not None:
            count = 0

            async def send(body: bytes) -> None:
                nonlocal count
                await self._mail.insist(ask.caller, wire.Part(ask.id, count, body))
                count += 1

            await served.parts(data, send)
            return wire.Answer(ask.id)
        assert served.whole is not None
        body = msgspec.json.encode(await served.whole(data))
        if len(body) > wire.BYTES_MAX:
            raise RequestTooLarge("the answer is too large", limit_bytes=wire.BYTES_MAX)
        return wire.Answer(ask.id, body)
