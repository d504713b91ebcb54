"""Matching: which endpoints are told of an event, and the delivery that each gets.

The id of a delivery follows from event and endpoint, so an event that is handled again makes no
second one. Events of the webhooks themselves (`webhook.…`) are told only where a pattern names
them, and never to the endpoint they are about: nothing goes round in circles.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any, Final, Protocol, cast

import anyio
import msgspec
import structlog

from orchestra.bus import Event, Filters, Gap
from orchestra.bus.cloudevents import shown
from orchestra.bus.patterns import matcher
from orchestra.bus.webhooks.formats import thinned
from orchestra.bus.webhooks.records import Endpoint
from orchestra.clock import uuid7
from orchestra.store.keys import Tenant

log = structlog.get_logger(__name__)

OURS: Final = "webhook."
WORKFLOWS: Final = "/orchestra/workflows"
_KNOWN_MAX: Final = 10_000

Meant = Callable[[Mapping[str, object]], bool]
WorkflowOf = Callable[[Tenant, str], Awaitable[str | None]]
"""The id of the workflow of an execution, if it is known."""

TraceOf = Callable[[Tenant, str], Awaitable[str]]
"""The trace of an execution (`Trace.text`); '' for one that is not known."""


async def of_no_trace(tenant: Tenant, execution: str) -> str:
    """Nobody knows."""
    del tenant, execution
    return ""


class Known(Protocol):
    """A picture of the endpoints; see `Endpoints`."""

    def everybody(self) -> Mapping[Tenant, tuple[Endpoint, ...]]:
        """Those of every tenant, also the disabled ones. A new mapping when anything changed."""
        ...


class Index:
    """Whose patterns fit a type: one look-up for a tenant and type, as long as nothing changes."""

    def __init__(self, known: Known) -> None:
        self._known = known
        self._of: Mapping[Tenant, tuple[Endpoint, ...]] = {}
        self._found: dict[tuple[Tenant, str], tuple[Endpoint, ...]] = {}

    def wanting(self, tenant: Tenant, event_type: str) -> tuple[Endpoint, ...]:
        """Endpoints that may want such an event."""
        now = self._known.everybody()
        if now is not self._of or len(self._found) > _KNOWN_MAX:
            self._of, self._found = now, {}
        found = self._found.get((tenant, event_type))
        if found is None:
            all_of = now.get(tenant, ())
            found = tuple(one for one in all_of if _asks(one, event_type))
            self._found[tenant, event_type] = found
        return found


class Matcher:
    """Whether an endpoint wants an event, by all that it says."""

    def __init__(self, known: Known, filters: Filters, workflow_of: WorkflowOf) -> None:
        self._known, self._index = known, Index(known)
        self._filters, self._workflow_of = filters, workflow_of
        self._conditions: OrderedDict[str, Meant] = OrderedDict()
        self._workflows: OrderedDict[tuple[Tenant, str], str | None] = OrderedDict()

    def awake(self) -> bool:
        """Whether there is any endpoint."""
        return bool(self._known.everybody())

    def asks(self, event: Event) -> bool:
        """Whether anybody's patterns name it."""
        return bool(self._index.wanting(event.tenant, event.type))

    async def told(self, event: Event) -> list[Endpoint]:
        """Everybody who is to be told of it."""
        some = self._index.wanting(event.tenant, event.type)
        return [one for one in some if await self.wants(one, event)] if some else []

    async def wants(self, endpoint: Endpoint, event: Event) -> bool:
        """Whether this endpoint is to be told. Of one tenant; the cheapest question first."""
        if endpoint.tenant != event.tenant or not _asks(endpoint, event.type):
            return False
        if event.type.startswith(OURS) and event.key == endpoint.id:
            return False
        if endpoint.sources and not _is_source(event.source, endpoint.sources):
            return False
        if (endpoint.agent_ids or endpoint.workflow_ids) and not await self._is_about(
            endpoint, event
        ):
            return False
        return not endpoint.filter or self._condition(endpoint.filter)(shown(_decoded(event)))

    async def _is_about(self, endpoint: Endpoint, event: Event) -> bool:
        """One of its agents or workflows: with both given, either will do."""
        data = msgspec.json.decode(event.data)
        facts = cast("dict[str, Any]", data) if isinstance(data, dict) else {}
        if facts.get("agent_id") in endpoint.agent_ids:
            return True
        if not endpoint.workflow_ids:
            return False
        if facts.get("workflow_id") in endpoint.workflow_ids:
            return True
        if event.source != WORKFLOWS:
            return False
        return await self._workflow(event.tenant, event.key) in endpoint.workflow_ids

    async def _workflow(self, tenant: Tenant, execution: str) -> str | None:
        place = (tenant, execution)
        if place not in self._workflows:
            self._workflows[place] = await self._workflow_of(tenant, execution)
            while len(self._workflows) > _KNOWN_MAX:
                self._workflows.popitem(last=False)
        return self._workflows[place]

    def _condition(self, text: str) -> Meant:
        found = self._conditions.get(text)
        if found is None:
            found = self._conditions[text] = self._compiled(text)
            while len(self._conditions) > _KNOWN_MAX:
                self._conditions.popitem(last=False)
        return found

    def _compiled(self, text: str) -> Meant:
        """What another version took for a condition must not keep everybody else waiting."""
        if findings := self._filters.check(text):
            log.error("webhook.filter_unreadable", filter=text, reason=findings[0].message)
            return _never
        return self._filters.compile(text)


def _never(_: Mapping[str, object]) -> bool:
    return False


class Parcel(msgspec.Struct, frozen=True):
    """A message in the queue of an endpoint: a delivery with the event it brings."""

    id: str
    event: Event
    trigger: str = "event"
    """`event`, `redelivery`, or the id of a replay."""
    trace: str = ""
    """The trace that the event is part of (`Trace.text`)."""


Enqueue = Callable[[Endpoint, Parcel], Coroutine[Any, Any, None]]


class Distributor:
    """The handler of the durable reader `webhooks`, and its `Interest`."""

    def __init__(
        self,
        matcher: Matcher,
        enqueue: Enqueue,
        base_url: str = "",
        trace_of: TraceOf = of_no_trace,
    ) -> None:
        self._matcher, self._enqueue, self._base_url = matcher, enqueue, base_url
        self._trace_of = trace_of
        self.awake, self.wants = matcher.awake, matcher.asks

    async def __call__(self, told: Event | Gap) -> None:
        """Put one delivery in line for each endpoint. Raises StoreAway: it is handled again."""
        if isinstance(told, Gap):
            log.warning("webhook.events_missed", from_ms=told.from_ms, to_ms=told.to_ms)
            return
        wanting = await self._matcher.told(told)
        if not wanting:
            return
        event = thinned(told, self._base_url)
        trace = told.traceparent or ""
        if not trace and told.origin == "engine" and told.source == WORKFLOWS:
            trace = await self._trace_of(told.tenant, told.key)
        parcels = [Parcel(delivery_id(event, one.id), event, trace=trace) for one in wanting]
        if len(wanting) == 1:
            await self._enqueue(wanting[0], parcels[0])
            return
        async with anyio.create_task_group() as group:
            for endpoint, parcel in zip(wanting, parcels, strict=True):
                group.start_soon(self._enqueue, endpoint, parcel)


def delivery_id(event: Event, endpoint_id: str) -> str:
    """The same for the same event and endpoint; sorts by the time of the event."""
    digest = hashlib.sha256(f"{event.id}|{endpoint_id}".encode()).digest()
    return f"dlv_{uuid7(max(event.at_ms, 0), int.from_bytes(digest[:10], 'big') & (1 << 74) - 1)}"


def _asks(endpoint: Endpoint, event_type: str) -> bool:
    if endpoint.managed_by:
        return False
    if event_type.startswith(OURS):
        named = [one for one in endpoint.types if one.startswith(OURS)]
        return bool(named) and matcher(named)(event_type)
    return matcher(endpoint.types)(event_type)


def _is_source(source: str, wanted: Sequence[str]) -> bool:
    """`workflows` is short for `/orchestra/workflows`."""
    return source in wanted or source.rpartition("/")[2] in wanted


def _decoded(event: Event) -> Event:
    data = msgspec.json.decode(event.data)
    return msgspec.structs.replace(event, data=data)
