"""The delivering half of webhooks, put together: from an event to its receivers."""

from typing import Final

import anyio
import msgspec

from orchestra.bus import Filters, Reading
from orchestra.bus.events.reading import Events
from orchestra.bus.queues.calls import Calls
from orchestra.bus.queues.letters import Letters
from orchestra.bus.queues.queues import Queues
from orchestra.bus.webhooks.circuits import Circuits
from orchestra.bus.webhooks.deliveries import Log
from orchestra.bus.webhooks.delivering import Deliverer
from orchestra.bus.webhooks.endpoints import Endpoints
from orchestra.bus.webhooks.hands import Hands
from orchestra.bus.webhooks.lines import Lines
from orchestra.bus.webhooks.matching import Distributor, Matcher, TraceOf, WorkflowOf, of_no_trace
from orchestra.bus.webhooks.notices import Notices, Publish
from orchestra.bus.webhooks.replaying import Replaying, Replays
from orchestra.bus.webhooks.sending import Post, Sender
from orchestra.bus.webhooks.surveying import WebhookSurveyor
from orchestra.clock import Clock, Ids, Random
from orchestra.security.secrets import Secrets
from orchestra.store.client import Store

READER: Final = "webhooks"
READING: Final = Reading(
    origins=("engine", "module", "api"),
    in_flight_max=64,
    tries=20,
    backoff_ms=(100, 1_000, 5_000, 15_000, 60_000),
)
"""The store may be away for a quarter of an hour before an event is given up."""


class Beside(msgspec.Struct, frozen=True):
    """What deliveries need of the rest of the bus, and of the product."""

    publish: Publish
    events: Events
    post: Post
    secrets: Secrets
    filters: Filters
    workflow_of: WorkflowOf
    base_url: str = ""
    trace_of: TraceOf = of_no_trace


class DeliveryParts:
    """Matches, queues, sends, logs. `handle` is the handler of the durable reader `webhooks`."""

    def __init__(
        self, store: Store, endpoints: Endpoints, beside: Beside, ports: tuple[Clock, Ids, Random]
    ) -> None:
        clock, ids, chance = ports
        calls = Calls(store)
        queues = Queues(calls, ids, chance)
        lines = Lines(calls, queues, Letters(calls, ids), clock)
        self.surveyor = WebhookSurveyor(endpoints, lines)
        circuits = Circuits(calls, chance)
        notices = Notices(beside.publish, endpoints, clock)
        sender = Sender(beside.post, endpoints, beside.secrets, clock, beside.base_url)
        hands = Hands(sender, circuits, queues, notices, (clock, chance))
        self.deliverer = Deliverer(endpoints, lines, circuits, hands, notices, (clock, ids))
        matcher = Matcher(endpoints, beside.filters, beside.workflow_of)
        self.handle = Distributor(matcher, self.deliverer.enqueue, beside.base_url, beside.trace_of)
        self.reading = msgspec.structs.replace(READING, interest=self.handle)
        self.log = Log(lines, circuits, self.deliverer, beside.events, beside.base_url)
        self.replays = Replays(calls, endpoints, clock, ids)
        self._replaying = Replaying(
            self.replays, self.log, self.deliverer, matcher, beside.events, clock
        )

    async def serve(self) -> None:
        """Until cancelled."""
        async with anyio.create_task_group() as group:
            group.start_soon(self.deliverer.serve)
            group.start_soon(self._replaying.serve)

    async def quiesce(self) -> None:
        """Begin no more deliveries; finish those in hand."""
        await self.deliverer.quiesce()
