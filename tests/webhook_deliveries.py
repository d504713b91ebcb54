"""Deliveries without HTTP in front: endpoints, a bus, receivers, and time that is ours."""

import heapq
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
import msgspec
from store_time import passes

from orchestra.bus import Draft, Event
from orchestra.bus.events.published import Published
from orchestra.bus.events.reading import Events, Wanted
from orchestra.bus.limits import LIMITS
from orchestra.bus.webhooks.attempts import Attempt
from orchestra.bus.webhooks.delivery import Beside, DeliveryParts
from orchestra.bus.webhooks.endpoints import Endpoints
from orchestra.bus.webhooks.records import Endpoint, SigningKey
from orchestra.bus.webhooks.sending import Answer, Post
from orchestra.bus.webhooks.signing import Key, new_key
from orchestra.clock import Clock, Ids, SystemClock, system_random
from orchestra.security.secrets import Secrets
from orchestra.store.client import Store
from orchestra.store.keys import DEFAULT_TENANT, Tenant
from orchestra.workflows.expressions.filters import EventFilters

MASTER = b"k" * 48


class VirtualClock:
    """Stands still until it is moved; who sleeps wakes when its time has come. So does the store's
    clock, which is moved with it.
    """

    def __init__(self, store: Store) -> None:
        self._store, self._base = store, SystemClock()
        self._offset_ms = 0
        self._sleeping: list[tuple[float, int, anyio.Event]] = []
        self._n = 0

    def now_ms(self) -> int:
        """The machine's clock, and what it was moved by."""
        return self._base.now_ms() + self._offset_ms

    def monotonic(self) -> float:
        """Seconds it was moved by, and little more."""
        return self._offset_ms / 1_000

    async def sleep(self, seconds: float) -> None:
        """Until it was moved so far."""
        self._n += 1
        entry = (self.monotonic() + seconds, self._n, anyio.Event())
        heapq.heappush(self._sleeping, entry)
        try:
            await entry[2].wait()
        finally:
            if entry in self._sleeping:
                self._sleeping.remove(entry)
                heapq.heapify(self._sleeping)

    @property
    def sleepers(self) -> int:
        """How many wait for time to pass."""
        return len(self._sleeping)

    async def advance(self, seconds: float) -> None:
        """Move it, and the store's."""
        self._offset_ms += round(seconds * 1_000)
        await passes(self._store, round(seconds * 1_000))
        while self._sleeping and self._sleeping[0][0] <= self.monotonic() + 1e-6:
            heapq.heappop(self._sleeping)[2].set()


@dataclass
class Got:
    """A request that a receiver got."""

    url: str
    headers: Mapping[str, str]
    body: bytes
    at: float

    @property
    def id(self) -> str:
        """Of the delivery."""
        return self.headers["webhook-id"]

    @property
    def json(self) -> Any:
        """The body."""
        return msgspec.json.decode(self.body)


@dataclass
class Receivers:
    """A `Post` whose receivers are functions. Without one it answers 200."""

    clock: Clock
    answers: dict[str, Callable[[Got], Awaitable[Answer]]] = field(default_factory=dict[str, Any])
    got: list[Got] = field(default_factory=list[Got])
    in_flight: int = 0
    most: int = 0

    async def __call__(
        self, url: str, headers: Mapping[str, str], body: bytes, timeout_s: float
    ) -> Answer:
        """See `Post`. `timeout_s` is for the receivers to keep."""
        got = Got(url, headers, body, self.clock.monotonic())
        self.got.append(got)
        self.in_flight += 1
        self.most = max(self.most, self.in_flight)
        try:
            answer = self.answers.get(url)
            return await answer(got) if answer else Answer(200)
        finally:
            self.in_flight -= 1

    def of(self, url: str) -> list[Got]:
        """What went there."""
        return [one for one in self.got if one.url == url]


@dataclass
class Delivering:
    """One replica's deliveries."""

    store: Store
    endpoints: Endpoints
    parts: DeliveryParts
    published: Published
    key: Key

    async def endpoint(self, name: str = "a", **given: Any) -> Endpoint:
        """One more."""
        tenant = given.pop("tenant", DEFAULT_TENANT)
        url = given.pop("url", f"http://{name}.test/")
        blank = Endpoint(f"whk_{name}", tenant, name, url, **given)
        kept = await self.endpoints.sealed(blank, self.key, SigningKey("sgk_1", b""))
        return await self.endpoints.create(msgspec.structs.replace(blank, secrets=(kept,)))

    async def happens(
        self, n: int, key: str = "k", kind: str = "thing.happened", tenant: Tenant = DEFAULT_TENANT
    ) -> Event:
        """An event that was published, and is handled once."""
        data = msgspec.Raw(msgspec.json.encode({"n": n}))
        event = await self.event(Draft(tenant, kind, "test", key, data, "api"))
        await self.parts.handle(event)
        return event

    async def event(self, draft: Draft) -> Event:
        """An event that was published."""
        event_id = await self.published.publish(draft)
        return await Events(self.store, [self.published]).one(draft.tenant, event_id)

    async def told(self, kind: str, tenant: Tenant = DEFAULT_TENANT) -> list[Event]:
        """Events of a type that were published by anybody."""
        found, _ = await Events(self.store, [self.published]).page(
            tenant, Wanted((kind,)), 100, None
        )
        return found

    async def attempts(self, endpoint: Endpoint) -> list[Attempt]:
        """The log, the oldest first."""
        found, _ = await self.parts.log.page(endpoint, 1_000)
        return found[::-1]


@asynccontextmanager
async def delivering(
    store: Store, post: Post, clock: Clock | None = None, *, working: bool = True
) -> AsyncIterator[Delivering]:
    """A replica that delivers. Not `working`: it only puts deliveries in line."""
    clock, chance = clock or SystemClock(), system_random()
    real = SystemClock()
    ids = Ids(real, chance)
    secrets = Secrets(store, real, ids, lambda: MASTER)
    endpoints, published = Endpoints(store, real, secrets), Published(store, ids, LIMITS)

    async def workflow_of(tenant: Tenant, execution: str) -> str | None:
        return f"wfl_{tenant}_{execution}"

    events = Events(store, [published])
    beside = Beside(published.publish, events, post, secrets, EventFilters(), workflow_of)
    parts = DeliveryParts(store, endpoints, beside, (clock, ids, chance))
    async with anyio.create_task_group() as group:
        group.start_soon(endpoints.serve)
        if working:
            group.start_soon(parts.serve)
        yield Delivering(store, endpoints, parts, published, new_key())
        group.cancel_scope.cancel()


async def until(ready: Callable[[], object], within_s: float = 60.0) -> None:
    """Until it is so."""
    with anyio.fail_after(within_s):
        while not ready():  # noqa: ASYNC110  -- tasks of another part
            await anyio.sleep(0.005)


async def becomes(ready: Callable[[], Awaitable[object]], within_s: float = 60.0) -> None:
    """The same of what must be asked."""
    with anyio.fail_after(within_s):
        while not await ready():  # noqa: ASYNC110  -- the store's
            await anyio.sleep(0.01)


@dataclass
class Time:
    """Moves virtual time a step at a time, and lets everything come to rest between."""

    clock: VirtualClock
    one: "Delivering"
    resting: int = 2
    """Those who always sleep: the sweep, and the look for replays."""

    async def settle(self) -> None:
        """Until nobody does anything but wait for time to pass."""
        with anyio.fail_after(60):
            calm = 0
            while calm < 3:
                await anyio.sleep(0.001)
                at_rest = self.clock.sleepers >= self.resting + self.one.parts.deliverer.busy
                calm = calm + 1 if at_rest else 0

    async def passes(self, seconds: float, step_s: float = 1.0) -> None:
        """So much time, in steps."""
        while seconds > 0:
            await self.clock.advance(min(step_s, seconds))
            await self.settle()
            seconds -= step_s
