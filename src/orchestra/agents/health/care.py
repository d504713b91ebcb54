"""Everything that looks after agents in one replica, put together."""

from collections.abc import Mapping

import anyio

from orchestra.agents.health.checks import Checks
from orchestra.agents.health.events import AgentEvents
from orchestra.agents.health.performance import Performance
from orchestra.agents.health.statuses import Health
from orchestra.agents.health.watch import Watch
from orchestra.agents.pools.balancer import Balancer
from orchestra.agents.providers import Checkable, Provider
from orchestra.agents.registry.registry import Registry
from orchestra.clock import Clock, Random
from orchestra.store.client import Store


class Care:
    """Statuses, events, figures, checks, and who looks after which pool. `serve` must run."""

    def __init__(
        self,
        store: Store,
        registry: Registry,
        balancer: Balancer,
        providers: Mapping[str, Provider],
        ports: tuple[Clock, Random],
    ) -> None:
        clock, _ = ports
        self.health = Health(store, balancer)
        self.events = AgentEvents(store, registry, balancer)
        self.performance = Performance(store, balancer, clock)
        self.watch = Watch(store, registry, balancer, clock)
        checkers = {
            name: provider
            for name, provider in providers.items()
            if isinstance(provider, Checkable)
        }
        self.checks = Checks(store, registry, self.watch, checkers, balancer, ports)

    async def serve(self) -> None:
        """Look after agents until cancelled."""
        async with anyio.create_task_group() as group:
            group.start_soon(self.performance.serve)
            group.start_soon(self.watch.serve)
            group.start_soon(self.checks.serve)

    async def leave(self) -> None:
        """Tell what was counted, and let others look after our pools. Takes at most a second."""
        with anyio.CancelScope(shield=True, deadline=anyio.current_time() + 1.0):
            await self.performance.flush()
            await self.watch.leave()
