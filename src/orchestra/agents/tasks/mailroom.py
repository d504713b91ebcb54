"""Waiting for answers that reach the store, by way of whichever replica they came to.

Scripts write them into a stream for the replica that waits: one a place (a pool or a partition).
One loop a place reads it: at once when somebody says that there is something, else every 250 ms.
"""

from typing import Any

import anyio
import anyio.abc
import msgspec
import structlog

from orchestra.agents.providers import Emit
from orchestra.agents.tasks.post import Post
from orchestra.clock import Clock
from orchestra.errors import OrchestraError
from orchestra.store.client import Store
from orchestra.store.scripts import load_scripts

log = structlog.get_logger(__name__)

LOOK_S = 0.25
PAGE = 128

_decode = msgspec.json.Decoder().decode


class Waiter:
    """One attempt that somebody waits for. `said` is the result as it was posted, when it came."""

    __slots__ = ("_changed", "_clock", "emit", "heard", "lost", "said")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._changed = anyio.Event()
        self.emit: Emit | None = None
        self.said: object = None
        self.lost = False
        self.heard = clock.monotonic()

    @property
    def over(self) -> bool:
        """Whether there is nothing more to wait for."""
        return self.lost or self.said is not None

    async def news(self, timeout_s: float) -> None:
        """Until something was heard, or the time is over."""
        with anyio.move_on_after(max(timeout_s, 0)):
            await self._changed.wait()
        self._changed = anyio.Event()

    def take(self, kind: str, text: bytes) -> None:
        """One piece of mail: a frame, a sign of life, the result, or that the attempt is lost."""
        self.heard = self._clock.monotonic()
        match kind:
            case "d":
                self.said = _decode(text)
            case "l":
                self.lost = True
            case "f" if self.emit is not None:
                self.emit(_decode(text))
            case _:
                pass
        self._changed.set()


class _Place:
    """Who waits at a place, and how far its mail was read."""

    __slots__ = ("after", "called", "waiting")

    def __init__(self) -> None:
        self.after = b"0-0"
        self.called = anyio.Event()
        self.waiting: dict[str, Waiter] = {}


class Mailroom:
    """Everybody in this replica who waits for an answer by mail. `serve` must run."""

    def __init__(self, store: Store, post: Post, clock: Clock) -> None:
        self._store, self._post, self._clock = store, post, clock
        self._script = load_scripts("orchestra.agents")["task_mail"]
        self._places: dict[str, _Place] = {}
        self._group: anyio.abc.TaskGroup | None = None
        post.on("mail", self._wake)

    async def serve(self) -> None:
        """Read mail where somebody waits for it, until cancelled."""
        async with anyio.create_task_group() as group:
            self._group = group
            try:
                await anyio.sleep_forever()
            finally:
                self._group = None

    def expect(self, place: str, lease: str) -> Waiter:
        """From now on mail about this lease is kept for the waiter."""
        assert self._group is not None, "the mail room is closed"
        found = self._places.get(place)
        if found is None:
            found = self._places[place] = _Place()
            self._group.start_soon(self._read, place, found)
        waiter = found.waiting[lease] = Waiter(self._clock)
        return waiter

    def forget(self, place: str, lease: str) -> None:
        """Nobody waits for it any more. Safe to repeat."""
        found = self._places.get(place)
        if found is not None:
            found.waiting.pop(lease, None)

    async def tell(self, session: str, place: str) -> None:
        """There is mail for the replica of this session."""
        await self._post.send(session, "mail", place)

    def _wake(self, place: str) -> None:
        found = self._places.get(place)
        if found is not None:
            found.called.set()

    async def _read(self, name: str, place: _Place) -> None:
        while place.waiting:
            place.called = anyio.Event()
            found: list[Any] = []
            try:
                found = await self._store.run(
                    self._script, name, session=self._post.session, after=place.after
                )
            except OrchestraError as away:
                log.debug("mail.not_read", error=away.code)
            for entry, fields in found:
                place.after = entry
                _, kind, _, lease, _, text = fields
                waiter = place.waiting.get(lease.decode())
                if waiter is not None:
                    waiter.take(kind.decode(), text)
            if len(found) < PAGE:
                with anyio.move_on_after(LOOK_S):
                    await place.called.wait()
        del self._places[name]
