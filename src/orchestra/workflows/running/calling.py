"""Calls the agent of a claimed step, or of its compensation, under all its clocks."""

import anyio
import msgspec
import structlog

from orchestra import tracing
from orchestra.agents import Task, TaskError, TaskResult
from orchestra.workflows.planning import undoing
from orchestra.workflows.planning.facts import Record, Work
from orchestra.workflows.planning.failing import Completion, Failure, broken, cancelled
from orchestra.workflows.planning.planner import Call, after_call
from orchestra.workflows.running.claims import Around, Claimed
from orchestra.workflows.running.clocks import clocks_of
from orchestra.workflows.running.hands import Held
from orchestra.workflows.running.recording import Recorder
from orchestra.workflows.running.tasks import call_record, task_of

log = structlog.get_logger(__name__)


class Caller:
    """The asking half of a worker."""

    def __init__(self, around: Around, recorder: Recorder) -> None:
        self._a, self._recorder = around, recorder

    async def call(self, claimed: Claimed, work: Work, call: Call, held: Held) -> Completion | None:
        node = work.node
        undo = node.undo.entry if node.undo is not None else ""
        if undo and not await self._recorder.begun(claimed, undo):
            return None
        if node.reads_vars and work.plan.sets_vars:
            call.request = await self._recorder.kept(claimed, call.request)
        clocks = await clocks_of(self._a.memory, self._a.store.prefix(claimed.tag), work)
        if clocks.left_ms is not None and clocks.left_ms <= 0:
            error = TaskError(
                "timeout.total", f"over total_timeout of {node.step.total_timeout_ms} ms"
            )
            return broken(work, error)
        timeout_ms = clocks.capped(call.timeout_ms)
        task = task_of(work, call, timeout_ms=timeout_ms, waited_ms=clocks.waited_ms)
        result = await self._ask(claimed.tag, task, held)
        ended_ms = self._a.clock.now_ms()
        record = call_record(work, call, result, ended_ms)
        if result is None:
            return await self._stopped(claimed, work, record, held)
        if (
            result.error is not None
            and timeout_ms < call.timeout_ms
            and result.error.code == "timeout.attempt"
        ):
            result = msgspec.structs.replace(
                result, error=TaskError("timeout.total", "total_timeout is over", definite=False)
            )
        failure = Failure(
            TaskError("", ""), record, clocks.elapsed_ms(ended_ms), clocks.left_at(ended_ms)
        )
        return after_call(work, call, result, failure, self._a.chance.random)

    async def compensate(self, claimed: Claimed, work: Work, held: Held) -> Completion | None:
        """Undo a step: its own call, its own retries, and no consequences but the next undo."""
        cause = await self._cause(self._a.store.prefix(claimed.tag), work)
        call = undoing.call_of(work, cause)
        if isinstance(call, Completion):
            return call
        task = task_of(work, call, timeout_ms=call.timeout_ms)
        result = await self._ask(claimed.tag, task, held)
        if result is None:
            return await self._stopped(claimed, work, {}, held)
        record = call_record(work, call, result, self._a.clock.now_ms())
        return undoing.after_call(work, result, record, self._a.chance.random)

    async def _ask(self, tag: int, task: Task, held: Held) -> TaskResult | None:
        """Call the agent; None when it was stopped, or when we must not start it."""
        if self._a.lease.fenced(tag):
            held.why = "fence"
            return None
        result: TaskResult | None = None
        tracing.come(tracing.read(task.trace))
        with anyio.CancelScope() as held.scope:
            result = await self._a.agents.execute(task)
        held.scope = None
        return result

    async def _stopped(
        self, claimed: Claimed, work: Work, record: Record, held: Held
    ) -> Completion | None:
        """A call that was cancelled from here, or not made."""
        match held.why:
            case "interrupt":
                await self._recorder.back(claimed, stopped=0)
            case "drain":
                await self._recorder.back(claimed, stopped=1)
            case "cancel":
                return cancelled(work, record, unknown=True)
            case _:
                log.warning("step.abandoned")
        return None

    async def _cause(self, prefix: str, work: Work) -> Record | None:
        """The error that the execution is rolled back for, if there is one."""
        key = f"{prefix}x:{work.claim.execution}"
        path = await self._recorder.insist(self._a.memory.fetch, prefix, "HGET", key, "@z")
        if path is None or path.decode() not in work.plan.nodes:
            return None
        failed = path.decode()
        read = self._a.memory.read
        await self._recorder.insist(read, prefix, work.claim.execution, work.facts, [failed])
        return work.facts.records.get(failed, {}).get("error")
