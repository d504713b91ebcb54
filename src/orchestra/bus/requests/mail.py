"""Mail: the inbox of this process, and putting messages into those of others."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final

import anyio
import msgspec
import structlog

from orchestra.bus.requests import wire
from orchestra.clock import Clock, Random
from orchestra.store.client import Store
from orchestra.store.failures import ReplyLost, StoreAway
from orchestra.store.keys import installation
from orchestra.store.leases import new_session
from orchestra.store.request_keys import inbox, inbox_prefix
from orchestra.store.scripts import Argument, load_scripts
from orchestra.store.tails import START, Raw, Tail, entries

log = structlog.get_logger(__name__)

BEAT_S: Final = 1.0
INBOX_TTL_MS: Final = 60_000
LATE_S, HANGS_S = 1.5, 10.0
"""A loop that has not beaten for so long is helped; after so long it is as good as dead."""
KEEP_MS: Final = 15_000
"""Who was not heard of for so long is no longer in the list."""

Read = Callable[[wire.Message, int], None]
"""Gets a message, and for how many milliseconds it lay in the store. Quick; must not raise."""


class Mail:
    """One process's. `session` is its name; a new one when its inbox was lost."""

    def __init__(self, store: Store, clock: Clock, chance: Random, read: Read) -> None:
        self._store, self._clock, self._chance, self._read = store, clock, chance, read
        self._scripts = load_scripts(__package__ or "", prelude=False)
        self._meta = installation(store.space)
        self._tail = Tail(self._arrived)
        self._behind_s = 0.0
        self._beaten_s = clock.monotonic()
        self._last: Mapping[str, Argument] | None = None
        self.session = new_session(chance)

    async def open(self) -> None:
        """Make the inbox, under a new name. Raises StoreAway."""
        self._tail.forget(list(self._tail.positions))
        self.session = new_session(self._chance)
        prefix, key = self._place(self.session)
        await self._keep(prefix, "")
        self._tail.follow(key, START)

    async def serve(self) -> None:
        """Until cancelled: read."""
        await self._store.tail(self._tail)

    async def beat(self, about: bytes) -> Sequence[Any] | None:
        """Tell that we live, and hear who else does. None: our inbox is lost. Raises StoreAway."""
        prefix, key = self._place(self.session)
        if not await self._keep(prefix, self._tail.positions.get(key, START)):
            return None
        return await self._look(self.session, about)

    async def look(self) -> Sequence[Any]:
        """Who lives, asked out of turn. Raises StoreAway."""
        return await self._look("", b"")

    def understudy(self) -> AbstractContextManager[None]:
        """For the duration of the block: a loop that is busy for seconds is not taken for dead."""
        return self._store.understudy(self._scripts["process_beat"], self._meta, self._late_beat)

    def _late_beat(self) -> Mapping[str, Argument] | None:
        """The last beat again, when the loop is late with the next one. From another thread."""
        silent_s = self._clock.monotonic() - self._beaten_s
        return self._last if LATE_S < silent_s < HANGS_S else None

    def now_ms(self) -> int:
        """The store's clock, as of the last look."""
        return int((self._clock.monotonic() + self._behind_s) * 1_000)

    async def leave(self) -> None:
        """Say goodbye: callers need not wait for the lease. At most a second."""
        self._last = None
        prefix, key = self._place(self.session)
        try:
            with anyio.move_on_after(1.0, shield=True):
                await self._store.call(self._meta, "HDEL", self._meta + "srv", self.session)
                await self._store.call(prefix, "DEL", key)
        except StoreAway:
            log.debug("requests.not_left")

    async def post(self, to: str, message: wire.Message) -> bool | None:
        """Put a message into an inbox, once. False: there is no such inbox. None: it may be there.

        Raises StoreAway, StoreFull: it is not there.
        """
        words = self._words(to, message)

        async def once() -> bool | None:
            try:
                return await self._store.call(*words) is not None
            except ReplyLost:
                return None

        return await self._store.insist(once)

    async def insist(self, to: str, message: wire.Message) -> bool:
        """The same until it is known to be there. It may be there twice. Raises StoreAway."""
        words = self._words(to, message)

        async def once() -> bool:
            return await self._store.call(*words) is not None

        return await self._store.insist(once)

    def drop(self, to: str, message: wire.Message) -> None:
        """Put a message into an inbox; nobody waits, and nobody minds when it does not arrive."""
        self._store.call(*self._words(to, message)).add_done_callback(_ignored)

    def _words(self, to: str, message: wire.Message) -> tuple[str, str, str, str, str, str, bytes]:
        prefix, key = self._place(to)
        return prefix, "XADD", key, "NOMKSTREAM", "*", "m", wire.encode(message)

    async def _look(self, session: str, about: bytes) -> Sequence[Any]:
        words: dict[str, Argument] = {"session": session, "about": about}
        words |= {"keep_ms": KEEP_MS, "ttl_ms": INBOX_TTL_MS}
        reply: Sequence[Any] = await self._store.run(
            self._scripts["process_beat"], self._meta, **words
        )
        if session:
            self._beaten_s, self._last = self._clock.monotonic(), words
        self._behind_s = int(reply[0]) / 1_000 - self._clock.monotonic()
        return reply

    async def _keep(self, prefix: str, read: str) -> bool:
        kept = await self._store.run(
            self._scripts["inbox_keep"], prefix,
            session=self.session, ttl_ms=INBOX_TTL_MS, read=read,
        )  # fmt: skip
        return bool(kept)

    def _place(self, session: str) -> tuple[str, str]:
        prefix = inbox_prefix(session, self._store.partitions, self._store.space)
        return prefix, inbox(prefix, session)

    def _arrived(self, _key: str, found: Sequence[Raw]) -> None:
        now_ms = self.now_ms()
        for position, fields in entries(found):
            content = fields.get("m")
            if not content:
                continue
            try:
                message = wire.decode(content)
            except msgspec.DecodeError:
                log.warning("requests.unreadable")
                continue
            self._read(message, max(0, now_ms - int(position.partition("-")[0])))


def _ignored(future: Any) -> None:
    """Take note of how it ended: else the loop names each that nobody asked."""
    if not future.cancelled():
        future.exception()
