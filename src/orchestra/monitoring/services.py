"""How the parts of the product are, over all replicas: each tells its own checks, all read them."""

from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, Literal, NamedTuple, cast

import anyio
import msgspec
import structlog

from orchestra.clock import Clock
from orchestra.errors import OrchestraError
from orchestra.instants import instant
from orchestra.instruments import Reading, counter, measure
from orchestra.store import metric_keys
from orchestra.store.client import Store

log = structlog.get_logger(__name__)

Check = Callable[[], Awaitable[None]]
Status = Literal["healthy", "degraded", "unhealthy", "unknown"]

EVERY_S: Final = 5.0
AGAIN_S: Final = 1.0
CHECK_S: Final = 1.0
SILENT_MS: Final = 15_000
GONE_MS: Final = 3_600_000
MISSED_MS: Final = 300_000
"""A replica that is gone for so long is missed no more: somebody knows, or nobody cares."""
SLOW_MS: Final = 250
REPLICAS_MAX: Final = 1_000
CHECKS_KEPT: Final = 20
_SECONDS = counter("orchestra_service_seconds_total", ("service", "status"))
_REPLICAS = measure("orchestra_replicas")
_SILENT = measure("orchestra_replicas_silent")


class Checked(msgspec.Struct, frozen=True):
    """What one check of one replica found."""

    ok: bool
    ms: int
    """The p95 of the last of them."""
    reason: str = ""


class Told(msgspec.Struct, frozen=True):
    """What a replica told last, and since when each part is as it is."""

    at_ms: int
    version: str
    checks: dict[str, Checked]
    since_ms: dict[str, int]


class Service(msgspec.Struct, frozen=True):
    """A part, over all replicas."""

    name: str
    status: Status
    since: str | None
    replicas: int
    detail: str | None


class Standing(NamedTuple):
    """How all are."""

    sessions: Sequence[str]
    """Of the replicas that are alive."""
    services: list[Service]


class Services:
    """Tells how this replica is, and reads how all are."""

    def __init__(
        self, store: Store, clock: Clock, session: str, version: str, checks: Mapping[str, Check]
    ) -> None:
        self._store, self._clock, self._session = store, clock, session
        self._version, self._checks = version, checks
        self._prefix = metric_keys.monitoring(store.space)
        self._key = metric_keys.services(self._prefix)
        self._last: dict[str, bool] = {}
        self._since: dict[str, int] = {}
        self._took: dict[str, deque[int]] = {}
        self._surveyed: float | None = None

    async def serve(self) -> None:
        """Tell every five seconds, sooner while something is wrong, until cancelled."""
        while True:
            try:
                await self.tell()
            except OrchestraError as away:
                log.debug("monitoring.health_not_told", error=away.code)
            await self._clock.sleep(EVERY_S if all(self._last.values()) else AGAIN_S)

    async def tell(self) -> None:
        """Run the checks, and tell what they found. Raises StoreAway."""
        found: dict[str, Checked] = {}
        async with anyio.create_task_group() as group:
            for name, check in self._checks.items():
                group.start_soon(self._run, name, check, found)
        now_ms = self._clock.now_ms()
        for name, checked in found.items():
            if self._last.get(name) != checked.ok:
                self._last[name], self._since[name] = checked.ok, now_ms
        told = Told(now_ms, self._version, found, dict(self._since))
        await self._store.call(
            self._prefix, "HSET", self._key, self._session, msgspec.json.encode(told)
        )

    async def leave(self) -> None:
        """Gone, and nobody need wonder."""
        with anyio.move_on_after(CHECK_S, shield=True):
            try:
                await self._store.call(self._prefix, "HDEL", self._key, self._session)
            except OrchestraError as away:
                log.debug("monitoring.health_not_left", error=away.code)

    async def _run(self, name: str, check: Check, found: dict[str, Checked]) -> None:
        before, reason = self._clock.monotonic(), ""
        try:
            with anyio.fail_after(CHECK_S):
                await check()
        except (OrchestraError, TimeoutError, OSError) as error:
            reason = str(error) or "no answer in time"
        spent_ms = round((self._clock.monotonic() - before) * 1_000)
        took = self._took.setdefault(name, deque(maxlen=CHECKS_KEPT))
        took.append(spent_ms)
        p95_ms = sorted(took)[int(0.95 * (len(took) - 1))]
        found[name] = Checked(not reason, p95_ms, reason[:200])

    async def survey(self) -> Sequence[Reading]:
        """How many replicas there are, and how many are gone without a word. A `Survey`.

        Counts how long each part has been as it is: of that its uptime is made.
        """
        told, now_ms = await self._told(), self._clock.now_ms()
        self._count(self._standing(told, now_ms))
        silent = [now_ms - one.at_ms for one in told.values() if one.at_ms < now_ms - SILENT_MS]
        missed = sum(1 for ms in silent if ms < MISSED_MS)
        return [(_REPLICAS, (), len(told) - len(silent)), (_SILENT, (), missed)]

    def _count(self, standing: Standing) -> None:
        now = self._clock.monotonic()
        since, self._surveyed = self._surveyed, now
        if since is not None and now - since <= SILENT_MS / 1_000:  # else others led meanwhile
            for one in standing.services:
                _SECONDS.add(now - since, one.name, one.status)

    async def read(self) -> Standing:
        """Which replicas are alive, and how each part is. Raises StoreAway."""
        return self._standing(await self._told(), self._clock.now_ms())

    def _standing(self, told: Mapping[str, Told], now_ms: int) -> Standing:
        alive = {name: one for name, one in told.items() if one.at_ms >= now_ms - SILENT_MS}
        known = [name for one in alive.values() for name in one.checks]
        names = list(dict.fromkeys([*self._checks, *known]))
        return Standing(tuple(alive), [_service(name, list(alive.values())) for name in names])

    async def _told(self) -> dict[str, Told]:
        """What each replica told last; those gone for long are forgotten. Raises StoreAway."""
        flat = cast("list[bytes]", await self._store.read(self._prefix, "HGETALL", self._key))
        now_ms = self._clock.now_ms()
        told: dict[str, Told] = {}
        for session, text in zip(flat[::2], flat[1::2], strict=True):
            told[session.decode()] = msgspec.json.decode(text, type=Told)
        gone = [name for name, one in told.items() if one.at_ms < now_ms - GONE_MS]
        if gone or len(told) > REPLICAS_MAX:
            await self._store.call(self._prefix, "HDEL", self._key, *(gone or list(told)[:1]))
        return told


def _service(name: str, alive: Sequence[Told]) -> Service:
    """One part, as those that serve it tell."""
    told = [(one.checks[name], one.since_ms.get(name)) for one in alive if name in one.checks]
    if not told:
        return Service(name, "unknown", None, 0, "nobody has told for 15 s")
    well = [checked for checked, _ in told if checked.ok]
    slow = [checked for checked in well if checked.ms > SLOW_MS]
    reason = next((checked.reason for checked, _ in told if not checked.ok), None)
    status: Status = "healthy"
    if not well:
        status = "unhealthy"
    elif len(well) < len(told) or slow:
        status = "degraded"
        reason = reason or f"the check takes over {SLOW_MS} ms"
    since = max((at for _, at in told if at is not None), default=None)
    return Service(name, status, instant(since) if since else None, len(told), reason)


def worst(services: Sequence[Service]) -> Status:
    """How all of it is."""
    order: Sequence[Status] = ("unhealthy", "degraded", "unknown")
    for status in order:
        if any(one.status == status for one in services):
            return status
    return "healthy"
