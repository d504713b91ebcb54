"""Signals: what somebody outside tells an execution, once for each name (R33)."""

import hashlib
from typing import Annotated

import msgspec
from msgspec import Meta

from orchestra.clock import Clock, Random
from orchestra.errors import Conflict, NotFound, TooLarge
from orchestra.instants import instant
from orchestra.store import keys
from orchestra.store.keys import Tenant
from orchestra.store.repeats import IdempotencyMismatch
from orchestra.workflows.catalogue.plans import Catalogue
from orchestra.workflows.history.executions import WrongState
from orchestra.workflows.history.insisting import insist
from orchestra.workflows.history.reader import NoSuchExecution, Reader
from orchestra.workflows.history.showing import bounded
from orchestra.workflows.history.stored import STATES
from orchestra.workflows.language.definition import Json
from orchestra.workflows.language.tables_wait import SIGNAL_PATTERN
from orchestra.workflows.planning.facts import Signal
from orchestra.workflows.planning.framing import pack, unpack_signal
from orchestra.workflows.planning.plan import Plan
from orchestra.workflows.ports import Partitions
from orchestra.workflows.running.engine import Engine

PAYLOAD_MAX_BYTES = 256 * 1024
_GOING_ON = ("pending", "running", "paused")


class NoSuchSignal(NotFound):
    """No step of the workflow waits for a signal of this name."""


class SignalAnswered(Conflict):
    """A signal counts once. Context: `first`: the one that did."""


class SignalTooLate(Conflict):
    """Every step that could have waited for it is over. Context: `execution_status`."""


class Send(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a signal."""

    name: Annotated[
        str,
        Meta(
            pattern=f"^{SIGNAL_PATTERN}$",
            description="As a `wait` step says.",
            examples=["payment.received"],
        ),
    ]
    payload: Annotated[
        Json, Meta(description="Any JSON, at most 256 KiB: the output of the steps that wait.")
    ] = None


class Sent(msgspec.Struct, frozen=True):
    """A signal that counts. `replayed`: this key had sent it before."""

    status: str
    steps: tuple[str, ...]
    """Paths of the steps that waited for it; none: it was kept for those that will."""
    signal: Signal
    replayed: bool


class Signals:
    """Hands signals to executions."""

    def __init__(
        self, store: Partitions, reader: Reader, catalogue: Catalogue, engine: Engine,
        clock: Clock, chance: Random,
    ) -> None:  # fmt: skip
        self._store, self._reader, self._catalogue = store, reader, catalogue
        self._engine, self._clock, self._chance = engine, clock, chance

    async def send(
        self, tenant: Tenant, execution: str, request: Send, actor: str, key: str | None = None
    ) -> Sent:
        """Answer the steps that wait for the signal, or keep it for them. With `key` it is safe to
        repeat.

        Raises NoSuchExecution, NoSuchSignal, SignalAnswered, SignalTooLate, WrongState,
        IdempotencyMismatch, TooLarge, StoreAway.
        """
        payload = msgspec.json.encode(request.payload)
        if len(payload) > PAYLOAD_MAX_BYTES:
            raise TooLarge("the payload is over 256 KiB", limit_bytes=PAYLOAD_MAX_BYTES)
        tag = self._reader.tag(execution)
        plan = await self._plan(tenant, execution)
        steps = "\n".join(
            f"{node.path}\t{node.route}"
            for node in plan.nodes.values()
            if node.step.wait is not None and node.step.wait.signal == request.name
        )
        if not steps:
            raise NoSuchSignal(f"no step of this workflow waits for a signal {request.name!r}")
        hashed = _sha(f"{execution}|{key}".encode()) if key else ""
        digest = _sha(request.name.encode() + b"|" + payload) if key else ""
        signal = Signal(
            name=request.name,
            payload=request.payload,
            actor=actor,
            at_ms=self._clock.now_ms(),
            nonce=self._chance.getrandbits(48),
            key=hashed,
            digest=digest,
        )
        reply = await insist(
            self._store, "signal_send", tag,
            eid=execution, tenant=tenant, name=request.name, signal=pack(signal), key=hashed,
            steps=steps, actor=actor,
        )  # fmt: skip
        if reply[0] == -1:  # it was archived: what it ended as does not change
            return await self._of_archived(tenant, execution, signal)
        status = STATES[reply[1].decode()]
        if reply[0] == 1:
            self._engine.steered(tag, execution, "signal")
            paths = tuple(path.decode() for path in reply[2:])
            return Sent(status, paths, signal, replayed=False)
        first = unpack_signal(reply[2]) if reply[0] == 2 else None
        return _known(execution, signal, first, status)

    async def _plan(self, tenant: Tenant, execution: str) -> Plan:
        """The version it runs. Raises NoSuchExecution."""
        prefix = self._store.prefix(self._reader.tag(execution))
        found: list[bytes | None] = await self._store.read(
            prefix, "HMGET", keys.state(prefix, execution), "@t", "@d"
        )
        if found[0] is None or found[1] is None:
            return (await self._reader.read(tenant, execution)).plan
        if found[0].decode() != tenant:
            raise NoSuchExecution("no execution of this id")
        return await self._catalogue.plan(found[1].decode())

    async def _of_archived(self, tenant: Tenant, execution: str, signal: Signal) -> Sent:
        stored = await self._reader.read(tenant, execution)
        first = stored.signal(signal.name)
        if signal.key and (used := stored.records.get(f"@?{signal.key}")):
            first = stored.signal(used.decode()) or first
        return _known(execution, signal, first, STATES[stored.letter])


def _known(execution: str, signal: Signal, first: Signal | None, status: str) -> Sent:
    """What to answer when this signal was not taken: the name, or the key, was used before, or it
    is too late.
    """
    if first is not None and first == signal:  # it was taken, and the word of it was lost
        return Sent(status, (), signal, replayed=False)
    if first is not None and signal.key and first.key == signal.key:
        if first.digest != signal.digest:
            raise IdempotencyMismatch("this Idempotency-Key was used with another body")
        return Sent(status, (), first, replayed=True)
    if first is not None:
        shown = {
            "name": first.name,
            "by": first.actor,
            "at": instant(first.at_ms),
            "payload": bounded(first.payload, f"/api/executions/{execution}/history"),
        }
        raise SignalAnswered(f"signal {first.name!r} came before, and counts once", first=shown)
    if status not in _GOING_ON:
        detail = f"an execution that is {status} takes no signals"
        raise WrongState(detail, execution_status=status, allowed=[])
    detail = f"no step waits for {signal.name!r} any more"
    raise SignalTooLate(detail, execution_status=status)


def _sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:40]
