"""What instruments say of webhooks as they are now: read in the store, by one process of all."""

from collections import Counter
from collections.abc import Sequence
from typing import Final, Protocol

from orchestra.bus.webhooks.endpoints import Endpoints
from orchestra.bus.webhooks.lines import Lines
from orchestra.bus.webhooks.records import Endpoint
from orchestra.instruments import Reading, measure
from orchestra.store.keys import Tenant

ENDPOINTS_MAX: Final = 2_000
_WEBHOOKS = measure("orchestra_webhooks", ("tenant", "state"))
_PENDING = measure("orchestra_webhook_pending", ("tenant", "webhook"))
_STATES: Final = ("active", "disabled")


class HookSurvey(Protocol):
    """What is asked of it."""

    async def survey(self) -> Sequence[Reading]:
        """A `Survey`. Raises StoreAway."""
        ...

    async def pending(self, tenant: Tenant) -> tuple[int, int]:
        """Of a tenant: how many endpoints, how many deliveries wait. Raises StoreAway."""
        ...


class NoHooks:
    """Says that there are none: a bus without webhooks."""

    async def survey(self) -> Sequence[Reading]:
        """See `HookSurvey`."""
        return ()

    async def pending(self, tenant: Tenant) -> tuple[int, int]:  # noqa: ARG002  # HookSurvey
        """See `HookSurvey`."""
        return 0, 0


NOTHING: Final[HookSurvey] = NoHooks()


class WebhookSurveyor:
    """Reads it. `lines`: the queues of endpoints."""

    def __init__(self, endpoints: Endpoints, lines: Lines) -> None:
        self._endpoints, self._lines = endpoints, lines
        self._known: set[Tenant] = set()

    async def survey(self) -> Sequence[Reading]:
        """A `Survey`. Raises StoreAway."""
        await self._endpoints.refresh()
        everybody = self._endpoints.everybody()
        self._known |= everybody.keys()
        found: list[Reading] = []
        for tenant in self._known:  # who had some is told of as having none
            states = Counter(str(one.state) for one in everybody.get(tenant, ()))
            found += [(_WEBHOOKS, (tenant, state), states[state]) for state in _STATES]
        every = [one for endpoints in everybody.values() for one in endpoints][:ENDPOINTS_MAX]
        for one, depth in zip(every, await self._lines.depths(every), strict=True):
            found.append((_PENDING, (one.tenant, one.id), depth))
        return found

    async def pending(self, tenant: Tenant) -> tuple[int, int]:
        """Of a tenant: how many endpoints, how many deliveries wait. Raises StoreAway."""
        await self._endpoints.refresh()
        endpoints: Sequence[Endpoint] = self._endpoints.everybody().get(tenant, ())
        return len(endpoints), sum(await self._lines.depths(endpoints))
