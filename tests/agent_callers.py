"""A process of callers that take and give back slots, to be killed: `python agent_callers.py URL`.

What is truly in use is counted by the store apart from what is measured: per agent in `true:n`,
per process in `true:at:<pid>`, every moment of too many in `true:over`.
"""

import os
import random
import sys
from collections.abc import Iterator

import anyio
from agent_replicas import store_at
from steady import tell_hold_ups

from orchestra.agents.pools.balancer import Balancer
from orchestra.agents.pools.roster import ANY, Choice, roster_of
from orchestra.agents.pools.slots import Ended, Slot
from orchestra.agents.records import Agent, HttpReach, Registration
from orchestra.clock import Ids, SystemClock, system_random
from orchestra.store.client import Store
from orchestra.store.keys import DEFAULT_TENANT

AGENTS, SLOTS, CALLERS = 6, 3, 6
TRUE = "true:"
QUIET_S = 1.0
"""Sessions are renewed each second, and dead after three."""


def agents() -> Iterator[Agent]:
    """Six agents with three slots each."""
    spec = Registration(
        "a", "pool", "http", max_concurrency=SLOTS, reach=HttpReach("http://192.0.2.1/")
    )
    for i in range(AGENTS):
        yield Agent(f"a{i}", DEFAULT_TENANT, 1, 0, spec)


def choice() -> Choice:
    """Any of them."""
    return roster_of(DEFAULT_TENANT, agents()).pools["pool"].choices[ANY]


def a_balancer(store: Store) -> Balancer:
    """With a session of its own."""
    clock = SystemClock()
    return Balancer(store, clock, Ids(clock, system_random()))


async def call_for_ever(store: Store, balancer: Balancer, rng: random.Random) -> None:
    """Take a slot, work a little, give it back."""
    mine = f"{TRUE}at:{os.getpid()}"
    while True:
        picked = await balancer.acquire(choice(), (), 65_000)
        if not isinstance(picked, Slot):
            await anyio.sleep(0.01)
            continue
        agent = picked.agent_id
        # Both leave in one write: killed in between, a process would be counted in one only.
        entered = store.call(TRUE, "HINCRBY", f"{TRUE}n", agent, 1)
        await store.call(TRUE, "HINCRBY", mine, agent, 1)
        if int(await entered) > SLOTS:
            await store.call(TRUE, "INCR", f"{TRUE}over")
        await anyio.sleep(rng.uniform(0.02, 0.1))
        store.call(TRUE, "HINCRBY", mine, agent, -1)
        store.call(TRUE, "HINCRBY", f"{TRUE}n", agent, -1)
        await store.call(TRUE, "INCR", f"{TRUE}done")
        await balancer.release(picked, Ended("ok"))


async def main(url: str) -> None:
    """Six callers until killed."""
    async with store_at(url) as store, anyio.create_task_group() as group:
        balancer, rng = a_balancer(store), random.Random(os.getpid())
        group.start_soon(balancer.serve)
        group.start_soon(tell_hold_ups, store, TRUE, QUIET_S)
        for _ in range(CALLERS):
            group.start_soon(call_for_ever, store, balancer, rng)


if __name__ == "__main__":
    anyio.run(main, sys.argv[1])
