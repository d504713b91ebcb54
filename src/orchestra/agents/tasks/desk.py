"""`POST /api/agents/execute` and what follows: callers wait, come back, look on, or cancel.

The short way is for those who stay until the end: nothing is kept of it. Whoever sends an
`Idempotency-Key`, wants to look on, or waits for less than the task may take gets a record.
"""

import re
from collections.abc import AsyncIterator, Mapping

import anyio
import msgspec

from orchestra.agents import NoAgentAvailable, Task, TaskResult
from orchestra.agents.pools.roster import capability_of, choose
from orchestra.agents.registry.registry import Registry
from orchestra.agents.routing.executor import Executor
from orchestra.agents.tasks.direct import (
    GRACE_S,
    DeadlineExceeded,
    document_of,
    read_task,
    refusal_of,
    told_error,
)
from orchestra.agents.tasks.ledger import Ledger, Record
from orchestra.agents.tasks.live import Live, Topic
from orchestra.agents.tasks.post import Post
from orchestra.agents.tasks.runs import Run, Runs
from orchestra.clock import Clock
from orchestra.errors import Conflict, Invalid, NotFound
from orchestra.instants import instant
from orchestra.security.hardened import loads
from orchestra.store.keys import Tenant
from orchestra.store.repeats import IdempotencyMismatch

Document = dict[str, object]

WAIT_MAX_S = 60.0
LOOK_S = 0.25
STOP_S = 2.0
KEEP_ALIVE_S = 15.0
ASK_S = 5.0
_WAIT = re.compile(r"(?:^|[,;\s])wait=(\d{1,5})(?=$|[,;\s])")


class TaskUnknown(NotFound):
    """No such task, or its record is gone: results stay for 1 h."""


class TaskCancelled(Conflict):
    """Somebody cancelled the task."""


class Asked(msgspec.Struct, frozen=True):
    """A request for a task. `wait_s`: None waits as long as the task may take, at most 60 s."""

    tenant: Tenant
    body: bytes
    key: str = ""
    wait_s: float | None = None


class Told(msgspec.Struct, frozen=True):
    """The task as it is now; `ended` false: it goes on without the caller."""

    document: Document
    ended: bool = True
    replayed: bool = False


class Said(msgspec.Struct, frozen=True):
    """An event of a stream; `name` is '' when there is nothing to say but that we live."""

    id: int = 0
    name: str = ""
    data: Mapping[str, object] = {}


class Desk:
    """Direct tasks of all callers."""

    def __init__(
        self,
        executor: Executor,
        registry: Registry,
        ledger: Ledger,
        live: Live,
        post: Post,
        clock: Clock,
    ) -> None:
        self._executor, self._registry, self._ledger = executor, registry, ledger
        self._live, self._post, self._clock = live, post, clock
        self.runs = Runs(executor.execute, ledger, live, post)

    async def execute(self, asked: Asked) -> Told:
        """Have a task done, and wait for it. Every failure is an exception with its own status."""
        task = await self._read(asked)
        wait_s = asked.wait_s
        if wait_s is None:
            wait_s = min(task.timeout_ms / 1_000, WAIT_MAX_S)
        if not asked.key and wait_s * 1_000 >= task.timeout_ms:
            return Told(await self._at_once(task))
        task_id, replayed = await self._begin(task, asked)
        record = await self._ended(asked.tenant, task_id, wait_s)
        if record.running:
            return Told(shown(record), ended=False, replayed=replayed)
        return Told(_done(record), replayed=replayed)

    async def stream(self, asked: Asked) -> tuple[str, Topic | None]:
        """Begin a task that somebody will look at: its id, and what `events` wants beside it."""
        task = await self._read(asked)
        task_id, _ = await self._begin(task, asked)
        run, topic = self.runs.find(task_id), None
        if run is not None:
            topic = self._live.join(
                task_id, asked.tenant
            )  # now: a quick task ends before anybody looks
            await self.runs.record(run)
        return task_id, topic

    async def one(self, tenant: Tenant, task_id: str) -> Document:
        """How a task stands. Raises TaskUnknown."""
        return shown(await self._look(tenant, task_id))

    async def cancel(self, tenant: Tenant, task_id: str) -> Document:
        """Cancel it, wherever it runs; nothing happens to one that has ended. Raises TaskUnknown.

        Waits a moment for its end.
        """
        record = await self._look(tenant, task_id, stop=True)
        if record.running:
            await self._post.send(record.session, "stop", task_id)
            record = await self._ended(tenant, task_id, STOP_S)
        return shown(record)

    async def events(
        self, tenant: Tenant, task_id: str, last: int, topic: Topic | None = None
    ) -> AsyncIterator[Said]:
        """What the task says behind event `last`; at last its result. Raises TaskUnknown at once
        when there is none.
        """
        record = await self._look(tenant, task_id)
        if topic is None and record.running:
            topic = self._live.join(task_id, tenant)
        asked_at = spoke = float("-inf")
        try:
            while topic is not None and record.running:
                now = self._clock.monotonic()
                mine = self.runs.find(task_id) is not None
                if not mine and now - asked_at >= ASK_S:
                    asked_at = now
                    await self._live.ask(record.session, task_id, last)
                for frame in await topic.news(last, KEEP_ALIVE_S if mine else 1.0):
                    last, spoke = frame.id, now
                    yield Said(frame.id, frame.event, frame.data)
                if self._clock.monotonic() - spoke >= KEEP_ALIVE_S:
                    spoke = self._clock.monotonic()
                    yield Said()
                if not topic.after(last):
                    record = await self._look(tenant, task_id)
                if topic.ended and record.running:  # its end is still to be written
                    await self._clock.sleep(LOOK_S)
            for frame in topic.after(last) if topic is not None else ():
                last = frame.id
                yield Said(frame.id, frame.event, frame.data)
        finally:
            if topic is not None:
                self._live.leave(task_id, topic)
        yield _last(record, last + 1)

    async def _read(self, asked: Asked) -> Task:
        task_id = self._ledger.task_id(asked.tenant, asked.key)
        task = read_task(loads(asked.body), task_id, asked.tenant, asked.key or None)
        try:
            choose(self._registry.roster(task.tenant), task)
        except (NotFound, Invalid, NoAgentAvailable):
            await self._registry.refresh()
            choose(self._registry.roster(task.tenant), task)
        return task

    async def _at_once(self, task: Task) -> Document:
        result: TaskResult | None = None
        with anyio.move_on_after(task.timeout_ms / 1_000 + GRACE_S):
            result = await self._executor.execute(task)
        if result is None:
            raise DeadlineExceeded("no answer in time", attempts=[])
        if result.error is not None:
            raise refusal_of(result, result.error)
        return document_of(task.id, capability_of(task), result)

    async def _begin(self, task: Task, asked: Asked) -> tuple[str, bool]:
        """The task's id, and whether its key had begun it before."""
        run = Run(task, self._clock.now_ms(), keyed=bool(asked.key))
        if asked.key:
            begun = await self._ledger.begin(
                task.tenant, task.id, run.created_ms, asked.key, asked.body
            )
            if begun.kind == "other":
                raise IdempotencyMismatch("this Idempotency-Key was used with another body")
            if begun.kind == "same":
                return begun.task, True
        self.runs.start(run)
        return task.id, False

    async def _ended(self, tenant: Tenant, task_id: str, wait_s: float) -> Record:
        """The task at its end, or as it is after `wait_s`. Raises TaskUnknown."""
        run = self.runs.find(task_id)
        if run is not None:
            with anyio.move_on_after(wait_s):
                await run.ended.wait()
            if run.ended.is_set():
                return _record_of(run)
            await self.runs.record(run)
        until = self._clock.monotonic() + (wait_s if run is None else 0)
        while True:
            record = await self._look(tenant, task_id)
            left = until - self._clock.monotonic()
            if not record.running or left <= 0:
                return record
            await self._clock.sleep(min(left, LOOK_S))

    async def _look(self, tenant: Tenant, task_id: str, *, stop: bool = False) -> Record:
        run = self.runs.find(task_id)
        if run is not None and run.task.tenant == tenant and not stop:
            return _record_of(run, self._post.session)
        record = await self._ledger.look(tenant, task_id, stop=stop)
        if record is None:
            raise TaskUnknown("there is no such task, or its result is gone")
        return record


def _record_of(run: Run, session: str = "") -> Record:
    return Record(run.task.id, run.state, session, run.created_ms, run.kept)


def shown(record: Record) -> Document:
    """A task as callers see it, whatever became of it."""
    about: Document = {"task_id": record.task, "created_at": instant(record.created_ms)}
    result = record.kept.result
    match record.state:
        case "running" | "cancelled":
            return about | {"status": record.state}
        case _ if result is None or result.error is None:
            return about | document_of(record.task, record.kept.capability, result or TaskResult())
        case _:
            return about | {
                "status": "failed",
                "error": told_error(result.error)
                | {"problem": refusal_of(result, result.error).code},
                "attempts": result.calls,
            }


def wait_of(prefer: str | None) -> float | None:
    """Seconds of `Prefer: wait=30` (RFC 7240); 0 for `respond-async`; None without a wish."""
    if not prefer:
        return None
    found = _WAIT.search(prefer)
    if found is None:
        return 0.0 if "respond-async" in prefer else None
    return min(float(found[1]), WAIT_MAX_S)


def _done(record: Record) -> Document:
    result = record.kept.result
    if record.state == "cancelled" or result is None:
        raise TaskCancelled("somebody cancelled the task")
    if result.error is not None:
        raise refusal_of(result, result.error)
    return document_of(record.task, record.kept.capability, result)


def _last(record: Record, number: int) -> Said:
    """The terminal event."""
    document = shown(record)
    if record.state == "completed":
        return Said(number, "result", document)
    if record.state == "cancelled":
        error: Document = {"code": "task.cancelled", "message": "somebody cancelled it"}
        return Said(number, "error", document | {"error": error})
    return Said(number, "error", document)
