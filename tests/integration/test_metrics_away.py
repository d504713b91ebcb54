"""The store is away: what is recorded is kept for a minute, then refused; nothing counts twice.

Row 8 of the limits of monitoring (MONITORING.md §10).
"""

import functools
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from edge import a_client
from valkey_servers import Valkey, free_port, reached, started

from orchestra.app import Ports, build_modules, prepare, running
from orchestra.clock import Ids, SystemClock, system_random
from orchestra.settings import Settings

pytestmark = [pytest.mark.anyio, pytest.mark.hasty]
KNOWN = {"metric_name": "orders", "type": "counter", "labels": {"shop": "berlin"}}
ASKED = (
    "/api/metrics/",
    "/api/metrics/orders",
    "/api/metrics/query?metric=orders",
    "/api/metrics/export?metric=orders",
    "/api/logs/search",
    "/api/logs/histogram",
    "/api/logs/context?at=now",
)


class MovedClock(SystemClock):
    """The machine's clock, and what is added to its durations."""

    moved_s = 0.0

    def monotonic(self) -> float:
        """Later than it is."""
        return super().monotonic() + self.moved_s


@pytest.fixture
def valkey(tmp_path: Path) -> Any:
    lasting = ("--appendonly", "yes", "--appendfsync", "always")
    server = Valkey(tmp_path / "store", free_port(), *lasting)
    with started(server):
        yield server


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock()


@pytest.fixture
async def http(valkey: Valkey, clock: MovedClock) -> AsyncIterator[httpx.AsyncClient]:
    settings = Settings(
        store_url=valkey.url, durability="no", allow_weaker_durability=True, drain_s=1.0
    )
    chance = system_random()
    stage = prepare(settings, [("127.0.0.1", 8000)], Ports(clock, chance, Ids(clock, chance)))
    stage.gateway._is_own = lambda _, __: True
    build = functools.partial(build_modules, python_agents=[])
    async with running(settings, stage, build), a_client(stage) as client:
        yield client


async def answered(ask: Callable[[], Awaitable[httpx.Response]], status: int) -> httpx.Response:
    """Ask until the answer is so: nobody announces that a store was missed, or is back."""
    found: list[httpx.Response] = []

    async def so() -> bool:
        found.append(await ask())
        return found[-1].status_code == status

    await reached(so, 6_000)
    return found[-1]


async def total(http: httpx.AsyncClient) -> float:
    path = "/api/metrics/query?metric=orders&agg=increase&by=&step=1h&from=-2h"
    answer = await http.get(path)
    if answer.status_code != 200:
        return -1
    return sum(one or 0 for row in answer.json()["series"] for one in row["values"])


async def counted(http: httpx.AsyncClient, taken: float) -> None:
    """Wait until so much is counted, and no more."""

    found = list[float]()

    async def so() -> bool:
        found.append(await total(http))
        return found[-1] >= taken

    await reached(so, 6_000)
    assert found[-1] == taken


def go(valkey: Valkey, how: str) -> None:
    if how == "killed":
        valkey.kill()
    else:
        assert valkey.process is not None
        valkey.process.send_signal(signal.SIGSTOP)


def come_back(valkey: Valkey, how: str) -> None:
    if how == "killed":
        valkey.start()
    else:
        assert valkey.process is not None
        valkey.process.send_signal(signal.SIGCONT)


@pytest.mark.parametrize("how", ["killed", "hanging"])
async def test_what_is_recorded_while_the_store_is_away_is_kept_a_minute_and_counts_once(
    http: httpx.AsyncClient, valkey: Valkey, clock: MovedClock, how: str
) -> None:
    async def record(**more: Any) -> httpx.Response:
        return await http.post("/api/metrics/record", json=KNOWN | {"value": 1} | more)

    await answered(record, 202)
    await counted(http, 1)

    go(valkey, how)
    answers = [await record() for _ in range(50)]
    refused = dict[str, httpx.Response]()

    async def ask(path: str) -> None:
        refused[path] = await answered(functools.partial(http.get, path), 503)

    async with anyio.create_task_group() as group:
        for path in ASKED:
            group.start_soon(ask, path)
    answers += [await record() for _ in range(50)]
    refused["new"] = await record(labels={"shop": "oslo"})
    scraped = await http.get("/metrics")
    assert {one.status_code for one in answers} == {202}

    clock.moved_s = 61.0
    with anyio.fail_after(60):
        while answers[-1].status_code != 503:
            answers.append(await record())
    refused["late"] = answers[-1]
    come_back(valkey, how)
    with anyio.fail_after(60):
        while answers[-1].status_code != 202:
            answers.append(await record())
            await anyio.sleep(0.05)

    for what, answer in refused.items():
        assert (answer.status_code, answer.json()["code"]) == (503, "store_away"), what
        assert int(answer.headers["retry-after"]) >= 1, what
    assert scraped.status_code == 200
    taken = 1 + sum(one.status_code == 202 for one in answers)
    await counted(http, taken)
