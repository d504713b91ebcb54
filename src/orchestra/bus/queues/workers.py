"""Workers in this process: each takes jobs as it has hands free, and keeps them while it works."""

from typing import Final

import anyio
import structlog

from orchestra.bus import Job, JobHandler, Working
from orchestra.bus.queues.queues import Outcome, Queues
from orchestra.bus.queues.reading import ERROR_MAX
from orchestra.bus.queues.records import BATCH_MAX, Options, QueueUnknown, Received
from orchestra.bus.queues.waiting import Bell, Receiving, Waiting
from orchestra.clock import Random
from orchestra.errors import OrchestraError
from orchestra.retry import Backoff
from orchestra.store.keys import Tenant

log = structlog.get_logger(__name__)

WAIT_S: Final = 20.0
BEATS: Final = 3
"""Leases are extended so often before they would end."""
AWAY: Final = Backoff(initial_ms=200, factor=2, max_ms=5_000, jitter="equal")


class Workers:
    """All workers of this process, and whether they still have something in hand."""

    def __init__(self, queues: Queues, waiting: Waiting, chance: Random) -> None:
        self._queues, self._waiting, self._chance = queues, waiting, chance
        self._all: list[_Worker] = []

    def add(self, tenant: Tenant, name: str, handler: JobHandler, options: Working) -> None:
        """One more, from the start on."""
        self._all.append(
            _Worker(self._queues, self._waiting, (tenant, name), (handler, options), self._chance)
        )

    async def serve(self) -> None:
        """Until cancelled, or drained."""
        async with anyio.create_task_group() as group:
            for one in self._all:
                group.start_soon(one.serve)

    async def drained(self) -> None:
        """Take no more, and wait for what is in hand. Cancel it when that lasts too long."""
        for one in self._all:
            one.close()
        for one in self._all:
            await one.idle()


class _Worker:
    """One queue's. A job that was given to somebody else meanwhile is cancelled here."""

    def __init__(
        self,
        queues: Queues,
        waiting: Waiting,
        queue: tuple[Tenant, str],
        work: tuple[JobHandler, Working],
        chance: Random,
    ) -> None:
        self._queues, self._waiting, self._chance = queues, waiting, chance
        self._tenant, self._name = queue
        self._handler, self._options = work
        self._held: dict[str, anyio.CancelScope] = {}
        self._bell, self._freed, self._closing = Bell(), anyio.Event(), False

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
        async with anyio.create_task_group() as group:
            async with anyio.create_task_group() as jobs:
                group.start_soon(self._beat)
                failed = 0
                while not self._closing:
                    try:
                        for one in await self._taken():
                            scope = self._held[one.receipt] = anyio.CancelScope()
                            jobs.start_soon(self._do, one, scope)
                        failed = 0
                    except OrchestraError as error:
                        failed += 1
                        log.debug("queue.not_received", queue=self._name, reason=error.detail)
                        await self._bell.wait(AWAY.delay_ms(failed, self._chance.random) / 1_000)
            group.cancel_scope.cancel()

    async def _taken(self) -> list[Received]:
        """As many jobs as there are hands free, at least one; nothing when it closes."""
        while len(self._held) >= self._options.concurrency and not self._closing:
            await self._freed.wait()
        free = min(self._options.concurrency - len(self._held), BATCH_MAX)
        call = Receiving(self._tenant, self._name, free, self._options.lease_ms)
        try:
            return await self._waiting.receive(self._bell, WAIT_S, lambda: self._closing, call)
        except QueueUnknown:
            o = self._options
            made = Options(o.tries_max, o.lease_ms, backoff_ms=o.backoff_ms)
            await self._queues.ensure(self._tenant, self._name, made)
            return []

    async def _do(self, one: Received, scope: anyio.CancelScope) -> None:
        outcome: Outcome = "done"
        told = ""
        try:
            with scope:
                job = Job(one.id, one.body, one.attempt, one.enqueued_ms, one.group)
                await self._handler(job)
        except Exception as error:  # noqa: BLE001  -- its task ends here: what it raised is the outcome
            outcome, told = "again", f"{type(error).__name__}: {error}"[:ERROR_MAX]
        try:
            if not scope.cancelled_caught:
                await self._settle(one, outcome, told)
        finally:
            self._held.pop(one.receipt, None)
            self._freed.set()
            self._freed = anyio.Event()

    async def _settle(self, one: Received, outcome: Outcome, told: str) -> None:
        queue, delay_ms = self._name, None
        if outcome == "again":
            waits = self._options.backoff_ms or (0,)
            ceiling_ms = waits[min(one.attempt, len(waits)) - 1]
            delay_ms = int(ceiling_ms * self._chance.random())  # full jitter
            outcome = "bury" if one.attempt >= self._options.tries_max else "again"
        try:
            [settled] = await self._queues.settle(
                self._tenant, queue, [one.receipt], outcome, delay_ms=delay_ms, error=told
            )
        except OrchestraError as error:  # its lease ends, and it comes again
            log.warning("queue.not_settled", queue=queue, message=one.id, reason=error.detail)
            return
        if settled == "dead":
            log.warning("queue.message_buried", queue=queue, message=one.id, tries=one.attempt)
        elif outcome == "again":
            log.info("queue.job_failed", queue=queue, message=one.id, attempt=one.attempt)
        elif settled == "gone":
            log.warning("queue.lease_lost", queue=queue, message=one.id)

    async def _beat(self) -> None:
        """Until cancelled: what is in hand stays ours."""
        while True:
            await anyio.sleep(self._options.lease_ms / 1_000 / BEATS)
            mine = list(self._held)
            for i in range(0, len(mine), BATCH_MAX):
                receipts = mine[i : i + BATCH_MAX]
                try:
                    kept = await self._queues.extend(
                        self._tenant, self._name, receipts, self._options.lease_ms
                    )
                except OrchestraError as error:
                    log.debug("queue.not_extended", queue=self._name, reason=error.detail)
                    continue
                for receipt, result in zip(receipts, kept, strict=True):
                    if result == "gone" and receipt in self._held:
                        self._held[receipt].cancel()
