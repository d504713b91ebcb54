"""Workers in this process: each takes jobs as it has hands free, and keeps them while it works."""

from typing import Final

import anyio
import anyio.abc
import structlog

from orchestra.bus import Again, Bury, Job, JobHandler, Working, lines
from orchestra.bus.queues.carried import trace_of
from orchestra.bus.queues.messages import Outcome
from orchestra.bus.queues.queues import Queues
from orchestra.bus.queues.reading import ERROR_MAX
from orchestra.bus.queues.records import BATCH_MAX, Options, QueueUnknown, Received
from orchestra.bus.queues.waiting import Bell, Receiving, Waiting
from orchestra.bus.spans import working
from orchestra.clock import Random
from orchestra.errors import OrchestraError
from orchestra.retry import Backoff
from orchestra.store.keys import Tenant

log = structlog.get_logger(__name__)

WAIT_S: Final = 600.0
BEATS: Final = 3
"""Leases are extended so often before they would end."""
STOP_S: Final = 5.0
AWAY: Final = Backoff(initial_ms=200, factor=2, max_ms=5_000, jitter="equal")


class Workers:
    """All workers of this process, and whether they still have something in hand."""

    def __init__(self, queues: Queues, waiting: Waiting, chance: Random) -> None:
        self._queues, self._waiting, self._chance = queues, waiting, chance
        self._all: set[QueueWorker] = set()
        self._group: anyio.abc.TaskGroup | None = None
        self._drained = False

    def add(
        self, tenant: Tenant, name: str, handler: JobHandler, options: Working
    ) -> "QueueWorker":
        """One more: from the start on, or from now on."""
        one = QueueWorker(self, (tenant, name), (handler, options))
        if self._drained:
            one.close()  # what comes now is for the next process
        self._all.add(one)
        if self._group is not None:
            self._group.start_soon(one.serve)
        return one

    async def serve(self) -> None:
        """Until cancelled."""
        async with anyio.create_task_group() as self._group:
            for one in self._all:
                self._group.start_soon(one.serve)
            await anyio.sleep_forever()

    async def drained(self) -> None:
        """Take no more, and wait for what is in hand. Cancel it when that lasts too long."""
        self._drained = True
        for one in list(self._all):
            one.close()
        for one in list(self._all):
            await one.idle()

    def parts(self) -> tuple[Queues, Waiting, Random]:
        """What each works with."""
        return self._queues, self._waiting, self._chance

    def ended(self, one: "QueueWorker") -> None:
        """It has nothing in hand, and never will."""
        self._all.discard(one)


class QueueWorker:
    """One queue's. A job that was given to somebody else meanwhile is cancelled here."""

    def __init__(
        self, workers: Workers, queue: tuple[Tenant, str], work: tuple[JobHandler, Working]
    ) -> None:
        self._workers = workers
        self._queues, self._waiting, self._chance = workers.parts()
        self._tenant, self._name = queue
        self._handler, self._options = work
        self._held: dict[str, anyio.CancelScope] = {}
        self._bell, self._freed, self._taking = Bell(), anyio.Event(), anyio.Event()
        self._closing, self._giving_back, self._serving = False, False, False
        self._ended = anyio.Event()

    async def stop(self) -> None:
        """See `bus.Worker`."""
        self.close()
        if not self._serving:  # it never began, or it is over
            self._workers.ended(self)
            return
        with anyio.move_on_after(STOP_S):
            await self._ended.wait()
        self._giving_back = True
        for scope in self._held.values():
            scope.cancel()
        await self._ended.wait()

    def close(self) -> None:
        """Take no more."""
        self._closing = True
        self._bell.ring()

    async def idle(self) -> None:
        """Until nothing is in hand."""
        while self._held:
            await self._freed.wait()

    async def serve(self) -> None:
        """Until cancelled, or closed and idle."""
        if self._closing:
            return
        self._serving = True
        try:
            async with anyio.create_task_group() as group:
                async with anyio.create_task_group() as jobs:
                    group.start_soon(self._beat)
                    await self._take(jobs)
                group.cancel_scope.cancel()
        finally:
            self._serving = False
            self._ended.set()
            self._workers.ended(self)

    async def _take(self, jobs: anyio.abc.TaskGroup) -> None:
        """Until it closes: begin jobs."""
        failed = 0
        while not self._closing:
            try:
                for one in await self._taken():
                    scope = self._held[one.receipt] = anyio.CancelScope()
                    jobs.start_soon(self._do, one, scope)
                    self._taking.set()
                failed = 0
            except OrchestraError as error:
                failed += 1
                log.debug("queue.not_received", queue=self._name, reason=error.detail)
                await self._bell.wait(AWAY.delay_ms(failed, self._chance.random) / 1_000)

    async def _taken(self) -> list[Received]:
        """As many jobs as there are hands free, at least one; nothing when it closes."""
        while len(self._held) >= self._options.concurrency and not self._closing:
            await self._freed.wait()
        free = min(self._options.concurrency - len(self._held), BATCH_MAX)
        if self._closing:
            return []
        call = Receiving(self._tenant, self._name, free, self._options.lease_ms)
        try:
            return await self._waiting.receive(self._bell, WAIT_S, lambda: self._closing, call)
        except QueueUnknown:
            o = self._options
            made = Options(tries_max=o.tries_max, lease_ms=o.lease_ms, backoff_ms=o.backoff_ms)
            await self._queues.ensure(self._tenant, self._name, made)
            return []

    async def _do(self, one: Received, scope: anyio.CancelScope) -> None:
        lines.begin(self._tenant, queue=self._name, message=one.id)
        outcome: Outcome = "done"
        told, delay_ms = "", None
        try:
            trace = trace_of(one.body)
            with scope, working((self._tenant, self._name), one.id, one.attempt, trace):
                await self._handler(Job(one.id, one.body, one.attempt, one.enqueued_ms, one.group))
        except Again as again:
            outcome, delay_ms = "again" if again.counts else "postpone", again.delay_ms
            told = again.error[:ERROR_MAX] or "to be tried again"
        except Bury as bury:
            outcome, told = "bury", bury.error[:ERROR_MAX]
        except Exception as error:  # noqa: BLE001  -- its task ends here: what it raised is the outcome
            outcome, told = "again", f"{type(error).__name__}: {error}"[:ERROR_MAX]
        if scope.cancelled_caught:
            outcome, delay_ms = "postpone", 0
        try:
            if self._giving_back or not scope.cancelled_caught:
                await self._settle(one, outcome, told, delay_ms)
        finally:
            self._held.pop(one.receipt, None)
            self._freed.set()
            self._freed = anyio.Event()

    async def _settle(
        self, one: Received, outcome: Outcome, told: str, delay_ms: int | None
    ) -> None:
        queue = self._name
        if outcome == "again":
            outcome = "exhausted" if one.attempt >= self._options.tries_max else "again"
            delay_ms = self._wait_ms(one.attempt) if delay_ms is None else delay_ms
        try:
            [settled] = await self._queues.settle(
                self._tenant, queue, [one.receipt], outcome, delay_ms=delay_ms, error=told
            )
        except OrchestraError as error:  # its lease ends, and it comes again
            log.warning("queue.not_settled", reason=error.detail)
            return
        if settled == "dead":
            log.warning("queue.message_buried", tries=one.attempt)
        elif outcome == "again":
            log.info("queue.job_failed", attempt=one.attempt)
        elif settled == "gone":
            log.warning("queue.lease_lost")

    def _wait_ms(self, attempt: int) -> int:
        waits = self._options.backoff_ms or (0,)
        wait_ms, drawn = waits[min(attempt, len(waits)) - 1], self._chance.random()
        return int(wait_ms * (drawn if self._options.jitter == "full" else 0.8 + 0.4 * drawn))

    async def _beat(self) -> None:
        """Until cancelled: what is in hand stays ours. Asleep while nothing is."""
        while True:
            if not self._held:
                self._taking = anyio.Event()
                await self._taking.wait()
            await anyio.sleep(self._options.lease_ms / 1_000 / BEATS)
            mine = list(self._held)
            for i in range(0, len(mine), BATCH_MAX):
                await self._extend(mine[i : i + BATCH_MAX])

    async def _extend(self, receipts: list[str]) -> None:
        try:
            kept = await self._queues.extend(
                self._tenant, self._name, receipts, self._options.lease_ms
            )
        except OrchestraError as error:
            log.debug("queue.not_extended", queue=self._name, reason=error.detail)
            return
        for receipt, result in zip(receipts, kept, strict=True):
            if result == "gone" and receipt in self._held:
                self._held[receipt].cancel()
