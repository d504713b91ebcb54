"""Starting executions: input checked before anything is stored, then one script (R1 to R4)."""

import hashlib
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from orchestra import tracing
from orchestra.clock import Clock, Random
from orchestra.errors import Invalid, TooLarge
from orchestra.security import hops
from orchestra.store import partitions
from orchestra.store.failures import NotReplicated, StoreAway
from orchestra.store.keys import Tenant
from orchestra.store.repeats import IdempotencyMismatch
from orchestra.workflows.catalogue.plans import (
    IDEMPOTENCY_TTL_MS,
    Catalogue,
    NoSuchVersion,
    WorkflowArchived,
)
from orchestra.workflows.language.definition import Json
from orchestra.workflows.language.durations import parsed_ms
from orchestra.workflows.language.findings import Findings
from orchestra.workflows.language.shapes import Duration, Text, Texts
from orchestra.workflows.planning.facts import Envelope
from orchestra.workflows.planning.framing import pack
from orchestra.workflows.planning.plan import Plan
from orchestra.workflows.ports import SCRIPTS, Lease, Partitions
from orchestra.workflows.running.claims import claims_in
from orchestra.workflows.running.engine import Engine
from orchestra.workflows.running.recording import STICKY

INPUT_MAX_BYTES = 1024 * 1024
PRIORITY_COST = 1_000
_REPEATS = 20
_DELAY, _TIMEOUT = Duration(0, 366 * 86_400_000), Duration(100, 366 * 86_400_000)
_LABELS, _LABEL = Texts(), Text(256, least=1)


class InputInvalid(Invalid):
    """The input does not fit the workflow's `input_schema`."""


class Start(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a start; all of it is optional."""

    input_data: Annotated[Json, Meta(description="What expressions call `input`.")] = msgspec.UNSET
    input: Annotated[Json, Meta(description="Short for `input_data`.")] = msgspec.UNSET
    version: Annotated[int | None, Meta(description="null: the active one.")] = None
    labels: Annotated[dict[str, str], Meta(description="Added to the workflow's.")] = {}
    delay: Annotated[str | None, Meta(description="Begin later, as `30s` or `1h30m`.")] = None
    timeout: Annotated[str | None, Meta(description="At most that of the definition.")] = None


class Started(msgspec.Struct, frozen=True):
    """An accepted execution. `created` is False when the key was used before."""

    execution: str
    workflow: str
    version: int
    created: bool


class Starter:
    """Accepts executions, and hands their first steps to the engine of this replica."""

    def __init__(
        self, store: Partitions, catalogue: Catalogue, engine: Engine, lease: Lease,
        clock: Clock, chance: Random,
    ) -> None:  # fmt: skip
        self._store, self._catalogue, self._engine = store, catalogue, engine
        self._lease, self._clock, self._chance = lease, clock, chance

    async def start(
        self, tenant: Tenant, reference: str, request: Start, *, actor: str,
        key: str | None = None, watch: bool = False,
    ) -> Started:  # fmt: skip
        """Accept an execution of a workflow, by id or name.

        Raises NoSuchWorkflow, NoSuchVersion, WorkflowArchived, InputInvalid, IdempotencyMismatch,
        StoreAway, StoreFull. With `key` it is safe to repeat, from anywhere, for 24 h.
        """
        delay_ms, timeout_ms = _clocks(request)
        workflow = await self._catalogue.get(tenant, reference)
        if workflow.archived:
            raise WorkflowArchived("the workflow is archived: it starts nothing")
        version = workflow.active if request.version is None else request.version
        if version not in workflow.digests:
            raise NoSuchVersion(f"the workflow has no version {version}", version=version)
        plan = await self._catalogue.plan(workflow.digests[version][0])
        given = self._input(plan, request)
        envelope = Envelope(
            input=given,
            workflow_id=workflow.id,
            workflow_name=workflow.name,
            workflow_version=version,
            created_ms=self._clock.now_ms(),
            delay_ms=delay_ms,
            actor=actor,
            labels=_labels({**plan.definition.labels, **request.labels}),
            hop=hops.come_so_far(),
            trace=tracing.text(),
        )
        repeat = None if key is None else (key, msgspec.json.encode(request, order="deterministic"))
        return await self._accept(tenant, plan, envelope, repeat, timeout_ms, watch=watch)

    def _input(self, plan: Plan, request: Start) -> Json:
        """The input, defaulted and checked (R4)."""
        given = request.input_data if request.input_data is not msgspec.UNSET else request.input
        given = dict[str, Json]() if given is msgspec.UNSET else given
        if plan.input_schema is None:
            return given
        made = plan.input_schema.defaulted(given)
        wrong = plan.input_schema.errors(made)
        if wrong:
            findings = [
                {"pointer": f"/input_data{pointer}", "code": "input.invalid", "message": message}
                for pointer, message in wrong[:200]
            ]
            raise InputInvalid("the input does not fit the workflow's input_schema", findings)
        return made

    async def _accept(
        self, tenant: Tenant, plan: Plan, envelope: Envelope,
        repeat: tuple[str, bytes] | None, timeout_ms: int | None, *, watch: bool,
    ) -> Started:  # fmt: skip
        """`repeat`: the caller's key and the body it was sent with."""
        framed = pack(envelope)
        if len(framed) > INPUT_MAX_BYTES:
            raise TooLarge("the input is over 1 MiB", limit_bytes=INPUT_MAX_BYTES)
        tags = self._store.partitions
        idem = digest = ""
        if repeat is None:
            tag = tags[self._chance.getrandbits(32) % len(tags)]
        else:
            idem = _sha(f"{tenant}|{envelope.workflow_id}|{repeat[0]}".encode())
            digest = _sha(repeat[1])
            tag = tags[int(idem[:8], 16) % len(tags)]
        execution = partitions.execution_id(self._clock.now_ms(), tag, self._chance.getrandbits)
        longest_ms = min(plan.definition.timeout_ms, timeout_ms or plan.definition.timeout_ms)
        delay_ms = envelope.delay_ms
        claiming = delay_ms == 0 and self._lease.joined(tag) and not self._lease.fenced(tag)
        reply = await self._insist(
            tag, eid=execution, definition=plan.digest, tenant=tenant, cost=PRIORITY_COST,
            delay_ms=delay_ms, idem=idem, idem_digest=digest, idem_ttl_ms=IDEMPOTENCY_TTL_MS,
            deadline_ms=longest_ms, on_late=plan.on_late, last="", parent="", input=framed,
            steps=plan.body.spawn, session=self._lease.session,
            sticky=min(STICKY, self._engine.hands.free) if claiming else 0, queues="*",
            watch="1" if watch else "",
        )  # fmt: skip
        first = reply[1].decode()
        if reply[0] == 3:
            raise IdempotencyMismatch("this Idempotency-Key was used with another body")
        if reply[0] == 1:
            facts = self._engine.facts(execution)
            facts.envelope, facts.digest = envelope, plan.digest
            self._engine.worker.take(claims_in(tag, reply, 2))
            if delay_ms:
                self._engine.timer_set(tag, delay_ms)
        return Started(first, envelope.workflow_id, envelope.workflow_version, reply[0] != 2)

    async def _insist(self, tag: int, **args: Any) -> Any:
        """The same start, repeated for some seconds: the id makes a repeat harmless."""
        wait_s, again = 0.05, False
        for tried in range(_REPEATS):
            try:
                prefix = self._store.prefix(tag)
                return await self._store.run(SCRIPTS["execution_start"], prefix, **args)
            except (StoreAway, NotReplicated):
                if tried == _REPEATS - 1 or wait_s > 0.8:
                    raise
                again = True
            await self._clock.sleep(wait_s)
            wait_s *= 2
            if again:
                self._engine.suspect(tag)
        raise AssertionError("the loop returns or raises")


def _sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:40]


def _clocks(request: Start) -> tuple[int, int | None]:
    """Delay and timeout in milliseconds. Raises Invalid with all that is wrong with the request."""
    found = Findings()
    if request.input is not msgspec.UNSET and request.input_data is not msgspec.UNSET:
        found.error("field.range", "/input", "is short for input_data: give one of them")
    if request.delay is not None:
        _DELAY.read(request.delay, "/delay", found)
    if request.timeout is not None:
        _TIMEOUT.read(request.timeout, "/timeout", found)
    _refuse(found)
    return parsed_ms(request.delay) or 0, parsed_ms(request.timeout)


def _labels(labels: dict[str, str]) -> dict[str, str]:
    """Those of the workflow and of the start together. Raises Invalid."""
    if not labels:
        return labels
    found = Findings()
    _LABELS.read(labels, "/labels", found)
    for name in labels:
        _LABEL.read(name, "/labels", found)
    _refuse(found)
    return labels


def _refuse(found: Findings) -> None:
    if found.failed:
        raise Invalid("the request is not valid", found.all())
