"""24 callers in 4 processes share the slots of 6 agents, and half of them are killed at work."""

import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import anyio
import pytest
from agent_callers import AGENTS, TRUE, a_balancer, agents
from agent_replicas import store_at
from steady import held_up

from orchestra.store.client import Store
from orchestra.store.scripts import load_scripts

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

PROCESSES = 4
LOOK_S = 0.05
POOL = "o:a:{default/pool}:"


@pytest.fixture
def processes() -> Iterator[list[subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []
    yield started
    for process in started:
        process.kill()
        process.wait()


def started(store_url: str) -> subprocess.Popen[bytes]:
    callers = Path(__file__).parents[1] / "agent_callers.py"
    return subprocess.Popen([sys.executable, str(callers), store_url])


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 60.0) -> None:
    for _ in range(round(seconds / LOOK_S)):
        if await condition():
            return
        await anyio.sleep(LOOK_S)
    pytest.fail(f"not within {seconds} s")


async def done_is_at_least(store: Store, wanted: int) -> bool:
    return await number(store, "GET", f"{TRUE}done") >= wanted


async def number(store: Store, *command: str) -> int:
    return int(await store.read(TRUE, *command) or 0)


async def truly_held(store: Store, pid: int) -> dict[bytes, int]:
    found = await store.read(TRUE, "HGETALL", f"{TRUE}at:{pid}")
    return {agent: int(n) for agent, n in zip(found[::2], found[1::2], strict=True) if int(n)}


async def test_no_slot_is_given_twice_and_none_is_lost(
    store_url: str, processes: list[subprocess.Popen[bytes]]
) -> None:
    async with store_at(store_url) as store:
        observer = a_balancer(store)
        beat = load_scripts("orchestra.agents")["slot_beat"]
        for agent in agents():
            await observer.put(agent, fresh=True)
        processes += [started(store_url) for _ in range(PROCESSES)]
        await until(lambda: done_is_at_least(store, 300))

        for process in processes[: PROCESSES // 2]:
            process.kill()
            process.wait()
        died_at_work = 0
        for process in processes[: PROCESSES // 2]:
            # What the dead held is no longer in use, whoever counts.
            for agent, n in (await truly_held(store, process.pid)).items():
                await store.call(TRUE, "HINCRBY", f"{TRUE}n", agent, -n)
                died_at_work += n
        done = await number(store, "GET", f"{TRUE}done")
        await until(lambda: done_is_at_least(store, done + 300))
        for process in processes[PROCESSES // 2 :]:
            process.kill()
            process.wait()

        async def healed() -> bool:
            await store.run(beat, POOL, session="observer")
            return not await store.read(POOL, "ZCARD", f"{POOL}lease")

        await until(healed)

        used = await store.read(POOL, "HVALS", f"{POOL}inf")
        assert died_at_work > 0, "nobody died at work: this run proves nothing"
        # Who was held up for so long that he seemed dead may have done more than he was given.
        over = await number(store, "GET", f"{TRUE}over")
        assert over == 0 or await held_up(store, TRUE)
        assert sum(map(int, used)) == 0
        assert len(used) <= AGENTS
