"""Requests of one process: wiring and lifetime. Every process has them, whatever its modules."""

import os
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

import anyio
import msgspec
import structlog
from litestar.types import ControllerRouterHandler

from orchestra import __version__
from orchestra.bus.requests import (
    ASKING,
    AnswerLate,
    Asking,
    Handler,
    Hint,
    PartsHandler,
    Process,
    wire,
)
from orchestra.bus.requests.calling import Caller, Wish
from orchestra.bus.requests.directory import Directory, hinted
from orchestra.bus.requests.mail import BEAT_S, Mail
from orchestra.bus.requests.serving import Served, Server
from orchestra.clock import Clock, Random
from orchestra.store.client import Store
from orchestra.store.failures import NotReplicated, StoreAway, StoreFull

log = structlog.get_logger(__name__)

T = TypeVar("T")
D = TypeVar("D")
DRAIN_POLL_S: Final = 0.02
_TROUBLE: Final = (StoreAway, StoreFull, NotReplicated)


class RequestsModule:
    """`Requests`, and a `Module`. It starts first: others ask with it."""

    name = "requests"
    routes: Sequence[ControllerRouterHandler] = ()

    def __init__(
        self, store: Store, clock: Clock, chance: Random, modules: Sequence[str],
        drain_s: float = 30.0, *, round_trip: bool = False,
    ) -> None:  # fmt: skip
        self._clock, self._drain_s, self._round_trip = clock, drain_s, round_trip
        self._mail = Mail(store, clock, chance, self._read)
        self._directory = Directory()
        self._caller = Caller(self._mail, self._directory, clock, self._look)
        self._server = Server(self._mail)
        self._hints: dict[str, Hint] = {}
        self._told = ""
        self._about = Process(
            "", socket.gethostname(), os.getpid(), __version__, tuple(modules), clock.now_ms()
        )
        self.hints, self.processes = self._directory.hints, self._directory.processes

    async def request(
        self, subject: str, data: msgspec.Struct, reply: type[T], timeout_ms: int,
        wish: Asking = ASKING,
    ) -> T:  # fmt: skip
        """See `Requests.request`."""
        served = self._server.subjects.get(subject)
        if served is not None:
            return await self._directly(served, data, reply, timeout_ms)
        until = self._clock.monotonic() + timeout_ms / 1_000
        body = await self._caller.ask(Wish(subject, msgspec.json.encode(data), until, wish))
        return msgspec.json.decode(body, type=reply)

    def request_parts(
        self, subject: str, data: msgspec.Struct, timeout_ms: int, wish: Asking = ASKING
    ) -> AsyncGenerator[bytes, None]:
        """See `Requests.request_parts`. For what is served elsewhere."""
        until = self._clock.monotonic() + timeout_ms / 1_000
        body = msgspec.json.encode(data)
        return self._caller.parts(Wish(subject, body, until, wish, many=True))

    def serve(
        self, subject: str, takes: type[D], handler: Handler[D, msgspec.Struct],
        concurrency: int = 64,
    ) -> None:  # fmt: skip
        """See `Requests.serve`."""
        self._server.subjects[subject] = Served(takes, handler, None, concurrency)

    def serve_parts(
        self, subject: str, takes: type[D], handler: PartsHandler[D], concurrency: int = 64
    ) -> None:
        """See `Requests.serve_parts`."""
        self._server.subjects[subject] = Served(takes, None, handler, concurrency)

    def hint(self, subject: str, name: str, tell: Hint) -> None:
        """See `Requests.hint`."""
        assert subject in self._server.subjects
        self._hints[name] = tell

    def served(self, subject: str) -> bool:
        """See `Requests.served`."""
        return subject in self._server.subjects or bool(self._directory.providers(subject))

    async def open(self) -> None:
        """All modules are up: tell that their subjects are served."""
        self._server.closed = False
        await self._beat()

    async def close(self) -> None:
        """Take no new requests. Safe to repeat."""
        self._server.closed = True
        await self._beat()

    def now_ms(self) -> int:
        """The store's clock, as of the last look."""
        return self._mail.now_ms()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Others are known, and may be asked, for the duration of the block."""
        await self._mail.open()
        async with anyio.create_task_group() as group:
            self._server.run_in(group)
            await self._beat()
            group.start_soon(self._mail.serve)
            group.start_soon(self._keep)
            try:
                with self._mail.understudy():
                    yield
            finally:
                group.cancel_scope.cancel()
                await self._mail.leave()

    async def quiesce(self) -> None:
        """Answer what there is: the last thing, when other modules take nothing new any more."""
        until = self._clock.monotonic() + self._drain_s
        while self._server.in_hand and self._clock.monotonic() < until:
            await self._clock.sleep(DRAIN_POLL_S)

    async def check(self) -> None:
        """As well as the store, which is checked by itself."""

    async def _directly(
        self, served: Served, data: msgspec.Struct, reply: type[T], timeout_ms: int
    ) -> T:
        assert served.whole is not None
        given: Any = data
        if self._round_trip:
            given = served.decode(msgspec.json.encode(data))
        try:
            with anyio.fail_after(timeout_ms / 1_000):
                made: Any = await served.whole(given)
        except TimeoutError:
            raise AnswerLate("no answer in time") from None
        return (
            msgspec.json.decode(msgspec.json.encode(made), type=reply) if self._round_trip else made
        )

    async def _keep(self) -> None:
        """Until cancelled: beat, and see to what the others' silence means."""
        while True:
            await self._clock.sleep(BEAT_S)
            await self._beat()
            self._caller.remind()

    async def _beat(self) -> None:
        try:
            reply = await self._mail.beat(self._process())
            if reply is None:
                log.warning("requests.inbox_lost")
                self._caller.lose_all()
                self._server.stop_all()
                await self._mail.open()
                reply = await self._mail.beat(self._process())
        except _TROUBLE as away:
            log.debug("requests.not_beaten", reason=away.code)
            return
        if reply is not None:
            self._heard(reply)

    async def _look(self) -> None:
        self._heard(await self._mail.look())

    def _heard(self, reply: Sequence[Any]) -> None:
        gone = self._directory.look(reply, self._clock.monotonic())
        if gone:
            log.info("process.gone", count=len(gone))
            self._caller.gone(gone)
            self._server.gone(gone)
        told = repr([(one.session, one.subjects) for one in self.processes()])
        if told != self._told:
            self._told = told
            self._caller.changed.set()
            self._caller.changed = anyio.Event()

    def _process(self) -> bytes:
        open_now = not self._server.closed
        subjects = tuple(sorted(self._server.subjects)) if open_now else ()
        hints = {name: hinted(tell()) for name, tell in self._hints.items()}
        return msgspec.json.encode(
            msgspec.structs.replace(
                self._about, session=self._mail.session, subjects=subjects, hints=hints
            )
        )

    def _read(self, message: wire.Message, age_ms: int) -> None:
        if isinstance(message, wire.Ask | wire.Cancel | wire.Still):
            self._server.read(message, age_ms)
        else:
            self._caller.read(message)
