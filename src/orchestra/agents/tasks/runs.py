"""Tasks that run here for somebody who may have gone, until their end or until stopped."""

from collections.abc import Awaitable, Callable

import anyio
import anyio.abc
import structlog

from orchestra.agents import Task, TaskError, TaskResult
from orchestra.agents.pools.roster import capability_of
from orchestra.agents.tasks.ledger import Kept, Ledger, State
from orchestra.agents.tasks.live import Live
from orchestra.agents.tasks.post import Post
from orchestra.errors import OrchestraError

log = structlog.get_logger(__name__)

KEEP_S = 1.0
GRACE_S = 0.25

Execute = Callable[[Task], Awaitable[TaskResult]]

LATE = TaskResult(error=TaskError("timeout.attempt", "no answer in time", definite=False))
STOPPED = TaskResult(error=TaskError("agent.lost", "the server stopped", definite=False))


class Run:
    """One task that runs here. `result` is None for one that was cancelled."""

    def __init__(self, task: Task, created_ms: int, *, keyed: bool) -> None:
        self.task, self.created_ms, self.keyed = task, created_ms, keyed
        self.scope = anyio.CancelScope()
        self.ended = anyio.Event()
        self.state: State = "running"
        self.result: TaskResult | None = None
        self.recorded = keyed

    @property
    def kept(self) -> Kept:
        """What stays of it."""
        return Kept(self.result, capability_of(self.task))


class Runs:
    """All of this replica. `serve` must run."""

    def __init__(self, execute: Execute, ledger: Ledger, live: Live, post: Post) -> None:
        self._execute, self._ledger, self._live = execute, ledger, live
        self._runs: dict[str, Run] = {}
        self._group: anyio.abc.TaskGroup | None = None
        post.on("stop", self.stop)

    def find(self, task_id: str) -> Run | None:
        """The run of a task, while it runs here."""
        return self._runs.get(task_id)

    def start(self, run: Run) -> None:
        """Run a task in the background."""
        assert self._group is not None, "tasks are no longer begun"
        self._live.open(run.task.id, run.task.tenant)
        self._runs[run.task.id] = run
        self._group.start_soon(self._do, run)

    async def record(self, run: Run) -> None:
        """See to it that others can look at it. Raises StoreAway."""
        if run.recorded:
            return
        await self._ledger.begin(run.task.tenant, run.task.id, run.created_ms)
        run.recorded = True
        if run.ended.is_set():  # too quick for us
            await self._ledger.close(run.task.id, run.state, run.kept, keyed=False)

    def stop(self, task_id: str) -> None:
        """Cancel a task, if it runs here."""
        run = self._runs.get(task_id)
        if run is not None:
            run.scope.cancel()

    async def idle(self) -> None:
        """Until nothing runs."""
        for run in list(self._runs.values()):
            await run.ended.wait()

    async def serve(self) -> None:
        """Run tasks, and say that they do, until cancelled."""
        async with anyio.create_task_group() as group:
            self._group = group
            try:
                while True:
                    await anyio.sleep(KEEP_S)
                    for task_id, run in list(self._runs.items()):
                        if run.recorded:
                            group.start_soon(self._keep, task_id)
            finally:
                self._group = None

    async def _do(self, run: Run) -> None:
        state: State = "failed"
        result: TaskResult | None = STOPPED
        try:
            with run.scope:
                made = LATE
                with anyio.move_on_after(run.task.timeout_ms / 1_000 + GRACE_S):
                    made = await self._execute(run.task)
                state, result = "completed" if made.error is None else "failed", made
            if run.scope.cancelled_caught:
                state, result = "cancelled", None
        finally:
            run.state, run.result = state, result
            with anyio.CancelScope(shield=True):
                await self._close(run)

    async def _close(self, run: Run) -> None:
        try:
            if run.recorded:
                await self._ledger.close(run.task.id, run.state, run.kept, keyed=run.keyed)
        except OrchestraError as away:
            log.warning("task.not_recorded", task=run.task.id, error=away.code)
        finally:
            run.ended.set()
            self._runs.pop(run.task.id, None)
            self._live.close(run.task.id)

    async def _keep(self, task_id: str) -> None:
        try:
            if await self._ledger.keep(task_id) == 2:
                self.stop(task_id)
        except OrchestraError as away:
            log.debug("task.not_kept", task=task_id, error=away.code)
