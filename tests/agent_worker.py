"""A replica that does tasks until it is killed or told to stop: `python agent_worker.py URL`.

`work:wanted` says how many tasks there are in all; `work:done` and `work:failed` count.
"""

import sys

import anyio
from agent_replicas import a_task, replica, store_at
from steady import tell_hold_ups

from orchestra.agents.module import AgentsModule
from orchestra.store.client import Store

WORK = "work:"
CALLERS = 32
QUIET_S = 1.0
"""Sessions are renewed each second, and dead after three."""


async def call(agents: AgentsModule, store: Store, wanted: int) -> None:
    """One task after the other, while there are any."""
    while int(await store.call(WORK, "GET", f"{WORK}done") or 0) < wanted:
        result = await agents.execute(a_task("timed", timeout_ms=60_000, queue_timeout_ms=120_000))
        if result.error is None:
            await store.call(WORK, "INCR", f"{WORK}done")
        else:
            await store.call(WORK, "RPUSH", f"{WORK}failed", result.error.message)


async def main(url: str) -> None:
    """Many callers at once."""
    async with store_at(url) as store, replica(url) as agents:
        wanted = int(await store.call(WORK, "GET", f"{WORK}wanted") or 0)
        async with anyio.create_task_group() as watching:
            watching.start_soon(tell_hold_ups, store, WORK, QUIET_S)
            async with anyio.create_task_group() as group:
                for _ in range(CALLERS):
                    group.start_soon(call, agents, store, wanted)
            watching.cancel_scope.cancel()


if __name__ == "__main__":
    anyio.run(main, sys.argv[1], backend_options={"use_uvloop": True})
