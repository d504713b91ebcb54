"""The asking side: who is asked, what is waited for, and what a lost process means."""

from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

import anyio

from orchestra.bus.requests import (
    AnswerLate,
    Asking,
    NobodyServes,
    ProviderLost,
    RequestTooLarge,
    wire,
)
from orchestra.bus.requests.directory import Directory
from orchestra.bus.requests.mail import Mail
from orchestra.bus.requests.refusals import error_of
from orchestra.clock import Clock
from orchestra.errors import TooMany

IN_FLIGHT_MAX: Final = 10_000
PARTS_MAX_BYTES: Final = 8 * 1024 * 1024
"""Parts of one answer that were not taken yet."""
Look = Callable[[], Awaitable[None]]
"""Has the directory renewed at once."""
STILL_S: Final = 5.0
"""Whoever has had a request for so long is asked whether he still has it."""


@dataclass(slots=True)
class Wish:
    """A request, as it is sent again and again. `until` is by the monotonic clock."""

    subject: str
    body: bytes
    until: float
    how: Asking
    many: bool = False
    lost: int = 0


@dataclass(slots=True)
class Waiting:
    """A request on its way. `to` has it."""

    to: str
    since: float
    news: anyio.Event = field(default_factory=anyio.Event)
    end: wire.Answer | wire.Refused | None = None
    lost: bool = False
    parts: deque[bytes] = field(default_factory=deque[bytes])
    parts_bytes: int = 0
    n: int = 0

    @property
    def over(self) -> bool:
        """Nothing more comes."""
        return self.lost or self.end is not None


class Caller:
    """Requests of this process to others."""

    def __init__(self, mail: Mail, directory: Directory, clock: Clock, look: Look) -> None:
        self._mail, self._directory, self._clock, self._look = mail, directory, clock, look
        self._waiting: dict[int, Waiting] = {}
        self._asked: dict[str, int] = {}
        self._next = 0
        self.changed = anyio.Event()
        """Set, and replaced, whenever somebody new serves something."""

    async def ask(self, wish: Wish) -> bytes:
        """The answer. Raises as `Requests.request`."""
        while True:
            number, waiting = await self._sent(wish)
            try:
                with anyio.move_on_after(max(0.0, wish.until - self._clock.monotonic())):
                    await waiting.news.wait()
            finally:
                self._done(number, waiting)
            if isinstance(waiting.end, wire.Answer):
                return waiting.end.body
            self._judge(wish, waiting)

    async def parts(self, wish: Wish) -> AsyncGenerator[bytes, None]:
        """The parts of the answer. Raises as `Requests.request_parts`."""
        told = 0
        while True:
            number, waiting = await self._sent(wish)
            try:
                while waiting.parts or not waiting.over:
                    if not waiting.parts:
                        waiting.news = anyio.Event()
                        with anyio.fail_after(max(0.0, wish.until - self._clock.monotonic())):
                            await waiting.news.wait()
                        continue
                    part = waiting.parts.popleft()
                    waiting.parts_bytes -= len(part)
                    told += 1
                    yield part
            except TimeoutError:
                raise AnswerLate("no answer in time", subject=wish.subject) from None
            finally:
                self._done(number, waiting)
            if isinstance(waiting.end, wire.Answer):
                return
            if waiting.lost and told:
                raise ProviderLost("the process that answered is gone", subject=wish.subject)
            self._judge(wish, waiting)

    # what others tell

    def read(self, message: wire.Message) -> None:
        """An answer, or a part of one. What nobody waits for any more is dropped."""
        match message:
            case wire.Answer() | wire.Refused():
                waiting = self._waiting.get(message.id)
                if waiting is not None:
                    waiting.end = message
                    waiting.news.set()
            case wire.Part():
                self._part(message)
            case wire.Lost():
                self._lose(message.ids)
            case _:
                pass

    def _part(self, part: wire.Part) -> None:
        waiting = self._waiting.get(part.id)
        if waiting is None or part.n < waiting.n:
            return  # a repeat, or nobody waits
        if part.n > waiting.n or waiting.parts_bytes > PARTS_MAX_BYTES:
            self._lose((part.id,))  # one is missing, or they are not taken
            return
        waiting.n += 1
        waiting.parts.append(part.body)
        waiting.parts_bytes += len(part.body)
        waiting.news.set()

    def gone(self, sessions: Iterable[str]) -> None:
        """These processes are given up. Should one live, it need not go on."""
        dead = frozenset(sessions)
        lost = [number for number, one in self._waiting.items() if one.to in dead]
        for to in dead:
            ids = tuple(number for number in lost if self._waiting[number].to == to)
            if ids:
                self._mail.drop(to, wire.Cancel(self._mail.session, ids))
        self._lose(lost)

    def lose_all(self) -> None:
        """Our inbox is lost, and with it every answer."""
        self._lose(tuple(self._waiting))

    def remind(self) -> None:
        """Ask after what takes long: a store that failed over may have lost it, or its answer."""
        now, old = self._clock.monotonic(), dict[str, list[int]]()
        for number, waiting in self._waiting.items():
            if now - waiting.since > STILL_S:
                waiting.since = now
                old.setdefault(waiting.to, []).append(number)
        for to, numbers in old.items():
            self._mail.drop(to, wire.Still(self._mail.session, tuple(numbers)))

    def _lose(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            waiting = self._waiting.get(number)
            if waiting is not None:
                waiting.lost = True
                waiting.news.set()

    # one try

    async def _sent(self, wish: Wish) -> tuple[int, Waiting]:
        """A request that is in somebody's inbox, or may be. Raises as `ask`."""
        if len(wish.body) > wire.BYTES_MAX:
            raise RequestTooLarge("the request is too large", limit_bytes=wire.BYTES_MAX)
        if len(self._waiting) >= IN_FLIGHT_MAX:
            raise TooMany("too many requests are waiting for answers", retry_after_ms=1_000)
        patient_until = min(wish.until, self._clock.monotonic() + wish.how.wait_ms / 1_000)
        while True:
            to = await self._provider(wish.subject, patient_until)
            self._next += 1
            number, waiting = self._next, Waiting(to, self._clock.monotonic())
            self._waiting[number] = waiting
            self._asked[to] = self._asked.get(to, 0) + 1
            try:
                posted = await self._mail.post(to, self._message(number, wish))
            except BaseException:
                self._done(number, waiting)
                raise
            if posted is not False:
                return number, waiting
            self._done(number, waiting)
            self._directory.gone(to)

    def _message(self, number: int, wish: Wish) -> wire.Ask:
        left_ms = max(1, round((wish.until - self._clock.monotonic()) * 1_000))
        return wire.Ask(
            number, self._mail.session, wish.subject, left_ms, wish.body, wish.many,
            dict(wish.how.about),
        )  # fmt: skip

    async def _provider(self, subject: str, until: float) -> str:
        """Whoever has the least to do for us. Raises NobodyServes at `until`."""
        looked = False
        while True:
            found = self._directory.providers(subject)
            if found:
                return min(found, key=lambda one: self._asked.get(one, 0))
            left_s = until - self._clock.monotonic()
            if looked and left_s <= 0:
                raise NobodyServes("no process that does this is running now", subject=subject)
            if not looked:
                looked = True
                await self._look()
                continue
            with anyio.move_on_after(left_s):
                await self.changed.wait()

    def _done(self, number: int, waiting: Waiting) -> None:
        """It is not waited for any more. Safe to repeat."""
        if self._waiting.pop(number, None) is None:
            return
        left = self._asked[waiting.to] - 1
        if left:
            self._asked[waiting.to] = left
        else:
            del self._asked[waiting.to]
        if not waiting.over:
            self._mail.drop(waiting.to, wire.Cancel(self._mail.session, (number,)))

    def _judge(self, wish: Wish, waiting: Waiting) -> None:
        """Raise, or return to send it again."""
        if isinstance(waiting.end, wire.Refused):
            raise error_of(waiting.end.why)
        if not waiting.lost:
            raise AnswerLate("no answer in time", subject=wish.subject)
        wish.lost += 1
        if not wish.how.repeatable or wish.lost >= wish.how.losses_max:
            told = "the process that had the request is gone"
            raise ProviderLost(told, subject=wish.subject, times=wish.lost)
        if wish.until <= self._clock.monotonic():
            raise AnswerLate("no answer in time", subject=wish.subject)
