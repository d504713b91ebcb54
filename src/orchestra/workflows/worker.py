"""Work on one claimed step: look, call, record, and go on with what the record made ready.

Every effect on the store is one script, repeated until it is answered; the planner decides what.
"""

import base64
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

import anyio
import msgspec
import structlog

from orchestra.agents import Agents, Task, TaskError, TaskResult
from orchestra.clock import Clock, Random
from orchestra.retry import Backoff
from orchestra.store.failures import NotReplicated, StoreAway
from orchestra.store.frames import CorruptRecord
from orchestra.store.keys import Tenant
from orchestra.store.scripts import Argument, Script
from orchestra.workflows import undoing
from orchestra.workflows.catalogue import Catalogue
from orchestra.workflows.clocks import Clocks, clocks_of
from orchestra.workflows.facts import Claim, Record, Work, claim_of, pack
from orchestra.workflows.failing import Completion, Failure, broken, cancelled
from orchestra.workflows.hands import Hands, Held
from orchestra.workflows.memory import INLINE_MAX, Gone, Memory
from orchestra.workflows.planner import Call, after_call, decide
from orchestra.workflows.ports import SCRIPTS, Lease, Partitions, Spawn
from orchestra.workflows.scoping import closing, contents

log = structlog.get_logger(__name__)

RESULT_MAX = 1024 * 1024
STICKY = 32
_REPEAT = Backoff(initial_ms=50, max_ms=2_000, jitter="equal")
_begin, _complete = SCRIPTS["step_begin"], SCRIPTS["step_complete"]
_release, _blob_put = SCRIPTS["step_release"], SCRIPTS["blob_put"]


@dataclass(slots=True, frozen=True)
class Claimed:
    """A claim as a script hands it out."""

    tag: int
    item: str
    token: str
    digest: str
    tenant: str

    @property
    def key(self) -> tuple[str, str]:
        """Its name in `Hands`."""
        return self.item, self.token


def claims_in(tag: int, reply: list[Any], start: int) -> list[Claimed]:
    """The claims in a reply: item, token, definition, tenant, body, again and again."""
    return [
        Claimed(tag, reply[i].decode(), reply[i + 1].decode(), reply[i + 2].decode(), reply[i + 3].decode())
        for i in range(start, len(reply), 5)
    ]  # fmt: skip


@dataclass(slots=True)
class Around:
    """What surrounds the workers of one replica."""

    store: Partitions
    agents: Agents
    catalogue: Catalogue
    memory: Memory
    hands: Hands
    lease: Lease
    clock: Clock
    chance: Random
    spawn: Spawn


class Listener(Protocol):
    """Who hears what a worker came across."""

    def ended(self, execution: str) -> None:
        """An execution ended in a transition made here."""
        ...

    def suspect(self, tag: int) -> None:
        """A reply that may have carried claims was lost."""
        ...

    def timer_set(self, tag: int, delay_ms: int) -> None:
        """A timer was set in a partition."""
        ...


class Worker:
    """Runs claims. One for a replica; `run` is started once for each claim."""

    def __init__(self, around: Around, listener: Listener) -> None:
        self._a, self._listener = around, listener

    def take(self, claims: list[Claimed]) -> None:
        """Start working on what was just claimed."""
        for claimed in claims:
            if self._a.hands.take(claimed.tag, claimed.key) is not None:
                self._a.spawn(self.run, claimed)

    async def run(self, claimed: Claimed) -> None:
        """Work on a claim, then on the first step it made ready, and so on. Others are spawned."""
        following: Claimed | None = claimed
        while following is not None:
            more = await self._one(following)
            following = None
            for claim in more:
                if self._a.hands.take(claim.tag, claim.key) is None:
                    continue
                if following is None:
                    following = claim
                else:
                    self._a.spawn(self.run, claim)

    async def _one(self, claimed: Claimed) -> list[Claimed]:
        held = self._a.hands.held[claimed.tag][claimed.key]
        claim = claim_of(claimed.item, claimed.token, claimed.tenant, self._a.clock.now_ms())
        try:
            completion = await self._completion(claimed, claim, held)
            if completion is None:
                return []
            return await self._record(claimed, claim, completion)
        except Gone:
            log.warning("step.execution_gone", execution=claim.execution, step=claim.path)
            return []
        except Exception:
            # The outermost edge of a task: nobody else can tell that this step went wrong. It is
            # handed back as after a crash, so a bug of ours ends in `step.crash_loop`, not in silence.
            log.exception("step.work_failed", execution=claim.execution, step=claim.path)
            await self._back(claimed, stopped=1)
            return []
        finally:
            self._a.hands.drop(claimed.tag, claimed.key)

    async def _completion(self, claimed: Claimed, claim: Claim, held: Held) -> Completion | None:
        """What to record; None when there is nothing to record any more."""
        a = self._a
        plan = a.catalogue.cached(claimed.digest)
        if plan is None:
            plan = await self._insist(a.catalogue.plan, claimed.digest)
        node = plan.nodes[claim.path.removeprefix("~")]
        work = Work(plan, node, claim, a.memory.facts(claim.execution), claim.claimed_ms)
        prefix = a.store.prefix(claimed.tag)
        undone = claim.path[0] == "~"
        try:
            needs = () if undone else self._upstream(work)
            fields = a.memory.missing(work, [node.path] if undone else needs)
            if fields:
                await self._insist(a.memory.read, prefix, claim.execution, work.facts, fields)
            if undone:
                return await self._compensate(claimed, work, held)
            record = work.facts.records.get(node.path) if node.opens and claim.n > 1 else None
            if record is not None and record["status"] == "running" and record["try"] == claim.k:
                await self._inside(prefix, work, record)
                return closing(work)
            decision = decide(work, self._needs)
        except CorruptRecord as damage:
            log.error("record.corrupt", execution=claim.execution, step=claim.path, key=str(damage))
            error = TaskError("corrupt-record", "a stored record of this execution is damaged")
            return broken(work, error)
        if isinstance(decision, Completion):
            return decision
        return await self._call(claimed, work, decision, held)

    async def _inside(self, prefix: str, work: Work, record: Record) -> None:
        """Read the records of what a container opened."""
        paths = [n.path for n in contents(work.node, record)]
        fields = [path for path in paths if work.facts.status(path) != "completed"]
        if fields:
            read = self._a.memory.read
            await self._insist(read, prefix, work.claim.execution, work.facts, fields)

    # agents

    def _needs(self, work: Work) -> tuple[str, ...]:
        step = work.node.step
        if step.agent is None or step.agent.type is None:
            return ()
        return self._a.agents.needs(Tenant(work.claim.tenant), step.agent.type, step.task_type)

    def _upstream(self, work: Work) -> tuple[str, ...]:
        """Records that an input may have to be filled from."""
        step = work.node.step
        if work.node.kind != "agent" or step.context != "auto" or not work.node.earlier:
            return ()
        given = step.input_data if isinstance(step.input_data, dict) else {}
        if all(name in given for name in self._needs(work)):
            return ()
        return work.node.earlier

    async def _call(
        self, claimed: Claimed, work: Work, call: Call, held: Held
    ) -> Completion | None:
        node, claim = work.node, work.claim
        undo = node.undo.entry if node.undo is not None else ""
        if undo and not await self._begun(claimed, undo):
            return None
        clocks = await clocks_of(self._a.memory, self._a.store.prefix(claimed.tag), work)
        if clocks.left_ms is not None and clocks.left_ms <= 0:
            error = TaskError(
                "timeout.total", f"over total_timeout of {node.step.total_timeout_ms} ms"
            )
            return broken(work, error)
        task = task_of(work, call, clocks)
        result = await self._ask(claimed.tag, task, held)
        ended_ms = self._a.clock.now_ms()
        record = call_record(work, call, result, ended_ms)
        if result is None:
            return await self._stopped(claimed, work, record, held)
        if (
            result.error is not None
            and clocks.cut(task, call)
            and result.error.code == "timeout.attempt"
        ):
            result = msgspec.structs.replace(
                result, error=TaskError("timeout.total", "total_timeout is over", definite=False)
            )
        failure = Failure(
            TaskError("", ""), record, clocks.elapsed_ms(ended_ms), clocks.left_at(ended_ms)
        )
        return after_call(work, call, result, failure, self._a.chance.random)

    async def _ask(self, tag: int, task: Task, held: Held) -> TaskResult | None:
        """Call the agent; None when it was stopped, or when we must not start it."""
        if self._a.lease.fenced(tag):
            held.why = "fence"
            return None
        result: TaskResult | None = None
        with anyio.CancelScope() as held.scope:
            result = await self._a.agents.execute(task)
        held.scope = None
        return result

    async def _stopped(
        self, claimed: Claimed, work: Work, record: Record, held: Held
    ) -> Completion | None:
        """A call that was cancelled from here."""
        match held.why:
            case "interrupt":
                await self._back(claimed, stopped=0)
            case "drain":
                await self._back(claimed, stopped=1)
            case "cancel":
                return cancelled(work, record, unknown=True)
            case _:
                pass
        return None

    async def _compensate(self, claimed: Claimed, work: Work, held: Held) -> Completion | None:
        """Undo a step: its own call, its own retries, and no consequences but the next undo."""
        cause = await self._cause(self._a.store.prefix(claimed.tag), work)
        call = undoing.call_of(work, cause)
        if isinstance(call, Completion):
            return call
        task = undoing.task_of(work, call)
        result = await self._ask(claimed.tag, task, held)
        if result is None:
            return None if held.why == "fence" else await self._stopped(claimed, work, {}, held)
        record = call_record(work, call, result, self._a.clock.now_ms())
        return undoing.after_call(work, result, record, self._a.chance.random)

    async def _cause(self, prefix: str, work: Work) -> Record | None:
        """The error that the execution is rolled back for, if there is one."""
        key = f"{prefix}x:{work.claim.execution}"
        path = await self._insist(self._a.memory.fetch, prefix, "HGET", key, "@z")
        if path is None or path.decode() not in work.plan.nodes:
            return None
        failed = path.decode()
        read = self._a.memory.read
        await self._insist(read, prefix, work.claim.execution, work.facts, [failed])
        return work.facts.records.get(failed, {}).get("error")

    # the store

    async def _begun(self, claimed: Claimed, undo: str) -> bool:
        """Intent before effect. False: it is not ours any more, or not wanted."""
        reply = await self._insist(
            self._a.store.run, _begin, self._a.store.prefix(claimed.tag),
            item=claimed.item, token=claimed.token, undo=undo, once="0", child="",
        )  # fmt: skip
        if reply[0] == 2:
            await self._back(claimed, stopped=0)
        return bool(reply[0] == 1)

    async def _back(self, claimed: Claimed, stopped: int) -> None:
        """Hand a claim back."""
        await self._insist(
            self._a.store.run, _release, self._a.store.prefix(claimed.tag),
            item=claimed.item, token=claimed.token, stopped=stopped,
        )  # fmt: skip

    async def _record(self, claimed: Claimed, claim: Claim, made: Completion) -> list[Claimed]:
        a, prefix = self._a, self._a.store.prefix(claimed.tag)
        framed = await self._framed(claimed, claim, made)
        saturated = "".join(f"\n-{name}" for name in a.agents.saturated())
        sticky = 0 if a.lease.fenced(claimed.tag) else min(STICKY, a.hands.free + 1)
        again = False

        async def once() -> Any:
            nonlocal again
            try:
                return await a.store.run(
                    _complete, prefix, item=claimed.item, token=claimed.token, out=made.out,
                    record=framed, sticky=sticky, max=0, queues="*" + saturated,
                    delay_ms=made.delay_ms, bump=made.bump, end=made.end, escalate=made.escalate,
                    undo=made.undo, succ=made.succ, spawn=made.spawn, emit=made.emit, vars=made.vars,
                )  # fmt: skip
            except StoreAway:
                again = True
                raise

        reply = await self._insist(once)
        if again:
            self._listener.suspect(claimed.tag)
        if reply[0] == 0:
            a.memory.forget(claim.execution)
            log.warning("step.late_result", execution=claim.execution, step=claim.path)
            return []
        if made.out in "CFS" and claim.path[0] != "~":
            a.memory.keep(claim.execution, claim.path, made.record, len(framed))
        if reply[0] == 2:
            return []
        if made.delay_ms:
            self._listener.timer_set(claimed.tag, made.delay_ms)
        state = reply[1].decode()
        if len(state) > 1:
            a.memory.facts(claim.execution).end = (state[0], int(state[1:]))
            self._listener.ended(claim.execution)
        return claims_in(claimed.tag, reply, 2)

    async def _framed(self, claimed: Claimed, claim: Claim, made: Completion) -> bytes:
        """The record as it is stored; a large one goes into a blob first."""
        if made.out == "Y":  # the script records it as failed when nothing may follow any more
            return pack({**made.record, "status": "failed"})
        framed = pack(made.record)
        if len(framed) <= INLINE_MAX:
            return framed
        if len(framed) > RESULT_MAX:
            error = {"code": "agent.too_large", "message": f"the record is over {RESULT_MAX} bytes",
                     "attempt": claim.attempt, "at_ms": made.record.get("ended_ms", 0)}  # fmt: skip
            made.record = {k: v for k, v in made.record.items() if k not in ("output", "input")}
            made.record |= {"error": error}
            if made.out == "C":
                made.out, made.succ = "F", ""
                made.record["status"] = "failed"
                made.end, made.escalate = ("F", "") if "/" not in claim.path else ("", "1")
            return pack(made.record)
        name = await self._insist(
            self._a.store.run, _blob_put, self._a.store.prefix(claimed.tag),
            item=claimed.item, token=claimed.token, bytes=framed,
        )  # fmt: skip
        kept = (
            "status",
            "agent",
            "attempts",
            "started_ms",
            "ended_ms",
            "reason",
            "case",
            "try",
            "handler",
        )
        small = {k: made.record[k] for k in kept if k in made.record}
        return pack({**small, "blob": name.decode() if isinstance(name, bytes) else ""})

    async def _insist(
        self, call: Callable[..., Awaitable[Any]], *args: Any, **named: Argument | Script
    ) -> Any:
        """The same call until the store answers. It ends with the session, at the latest."""
        tried = 0
        while True:
            try:
                return await call(*args, **named)
            except (StoreAway, NotReplicated):
                tried += 1
                wait_ms = _REPEAT.delay_ms(tried, self._a.chance.random)
                await self._a.clock.sleep(wait_ms / 1_000)


def task_of(work: Work, call: Call, clocks: Clocks) -> Task:
    """The task of one attempt."""
    claim, choice, step = work.claim, call.choice, work.node.step
    timeout_ms = call.timeout_ms if clocks.left_ms is None else min(call.timeout_ms, clocks.left_ms)
    assert work.facts.envelope is not None
    return Task(
        id=f"tsk_{claim.execution.removeprefix('exe_')}.{claim.path}.{claim.n}",
        tenant=Tenant(claim.tenant),
        input_data=call.request,
        agent_type=choice.type,
        agent=choice.id,
        capability=choice.capability or step.task_type,
        version=choice.version,
        labels=choice.labels,
        fallbacks=choice.fallbacks,
        timeout_ms=timeout_ms,
        queue_timeout_ms=max(1, call.queue_timeout_ms - clocks.waited_ms),
        key=key_of(claim.execution, claim.path, claim.k),
        attempt=claim.attempt,
        fence=claim.n,
        execution=claim.execution,
        step=claim.path,
        workflow=work.facts.envelope.workflow_id,
        output_schema=step.output_schema,
    )


def key_of(execution: str, path: str, logical: int) -> str:
    """The idempotency key of a logical try: `orc-` and 26 base32 characters (ENGINE.md §16)."""
    digest = hashlib.sha256(f"{execution}|{path}|{logical}".encode()).digest()
    return "orc-" + base64.b32encode(digest).decode()[:26].lower()


def call_record(work: Work, call: Call, result: TaskResult | None, ended_ms: int) -> Record:
    """What is known about a step whose agent was called, before its outcome is."""
    made: Record = {
        "input": call.request,
        "attempts": work.claim.attempt,
        "started_ms": work.claim.claimed_ms,
        "ended_ms": ended_ms,
    }
    if call.filled:
        made["filled"] = call.filled
    if result is not None:
        if result.agent_name:
            made |= {"agent": result.agent_name, "agent_id": result.agent_id}
        made["queued_ms"] = result.queue_ms
        if result.degraded:
            made["degraded"] = True
        if result.usage:
            made["usage"] = result.usage
        if len(result.calls) > 1 or result.error is not None:
            made["calls"] = list(result.calls)
    return made
