"""Triggers: what came in by a hook starts a workflow, or is a signal for an execution.

A durable reader of `webhook.received`: each event is handled at least once, and counts once, for
its id is the idempotency key of what follows. What is refused is told as `trigger.failed` and goes
to the dead letters at once; what cannot be done now is tried again for a quarter of an hour.
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Final, Protocol

import msgspec
import structlog

from orchestra import tracing
from orchestra.bus import Bury, Draft, Event, Gap, Handler, Reading
from orchestra.errors import OrchestraError
from orchestra.security import hops
from orchestra.workflows.history.signals import Send, Signals
from orchestra.workflows.language.definition import Json
from orchestra.workflows.running.starting import Start, Starter

log = structlog.get_logger(__name__)

READER: Final = "triggers"
RECEIVED: Final = "webhook.received"
FAILED: Final = "trigger.failed"
SOURCE: Final = "/orchestra/workflows"
READING: Final = Reading(
    origins=("module",), tries=20, backoff_ms=(100, 1_000, 5_000, 15_000, 60_000)
)
_TRIED_MAX = 1_000
_DETAIL_MAX = 1_000


class Hearing(Protocol):
    """What triggers need of the bus."""

    def subscribe(
        self, name: str, patterns: Sequence[str], handler: Handler, options: Reading
    ) -> None:
        """As `Bus.subscribe`."""
        ...

    async def publish(self, draft: Draft, *, dedup: str | None = None) -> str:
        """As `Bus.publish`."""
        ...


class Answer(msgspec.Struct, frozen=True):
    """Which signal of which execution a hook sends."""

    execution: str
    name: str


class Target(msgspec.Struct, frozen=True):
    """What a hook is for: one of them, or nothing but its event."""

    workflow: str | None = None
    signal: Answer | None = None


class Received(msgspec.Struct, frozen=True):
    """The data of `webhook.received`, as far as it concerns us."""

    hook: str
    target: Target = Target()
    input: Json = None
    hop: int = 0
    """How many of our own requests lie behind it: a bound on loops (see `security.hops`)."""


class Triggers:
    """Starts and signals what hooks are for."""

    def __init__(self, starter: Starter, signals: Signals, bus: Hearing) -> None:
        self._starter, self._signals, self._bus = starter, signals, bus
        self._tried: OrderedDict[str, int] = OrderedDict()

    def listen(self) -> None:
        """Be told of what comes in, once the bus runs."""
        self._bus.subscribe(READER, (RECEIVED,), self.handle, READING)

    async def handle(self, told: Event | Gap) -> None:
        """Do what the hook is for. Raises Bury for what can never be done."""
        if isinstance(told, Gap):
            log.warning("trigger.events_missed", from_ms=told.from_ms, to_ms=told.to_ms)
            return
        try:
            received = msgspec.json.decode(told.data, type=Received)
        except msgspec.DecodeError as wrong:
            raise Bury(f"not an event of a hook: {wrong}") from wrong
        hops.come(received.hop)
        tracing.come(tracing.read(told.traceparent))
        try:
            await self._fire(told, received)
        except OrchestraError as refused:
            if refused.retryable and not self._given_up(told.id):
                raise
            log.warning("trigger.failed", hook=received.hook, event_id=told.id, code=refused.code)
            await self._tell(told, received, refused)
            raise Bury(f"{refused.code}: {refused.detail}") from refused
        finally:
            hops.come(0)
        self._tried.pop(told.id, None)

    async def _fire(self, event: Event, received: Received) -> None:
        actor, target = f"hook:{received.hook}", received.target
        if target.workflow is not None:
            request = Start(input_data={} if received.input is None else received.input)
            started = await self._starter.start(
                event.tenant, target.workflow, request, actor=actor, key=event.id
            )
            log.info("trigger.started", hook=received.hook, execution=started.execution)
        if target.signal is not None:
            send = Send(name=target.signal.name, payload=received.input)
            await self._signals.send(
                event.tenant, target.signal.execution, send, actor, key=event.id
            )
            log.info("trigger.signalled", hook=received.hook, execution=target.signal.execution)

    def _given_up(self, event: str) -> bool:
        """Whether this was the last try. Counted here: who takes over begins anew."""
        tried = self._tried.pop(event, 0) + 1
        if tried >= READING.tries:
            return True
        self._tried[event] = tried
        if len(self._tried) > _TRIED_MAX:
            self._tried.popitem(last=False)
        return False

    async def _tell(self, event: Event, received: Received, refused: OrchestraError) -> None:
        """The event of the failure, once for each event that came in."""
        target = received.target
        data = {
            "hook": received.hook,
            "event_id": event.id,
            "workflow": target.workflow,
            "execution_id": target.signal.execution if target.signal else None,
            "signal": target.signal.name if target.signal else None,
            "code": refused.code,
            "reason": refused.detail[:_DETAIL_MAX],
        }
        draft = Draft(
            tenant=event.tenant,
            type=FAILED,
            source=SOURCE,
            key=received.hook,
            data=msgspec.Raw(msgspec.json.encode(data)),
            origin="module",
            causation=event.id,
        )
        await self._bus.publish(draft, dedup=f"{FAILED}:{event.id}")
