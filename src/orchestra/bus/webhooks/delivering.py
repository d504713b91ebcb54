"""Deliveries of all endpoints, on one replica: queues are filled, watched and emptied here.

Each endpoint has a queue of its own; a wake-up says that something came, and one sweep a second
over all of them finds what became due. Every replica works on every endpoint.
"""

import hashlib
import math
from collections.abc import Sequence
from typing import Final, Protocol

import anyio
import anyio.abc
import msgspec
import structlog

from orchestra.bus import Event
from orchestra.bus.queues.records import Sent
from orchestra.bus.webhooks.attempts import Attempt
from orchestra.bus.webhooks.circuits import QUEUE, Circuits, queue_of
from orchestra.bus.webhooks.hands import Hands
from orchestra.bus.webhooks.lines import Lines
from orchestra.bus.webhooks.matching import Known, Parcel, delivery_id
from orchestra.bus.webhooks.notices import Notices
from orchestra.bus.webhooks.pumps import Ground, Pump
from orchestra.bus.webhooks.records import Endpoint, WebhookUnknown
from orchestra.bus.webhooks.shares import too_heavy
from orchestra.bus.webhooks.turns import Turns
from orchestra.clock import Clock, Ids
from orchestra.errors import OrchestraError
from orchestra.store import queue_keys
from orchestra.store.keys import Tenant
from orchestra.store.wakes import Topics

log = structlog.get_logger(__name__)

AT_ONCE: Final = 500
"""Deliveries of one replica."""
SWEEP_S: Final = 1.0
BACKLOG_BYTES_MAX: Final = 256 * 1_048_576
"""Of all that lies in the lines of a tenant; what is beyond goes with the next sweep."""
TURNS_MAX: Final = 10
AGAIN_S: Final = 60.0

Place = tuple[Tenant, str]


class Directory(Known, Protocol):
    """Who there is; see `Endpoints`."""

    async def get(self, tenant: Tenant, endpoint_id: str) -> Endpoint:
        """As it is in the store now. Raises WebhookUnknown."""
        ...


class Deliverer:
    """Puts deliveries in line, and works on them while `serve` runs."""

    def __init__(
        self,
        picture: Directory,
        lines: Lines,
        circuits: Circuits,
        hands: Hands,
        notices: Notices,
        ports: tuple[Clock, Ids],
    ) -> None:
        self._picture, self._circuits, self._hands = picture, circuits, hands
        self._lines, self._notices = lines, notices
        self._clock, ids = ports
        self._ground = Ground(circuits, lines, hands, Turns(AT_ONCE), self._clock, ids)
        self._pumps: dict[Place, Pump] = {}
        self._held: dict[Place, tuple[float, int]] = {}
        self._seen: set[Place] = set()
        self._gone: dict[Place, float] = {}
        self._group: anyio.abc.TaskGroup | None = None
        self._closing, self._ended = False, anyio.Event()

    @property
    def busy(self) -> int:
        """Endpoints that are worked on just now."""
        return len(self._pumps)

    async def enqueue(self, endpoint: Endpoint, parcel: Parcel, once: str = "") -> None:
        """Put a delivery in line, `once`: of an event its id. To a disabled endpoint it is skipped.

        Raises StoreAway, StoreFull.
        """
        if endpoint.state == "disabled":
            await self._hands.skip(endpoint, parcel, "disabled")
            return
        self._seen.add((endpoint.tenant, endpoint.id))
        body = msgspec.Raw(msgspec.json.encode(parcel))
        first_ms = 0 if once else endpoint.schedule_ms[0]
        sent = Sent(
            body,
            delay_ms=first_ms,
            group=_group(endpoint, parcel.event),
            dedup=once or parcel.id,
        )
        await self._skipped(endpoint, await self._lines.send(endpoint, sent))

    async def deliver_now(self, endpoint: Endpoint, event: Event, *, test: bool = True) -> Attempt:
        """One attempt at once, beside the queue; its circuit does not hear of it."""
        assert test, "what is no test has its place in line"
        return await self._hands.deliver_now(endpoint, event, delivery_id(event, endpoint.id))

    async def forget(self, tenant: Tenant, endpoint_id: str) -> None:
        """An endpoint was deleted: so is all that waits for it, and what is known of it."""
        await self._lines.queues.purge(tenant, queue_of(endpoint_id))
        await self._circuits.drop(tenant, endpoint_id)

    async def serve(self) -> None:
        """Until cancelled: work on the queues of all endpoints."""
        store = self._lines.store
        channels = {
            queue_keys.queue_wakes(store.prefix(tag)): self._heard for tag in store.partitions
        }
        async with anyio.create_task_group() as group:
            self._group = group
            group.start_soon(store.follow, Topics(channels))
            await self._sweep()

    async def quiesce(self) -> None:
        """Begin nothing more; finish what is in hand."""
        self._closing = True
        for pump in self._pumps.values():
            pump.close()
        while self._pumps:
            await self._ended.wait()

    async def retry(self, endpoint: Endpoint) -> None:
        """Somebody wants it tried now: an open circuit makes its probe at once."""
        await self._circuits.probe(endpoint)
        self._held.pop((endpoint.tenant, endpoint.id), None)
        self.prod(endpoint.tenant, endpoint.id)

    def prod(self, tenant: Tenant, endpoint_id: str) -> None:
        """There may be something in line for it."""
        place = (tenant, endpoint_id)
        pump = self._pumps.get(place)
        if pump is not None:
            pump.wake()
        elif self._group is not None and not self._closing and not self._is_held(place):
            pump = self._pumps[place] = Pump(self._ground, lambda: self._found(place))
            self._group.start_soon(self._run, place, pump)

    async def _run(self, place: Place, pump: Pump) -> None:
        while True:
            await pump.run()
            if self._closing or pump.dry or pump.hold_s:
                break
        del self._pumps[place]
        self._ended.set()
        self._ended = anyio.Event()
        endpoint = self._found(place)
        if pump.hold_s and endpoint is not None:
            until = self._clock.monotonic() + pump.hold_s
            self._held[place] = (until, endpoint.revision)

    async def _sweep(self) -> None:
        while True:
            try:
                await self.sweep()
            except OrchestraError as away:
                log.debug("webhook.not_swept", error=away.code)
            await self._clock.sleep(SWEEP_S)

    async def sweep(self) -> None:
        """Look at all lines: what is due is worked on, what is too much goes. Raises StoreAway."""
        everybody = [one for some in self._picture.everybody().values() for one in some]
        await self._forget_gone({(one.tenant, one.id) for one in everybody})
        glances = await self._lines.look(everybody)
        for endpoint, one in glances:
            if one.soon_ms == 0:
                self.prod(endpoint.tenant, endpoint.id)
        weights = [(endpoint, one.weight) for endpoint, one in glances]
        for endpoint, most in too_heavy(weights, BACKLOG_BYTES_MAX):
            await self._lighten(endpoint, most)

    async def _lighten(self, endpoint: Endpoint, most: int) -> None:
        before = math.inf
        for _ in range(TURNS_MAX):
            shed, left = await self._lines.lighten(endpoint, most)
            await self._skipped(endpoint, shed)
            if left <= most or left >= before:  # those that are being sent stay
                break
            before = left

    async def _skipped(self, endpoint: Endpoint, shed: Sequence[bytes]) -> None:
        """They had to go from the line."""
        for one in shed:
            await self._hands.skip(endpoint, msgspec.json.decode(one, type=Parcel), "backlog")
        if shed:
            await self._notices.backlogged(endpoint)

    async def _forget_gone(self, now: set[Place]) -> None:
        """Drop what is kept of endpoints that are deleted; and again a minute later, as others may
        have put something in line before they knew. One that cannot be read is not deleted.
        """
        self._gone |= dict.fromkeys(self._seen - now, 0.0)
        self._seen = now
        for place, since in list(self._gone.items()):
            if since and self._clock.monotonic() < since + AGAIN_S:
                continue
            try:
                await self._picture.get(*place)
            except WebhookUnknown:
                await self.forget(*place)
            if since:
                del self._gone[place]
            else:
                self._gone[place] = self._clock.monotonic() or AGAIN_S / 1_000

    def _heard(self, queue: bytes) -> None:
        tenant, _, name = queue.decode().partition(":")
        if name.startswith(QUEUE):
            self.prod(Tenant(tenant), name.removeprefix(QUEUE))

    def _found(self, place: Place) -> Endpoint | None:
        tenant, endpoint_id = place
        mine = self._picture.everybody().get(tenant, ())
        return next((one for one in mine if one.id == endpoint_id), None)

    def _is_held(self, place: Place) -> bool:
        """Whether its circuit was open, and the endpoint is as it was then."""
        until, revision = self._held.get(place, (0.0, 0))
        endpoint = self._found(place)
        held = endpoint is not None and endpoint.revision == revision
        if held and self._clock.monotonic() < until:
            return True
        self._held.pop(place, None)
        return False


def _group(endpoint: Endpoint, event: Event) -> str:
    match endpoint.ordering:
        case "parallel":
            return ""
        case "key":
            return hashlib.sha256(event.key.encode("utf-8", "replace")).hexdigest()[:32]
        case "all":
            return "all"
