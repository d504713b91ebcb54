"""Answers that come later: the callback of an agent over HTTP, to any replica.

The token is 256 random bits, kept as a digest with the attempt: it is good for this task and this
attempt only, for 15 min after the last sign of life. An answer after that counts for nothing.
"""

import hashlib
import secrets
from urllib.parse import quote

from orchestra.agents import Task
from orchestra.agents.providers import Answer, Emit, Failure
from orchestra.agents.records import Agent
from orchestra.agents.tasks.answers import LOST, reply_of, too_late
from orchestra.agents.tasks.attempts import Attempts, Held
from orchestra.agents.tasks.mailroom import Waiter
from orchestra.clock import Clock
from orchestra.store.client import Store
from orchestra.store.partitions import slot

TOKEN = "orc_task_"  # noqa: S105  -- how they begin
SILENT = 3
"""Heartbeats that may be missed."""


def lease_of(token: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


class Awaited:
    """An `Expected` whose attempt is in the store."""

    def __init__(self, attempts: Attempts, held: Held, waiter: Waiter, clock: Clock) -> None:
        self._attempts, self._held, self._waiter = attempts, held, waiter
        self._clock = clock
        self._closed = False
        self.callback_url = ""
        self.token = ""

    async def wait(
        self, timeout_s: float, heartbeat_s: float, emit: Emit | None = None
    ) -> Answer | Failure:
        """See `Expected.wait`."""
        waiter, now = self._waiter, self._clock.monotonic
        until = now() + timeout_s
        waiter.emit, waiter.heard = emit, now()
        try:
            while not waiter.over:
                silent_at = waiter.heard + SILENT * heartbeat_s
                if now() >= min(until, silent_at):
                    return too_late(timeout_s) if now() >= until else LOST
                await waiter.news(min(until, silent_at) - now())
        finally:
            await self.close()
        return LOST if waiter.lost else reply_of(waiter.said)

    async def close(self) -> None:
        """See `Expected.close`."""
        if self._closed:
            return
        self._closed = True
        if not self._waiter.over:
            await self._attempts.withdraw(self._held)
        self._attempts.mail.forget(self._held.place, self._held.lease)


class StoreLater:
    """A `Later` that keeps what it expects in the store, beside the task's id."""

    def __init__(self, attempts: Attempts, store: Store, clock: Clock, base_url: str) -> None:
        self._attempts, self._store, self._clock = attempts, store, clock
        self._base_url = base_url.rstrip("/")

    async def expect(self, task: Task, agent: Agent, fence: int, ttl_ms: int) -> Awaited:  # noqa: ARG002  -- the contract's
        """See `Later.expect`."""
        token = TOKEN + secrets.token_urlsafe(32)
        held = self.held(task.id, token, fence)
        made = Awaited(self._attempts, held, await self._attempts.expect(held), self._clock)
        made.callback_url = f"{self._base_url}/api/agents/tasks/{in_path(task.id)}/callback"
        made.token = token
        return made

    def held(self, task: str, token: str, fence: int) -> Held:
        """The attempt that a token speaks for."""
        return Held(self._store.prefix(slot(task) & 0xFF), task, lease_of(token), fence)


def in_path(task: str) -> str:
    """A task's id as one segment of a path: ids of steps may hold slashes."""
    return quote(task.replace("/", "!"), safe="!~")


def from_path(segment: str) -> str:
    """The task's id in a path."""
    return segment.replace("!", "/")
