"""The webhooks of one replica, put together."""

from collections.abc import Sequence
from typing import Final

import anyio
import msgspec
from litestar import Router
from litestar.types import ControllerRouterHandler

from orchestra.bus import Filters
from orchestra.bus.webhooks.delivery import Beside, DeliveryParts
from orchestra.bus.webhooks.delivery_routes import DeliveryRoutes
from orchestra.bus.webhooks.desk import Desk, Outside
from orchestra.bus.webhooks.endpoints import Endpoints
from orchestra.bus.webhooks.inbound.desk import HookDesk
from orchestra.bus.webhooks.inbound.hooks import Hooks
from orchestra.bus.webhooks.inbound.receiving import Receiver
from orchestra.bus.webhooks.inbound.routes import HookRoutes
from orchestra.bus.webhooks.managed import Managed
from orchestra.bus.webhooks.matching import TraceOf, WorkflowOf, of_no_trace
from orchestra.bus.webhooks.routes import WebhookRoutes
from orchestra.bus.webhooks.sending import GuardedPost
from orchestra.bus.wiring import EventParts
from orchestra.clock import Clock, Ids, Random
from orchestra.provided import provided
from orchestra.security.destinations import policy
from orchestra.security.ourselves import keep_judged, policy_of
from orchestra.security.outbound import Outbound
from orchestra.security.secrets import Secrets
from orchestra.settings import Settings
from orchestra.store import webhook_keys
from orchestra.store.client import Store
from orchestra.store.repeats import Repeats

CLOSE_S: Final = 1.0


class Needs(msgspec.Struct, frozen=True):
    """What webhooks need beyond the bus."""

    secrets: Secrets
    filters: Filters
    settings: Settings
    workflow_of: WorkflowOf
    trace_of: TraceOf = of_no_trace


class WebhookParts:
    """What the bus has of webhooks."""

    def __init__(
        self, store: Store, events: EventParts, needs: Needs, ports: tuple[Clock, Ids, Random]
    ) -> None:
        clock, ids, _ = ports
        self._ids = ids
        self._store, self._clock, self._settings = store, clock, needs.settings
        self.outbound = Outbound(policy(needs.settings.network_allow))
        self.endpoints = Endpoints(store, clock, needs.secrets)
        outside = Outside(self.outbound, needs.secrets, needs.filters)
        prefix = webhook_keys.webhooks(store.space)
        desk = Desk(self.endpoints, Repeats(store, prefix, "webhook"), outside, clock, ids)
        beside = Beside(
            events.published.publish,
            events.kept,
            GuardedPost(self.outbound),
            needs.secrets,
            needs.filters,
            needs.workflow_of,
            needs.settings.public_url or "",
            needs.trace_of,
        )
        self.delivery = DeliveryParts(store, self.endpoints, beside, ports)
        hooks = Hooks(store, clock, needs.secrets)
        parts = {
            "endpoints": self.endpoints,
            "desk": desk,
            "store": store,
            "deliverer": self.delivery.deliverer,
            "history": self.delivery.log,
            "replays": self.delivery.replays,
            "clock": clock,
            "new_ids": ids,
            "hooks": hooks,
            "hook_desk": HookDesk(hooks, Repeats(store, prefix, "hook"), clock, ids),
            "receiver": Receiver(store, hooks, events.published.publish, clock),
            "base_url": needs.settings.public_url or "",
        }
        self.routes: Sequence[ControllerRouterHandler] = (
            Router(
                "/",
                route_handlers=[WebhookRoutes, DeliveryRoutes, HookRoutes],
                dependencies=provided(parts),
            ),
        )

    def managed(self, owner: str) -> Managed:
        """The endpoints of another module; see `Managed`."""
        ports = (self._clock, self._ids)
        return Managed(owner, self.endpoints, self.delivery.deliverer, self.outbound, ports)

    async def prepare(self) -> None:
        """Before anything is asked: know where we are, so that we never call ourselves."""
        self.outbound.adopt(await policy_of(self._settings, self._store.servers))

    async def serve(self) -> None:
        """Until cancelled."""
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(self.endpoints.serve)
                group.start_soon(self._keep_judged)
                group.start_soon(self.delivery.serve)
        finally:
            with anyio.move_on_after(CLOSE_S, shield=True):
                await self.outbound.aclose()

    async def _keep_judged(self) -> None:
        await keep_judged(self.outbound, self._settings, lambda: self._store.servers, self._clock)
