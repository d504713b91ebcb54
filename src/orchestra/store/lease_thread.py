"""Renews the lease from a thread and over connections of its own, so a busy loop keeps it."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Any, Protocol

import hiredis
import structlog

from orchestra.errors import OrchestraError
from orchestra.store.endpoints import Access, Address, tls_context
from orchestra.store.failures import MOVED, NoScript, NotSent, failure
from orchestra.store.leases import PULSE_S, RENEW_S, RETRY_S, Beat, LeaseClock
from orchestra.store.mux import Word, pack
from orchestra.store.partitions import slot
from orchestra.store.primaries import Primaries
from orchestra.store.scripts import Script

log = structlog.get_logger(__name__)

_TIMEOUT_S = 1.0


class Holder(Protocol):
    """Who works under the lease. Everything is called on the event loop."""

    def beaten(self, tag: int, held: int, stopped: list[str]) -> None:
        """A renewal was answered: how many steps the store says we hold, and what to stop."""
        ...

    def fence(self, tag: int | None = None) -> None:
        """The lease may be over in a partition, or everywhere: stop every call there."""
        ...


class Line:
    """A blocking connection. Any failure is an OSError, and the line is then of no more use."""

    def __init__(self, address: Address, access: Access, name: str) -> None:
        self._reader = hiredis.Reader(replyError=failure)
        self._socket = _connect(address, access)
        try:
            hello = access.hello(name)
            self.send(hello)
            for reply in self.receive(len(hello)):
                if isinstance(reply, Exception):
                    raise ConnectionRefusedError(str(reply))
        except OSError:
            self.close()
            raise

    def send(self, commands: Iterable[tuple[Word, ...]]) -> None:
        self._socket.sendall(b"".join(map(pack, commands)))

    def receive(self, count: int) -> list[Any]:
        replies: list[Any] = []
        while True:
            while (reply := self._reader.gets()) is not False:
                replies.append(reply)
            if len(replies) >= count:
                return replies
            if not (data := self._socket.recv(65_536)):
                raise ConnectionResetError("the store closed the connection")
            self._reader.feed(data)

    def close(self) -> None:
        self._socket.close()


class LeaseThread:
    """Runs until `stop`. `tell` is handed every call for the loop, from this thread."""

    def __init__(
        self,
        lease: LeaseClock,
        beat: Script,
        prefix: Callable[[int], str],
        primaries: Primaries,
        monotonic: Callable[[], float],
    ) -> None:
        self._lease, self._script, self._prefix = lease, beat, prefix
        self._primaries, self._monotonic = primaries, monotonic
        self._loop = asyncio.get_running_loop()
        self._holder: Holder | None = None
        self._lines: dict[Address, Line] = {}
        self._wake = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="orchestra-lease", daemon=True)

    def start(self, holder: Holder) -> None:
        """Begin. `holder` hears of every renewal and of every loss."""
        self._holder = holder
        self._thread.start()

    def stop(self) -> None:
        """End and wait for it: at most as long as one answer of the store. Safe to repeat."""
        self._stopping = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(2 * _TIMEOUT_S)

    def _run(self) -> None:
        while not self._stopping:
            self._wake.clear()
            started = self._monotonic()
            whole = self._round()
            self._report()
            rest = (RENEW_S if whole else RETRY_S) - (self._monotonic() - started)
            if rest > 0:
                self._wake.wait(rest)
        for line in self._lines.values():
            line.close()

    def _round(self) -> bool:
        """One renewal everywhere. False when some partition was not renewed."""
        places: dict[Address | None, list[int]] = {}
        for tag in self._lease.partitions:
            places.setdefault(self._primaries.address(slot(self._prefix(tag))), []).append(tag)
        whole = places.pop(None, None) is None
        known = {address: tags for address, tags in places.items() if address in self._lines}
        fresh = {address: tags for address, tags in places.items() if address not in self._lines}
        # Those that answered last time go first: a dead primary must not cost the others' lease.
        for address, tags in (*known.items(), *fresh.items()):
            assert address is not None
            whole &= self._renew_at(address, tags)
        return whole

    def _renew_at(self, address: Address, tags: Sequence[int]) -> bool:
        requests = [(tag, args) for tag in tags if (args := self._lease.request(tag))]
        if not requests:
            return True
        script = self._script
        commands: list[tuple[Word, ...]] = [
            ("EVALSHA", script.sha, 1, self._prefix(tag), b"", *script.argv(args))
            for tag, args in requests
        ]
        try:
            line = self._lines.get(address)
            if line is None:
                access = self._primaries.location.access
                line = self._lines[address] = Line(address, access, "orchestra-lease")
            sent_s = self._monotonic()
            line.send(commands)
            replies = line.receive(len(commands))
            if any(isinstance(reply, NoScript) for reply in replies):
                # None of them ran but the ones that did, and renewing twice is harmless.
                line.send([("EVAL", script.source, *command[2:]) for command in commands])
                replies = line.receive(len(commands))
        except OSError as error:
            log.debug("lease.not_renewed", reason=str(error))
            if (line := self._lines.pop(address, None)) is not None:
                line.close()
            return False
        return self._take(requests, sent_s, replies)

    def _take(
        self, requests: list[tuple[int, dict[str, Any]]], sent_s: float, replies: list[Any]
    ) -> bool:
        whole = True
        for (tag, args), reply in zip(requests, replies, strict=True):
            if isinstance(reply, OrchestraError):
                whole = False
                if isinstance(reply, NotSent) and reply.reason in MOVED:
                    self._tell(self._primaries.suspect)
                continue
            beat = self._lease.answered(tag, str(args["session"]), sent_s, reply)
            if beat is not None:
                self._tell(self._hear, beat)
        return whole

    def _report(self) -> None:
        """Say once what is lost: one partition, or the session with everything it held."""
        if self._lease.expired:
            self._tell(self._expire, self._lease.session)
        else:
            for tag in self._lease.lost():
                self._tell(self._fence, tag)

    def _tell(self, call: Callable[..., None], *args: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to tell
            self._loop.call_soon_threadsafe(call, *args)

    # On the event loop

    def _hear(self, beat: Beat) -> None:
        if self._holder is not None:
            self._holder.beaten(beat.tag, beat.held, list(beat.stopped))

    def _fence(self, tag: int) -> None:
        log.warning("lease.fenced", partition=tag)
        if self._holder is not None:
            self._holder.fence(tag)

    def _expire(self, session: str) -> None:
        if session != self._lease.session:
            return
        log.warning("session.expired", session=session)
        if self._holder is not None:
            self._holder.fence(None)
        self._lease.renew()
        self._wake.set()


@contextlib.asynccontextmanager
async def keeping(thread: LeaseThread, lease: LeaseClock, holder: Holder) -> AsyncIterator[None]:
    """The lease is renewed for the duration of the block, as long as this loop turns."""

    async def pulse() -> None:
        while True:
            lease.pulse()
            await asyncio.sleep(PULSE_S)

    task = asyncio.create_task(pulse())
    thread.start(holder)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await asyncio.to_thread(thread.stop)


def _connect(address: Address, access: Access) -> socket.socket:
    if address.path:
        line = socket.socket(socket.AF_UNIX)
        line.settimeout(_TIMEOUT_S)
        try:
            line.connect(address.path)
        except OSError:
            line.close()
            raise
        return line
    line = socket.create_connection((address.host, address.port), timeout=_TIMEOUT_S)
    if access.tls:
        return tls_context(access).wrap_socket(line, server_hostname=address.host)
    return line
