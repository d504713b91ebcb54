"""Tells of executions as spans, once each has ended: a durable reader of their ends.

One replica at a time reads them, whoever ended the execution. What was told in the last second
before a crash may be told again, with the same ids.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Final, Protocol

import msgspec
import structlog

from orchestra import tracing
from orchestra.bus import Event, Gap, Handler, Reading
from orchestra.clock import Clock
from orchestra.errors import OrchestraError
from orchestra.store import keys, partitions
from orchestra.store.frames import CorruptRecord
from orchestra.store.keys import Tenant
from orchestra.workflows.history import chronicle
from orchestra.workflows.history.reader import NoSuchExecution, Reader
from orchestra.workflows.history.spans import Ended, code_of, spans_of, trace_of
from orchestra.workflows.planning.facts import Envelope
from orchestra.workflows.planning.framing import unpack_envelope, unpack_record
from orchestra.workflows.ports import Partitions

log = structlog.get_logger(__name__)

READER: Final = "traces"
ENDS: Final = tuple(
    f"workflow.{end}" for end in ("completed", "failed", "cancelled", "rolled_back")
)
READING: Final = Reading(origins=("engine",), ordered="none", tries=5)
KNOWN_MAX: Final = 10_000
LATE_MS: Final = 3_600_000
"""What ended longer ago, while nobody collected, is not told any more."""


class Subscribing(Protocol):
    """What is needed of the bus."""

    def subscribe(
        self, name: str, patterns: Sequence[str], handler: Handler, options: Reading
    ) -> None:
        """As `Bus.subscribe`."""
        ...


class Traced:
    """Tells of the executions of all tenants."""

    def __init__(
        self,
        store: Partitions,
        reader: Reader,
        clock: Clock,
        recall: Callable[[str], Envelope | None],
    ) -> None:
        self._store, self._reader, self._clock = store, reader, clock
        self._recall = recall
        self._known: OrderedDict[tuple[str, str], str] = OrderedDict()

    async def trace_of(self, tenant: Tenant, execution: str) -> str:
        """The trace of an execution at its span, as it is kept; '' for one that is not known.

        Raises StoreAway.
        """
        place = (tenant, execution)
        if place not in self._known:
            try:
                envelope = await self._envelope(tenant, execution)
            except (NoSuchExecution, CorruptRecord):
                return ""
            above = trace_of(tenant, execution, envelope)
            self._known[place] = above.at(tracing.of_execution(execution)).text
            if len(self._known) > KNOWN_MAX:
                self._known.popitem(last=False)
        return self._known[place]

    async def _envelope(self, tenant: Tenant, execution: str) -> Envelope:
        """What an execution was started with. Raises NoSuchExecution, CorruptRecord, StoreAway."""
        prefix = self._store.prefix(self._reader.tag(execution))
        whose: bytes | None = await self._store.read(
            prefix, "HGET", keys.state(prefix, execution), "@t"
        )
        if whose is None:  # it was put away
            return (await self._reader.read(tenant, execution)).envelope
        results = keys.results(prefix, execution)
        framed: bytes | None = await self._store.read(prefix, "HGET", results, "@in")
        if whose.decode() != tenant or framed is None:
            raise NoSuchExecution("no execution of this id")
        return unpack_envelope(framed)

    def listen(self, bus: Subscribing) -> None:
        """Be told of their ends, once the bus runs."""
        bus.subscribe(READER, ENDS, self.handle, msgspec.structs.replace(READING, interest=self))

    def awake(self) -> bool:
        """See `bus.Interest`."""
        return tracing.collected()

    def wants(self, event: Event) -> bool:
        """Not those of which it is known here that nobody records them: they cost no reading."""
        envelope = self._recall(event.key)
        return envelope is None or trace_of(event.tenant, event.key, envelope).sampled

    async def handle(self, event: Event | Gap) -> None:
        """Tell of one that ended. Raises StoreAway."""
        if isinstance(event, Gap) or self._clock.now_ms() - event.at_ms > LATE_MS:
            return
        try:
            await self._tell(event)
        except CorruptRecord:
            log.warning("trace.record_corrupt", execution_id=event.key)
        except OrchestraError as gone:
            if gone.retryable:
                raise
            log.debug("trace.execution_gone", execution_id=event.key, code=gone.code)

    async def _tell(self, event: Event) -> None:
        execution, tenant = event.key, event.tenant
        prefix = self._store.prefix(self._reader.tag(execution))
        results = keys.results(prefix, execution)
        envelope = self._recall(execution)
        if envelope is None:
            framed: bytes | None = await self._store.read(prefix, "HGET", results, "@in")
            if framed is None:
                await self._archived(event)
                return
            envelope = unpack_envelope(framed)
        if not trace_of(tenant, execution, envelope).sampled:
            return
        history = keys.history(prefix, execution)
        lines = chronicle.read(await self._store.read(prefix, "LRANGE", history, 0, -1))
        failed = sorted({line.path for line in lines if line.kind == "F" and line.path})
        failures: dict[str, str] = {}
        if failed:
            records = await self._store.read(prefix, "HMGET", results, *failed)
            for path, record in zip(failed, records, strict=True):
                if record is not None:
                    failures[path] = code_of(unpack_record(record))
        _hand_over(Ended(execution, tenant, envelope, failures), lines, event)

    async def _archived(self, event: Event) -> None:
        """It ended, and was put away before it could be told of."""
        stored = await self._reader.read(Tenant(event.tenant), event.key)
        lines = await self._reader.lines(stored)
        _hand_over(Ended(event.key, event.tenant, stored.envelope), lines, event)


def _hand_over(ended: Ended, lines: list[chronicle.Line], event: Event) -> None:
    _, _, position = partitions.event_position(event.id)
    for span in spans_of(ended, lines, position):
        tracing.tell(span)
