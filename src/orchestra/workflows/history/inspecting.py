"""What people ask about an execution to understand it: what happened when, what can be undone."""

from typing import Final

import anyio.to_thread

from orchestra.store.keys import Tenant
from orchestra.workflows.history import previewing, replaying
from orchestra.workflows.history.reader import Reader
from orchestra.workflows.language.definition import Json

THREAD_MIN_LINES: Final = 2_000
"""From so many on a history is folded in a thread: others are not kept waiting."""

PREVIEWS_AT_ONCE: Final = 2


class Inspection:
    """Reads only."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._previews = anyio.CapacityLimiter(PREVIEWS_AT_ONCE)

    async def timeline(
        self, tenant: Tenant, execution: str, at_ms: int | None, limit: int, *,
        critical: bool = True,
    ) -> dict[str, Json]:  # fmt: skip
        """Attempts in time, the critical path; as of `at_ms`. Raises NoSuchExecution."""
        stored = await self._reader.read(tenant, execution)
        lines = await self._reader.lines(stored)
        if len(lines) < THREAD_MIN_LINES:
            return replaying.timeline(stored, lines, at_ms, limit, critical)
        given = (stored, lines, at_ms, limit, critical)
        return await anyio.to_thread.run_sync(replaying.timeline, *given)

    async def given(self, tenant: Tenant, execution: str) -> dict[str, Json]:
        """What it was started with, whole. Raises NoSuchExecution."""
        stored = await self._reader.read(tenant, execution)
        return {"execution_id": execution, "input_data": stored.envelope.input}

    async def preview(self, tenant: Tenant, execution: str) -> dict[str, Json]:
        """What a rollback will undo, in order, and what it will not. Raises NoSuchExecution."""
        stored = await self._reader.read(tenant, execution, whole=True)
        lines = await self._reader.lines(stored)
        # The expressions of 500 steps may take seconds: never on the loop, few at a time.
        return await anyio.to_thread.run_sync(
            previewing.preview, stored, lines, tenant, limiter=self._previews
        )
