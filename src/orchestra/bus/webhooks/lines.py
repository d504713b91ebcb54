"""The queues of endpoints: what deliveries need of queues beyond what everybody does."""

from collections.abc import Sequence
from typing import Final

import msgspec

from orchestra.bus.queues.calls import Calls, Glance, rows
from orchestra.bus.queues.letters import Letters
from orchestra.bus.queues.queues import Queues
from orchestra.bus.queues.records import OWN_OPTIONS, QueueFull, QueueUnknown, Received, Sent
from orchestra.bus.webhooks.circuits import lease_ms, queue_of
from orchestra.bus.webhooks.records import Endpoint
from orchestra.clock import Clock
from orchestra.store.client import Store
from orchestra.store.keys import Tenant

BACKLOG_MAX: Final = 10_000
"""Deliveries that wait for one endpoint; beyond, the oldest are skipped."""
_SAVED_S: Final = 60.0
_SHED: Final = 100
_GLANCES_MAX: Final = 200


class Lines:
    """One queue for each endpoint."""

    def __init__(self, calls: Calls, queues: Queues, letters: Letters, clock: Clock) -> None:
        self._calls, self._clock = calls, clock
        self.queues, self._letters = queues, letters
        self._saved: dict[str, float] = {}

    @property
    def store(self) -> Store:
        """Where they are."""
        return self._calls.store

    def prefix(self, tenant: Tenant, queue: str) -> str:
        """Of the partition that has the queue, and what is known of its endpoint."""
        return self._calls.store.prefix(self._calls.tag(tenant, queue))

    async def send(self, endpoint: Endpoint, sent: Sent) -> list[bytes]:
        """Put a message in line. The bodies of those that had to go for it, the oldest.

        Raises StoreAway, StoreFull.
        """
        queue = queue_of(endpoint.id)
        await self._save(endpoint)
        shed: list[bytes] = []
        try:
            await self.queues.send(endpoint.tenant, queue, [sent])
        except QueueFull:
            shed, _ = await self._shed(endpoint, "")
            await self.queues.send(endpoint.tenant, queue, [sent])
        return shed

    async def lighten(self, endpoint: Endpoint, most: int) -> tuple[list[bytes], int]:
        """Take the oldest out of line until no more than `most` bytes are left; a hundred at most.

        The bodies of those that waited, and how many bytes are left.
        """
        try:
            return await self._shed(endpoint, most)
        except QueueUnknown:
            return [], 0

    async def _shed(self, endpoint: Endpoint, most: int | str) -> tuple[list[bytes], int]:
        home = self._calls.home(endpoint.tenant, queue_of(endpoint.id))
        reply = await self._calls.known(home, "queue_shed", {"max": _SHED, "bytes": most})
        return [body for _, body in rows(reply[2:], 2)], reply[1]

    async def receive(self, endpoint: Endpoint, most: int) -> list[Received]:
        """What is ready, leased."""
        try:
            found, _ = await self.queues.receive(
                endpoint.tenant, queue_of(endpoint.id), most, lease_ms(endpoint)
            )
        except QueueUnknown:  # nothing was ever sent to it
            return []
        return found

    async def look(self, endpoints: Sequence[Endpoint]) -> list[tuple[Endpoint, Glance]]:
        """How it is in each line by now."""
        named = {f"{one.tenant}:{queue_of(one.id)}".encode(): one for one in endpoints}
        return [(named[name], one) for name, one in await self._glances([*named])]

    async def depths(self, endpoints: Sequence[Endpoint]) -> list[int]:
        """Of each: how many deliveries wait, or are being made."""
        names = [f"{one.tenant}:{queue_of(one.id)}".encode() for one in endpoints]
        found = {name: one.depth for name, one in await self._glances(names)}
        return [found[name] for name in names]

    async def _glances(self, names: Sequence[bytes]) -> list[tuple[bytes, Glance]]:
        found: list[tuple[bytes, Glance]] = []
        for part, all_of in self._calls.placed(names):
            for i in range(0, len(all_of), _GLANCES_MAX):
                some = all_of[i : i + _GLANCES_MAX]
                found += zip(some, await self._calls.glance(part, some), strict=True)
        return found

    async def hurry(self, endpoint: Endpoint, message: str) -> bool:
        """A message that waits for its next try is due now; False: it does not wait."""
        home = self._calls.home(endpoint.tenant, queue_of(endpoint.id))
        return (await self._calls.tried(home, "queue_hurry", {"id": message}))[0] == 1

    async def redrive(self, endpoint: Endpoint, message: str) -> bool:
        """A dead letter is back in line; False: it is none."""
        try:
            queue = queue_of(endpoint.id)
            return await self._letters.redrive(endpoint.tenant, queue, [message]) == 1
        except QueueUnknown:
            return False

    async def depth(self, tenant: Tenant, endpoint_id: str) -> int:
        """How many deliveries wait, or are being made."""
        try:
            return (await self.queues.look(tenant, queue_of(endpoint_id))).counts.depth
        except QueueUnknown:
            return 0

    async def _save(self, endpoint: Endpoint) -> None:
        """The queue has our bounds, also when the store was emptied meanwhile."""
        now = self._clock.monotonic()
        if now - self._saved.get(endpoint.id, -_SAVED_S) < _SAVED_S:
            return
        options = msgspec.structs.replace(OWN_OPTIONS, depth_max=BACKLOG_MAX)
        await self.queues.save(endpoint.tenant, queue_of(endpoint.id), options)
        self._saved[endpoint.id] = now
