"""More than it can do at once: everything waits its turn, and nothing is refused or grows."""

import json
import ssl
import statistics
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from e2e.served import Document, Load, Server, serving, until

pytestmark = [pytest.mark.anyio, pytest.mark.chaos]

CLIENTS, EXECUTIONS, SLOTS = 200, 2_000, 16
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # made once: each takes 20 ms
GROWTH_MB_MAX = 150
STEPS_MAX = 1_000
LOOP_S, CHECKS_MAX = 1.0, 50
STEPS: tuple[Document, ...] = (
    {"id": "a", "agent_type": "sleeper", "task_type": "sleep", "input_data": {"seconds": 0.02}},
    {"id": "b", "type": "transform", "input_data": {"n": 1}},
)


async def test_a_storm_of_starts_completes_in_bounded_memory(tmp_path: Path) -> None:
    async with serving(tmp_path, "--slots-max", str(SLOTS), agents=True) as server:
        load = Load(server, await server.make("stormy", *STEPS))
        before_mb, began = server.memory_mb(), time.monotonic()
        left = iter(range(EXECUTIONS))

        async def client() -> None:
            # A client for each: a pool of 200 connections costs httpx more than the requests.
            async with httpx.AsyncClient(base_url=server.url, timeout=300, verify=NO_TLS) as one:
                mine = Load(replace(server, client=one), load.workflow, load.answers)
                for number in left:
                    assert await mine.start(f"storm-{number}"), load.answers[-1]

        async with anyio.create_task_group() as group:
            for _ in range(CLIENTS):
                group.start_soon(client)
        accepted_s = time.monotonic() - began
        await until(lambda: _unfinished(server), lambda items: not items, 240)
        done_s, most_mb = time.monotonic() - began, server.memory_mb("VmHWM")
        ends = await _ends(server)

        waits = [one.took_s for one in load.answers]
        _tell(
            "storm",
            accepted_s=accepted_s, done_s=done_s, grown_mb=most_mb - before_mb,
            start_p50_s=statistics.median(waits), start_max_s=max(waits),
        )  # fmt: skip
        assert not load.wrong(longest_s=60.0), load.wrong(longest_s=60.0)[:5]
        assert ends == {"completed": EXECUTIONS}
        assert most_mb - before_mb < GROWTH_MB_MAX


async def test_checking_a_large_definition_leaves_the_loop_alone(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        large = {"name": "large", "steps": [dict(STEPS[1], id=f"s{i}") for i in range(STEPS_MAX)]}
        answers, meanwhile = list[Any](), [list[float]()]
        await server.client.get("/livez")
        quiet = [await _alive(server) for _ in range(50)]

        def over() -> bool:
            """After five, or when a machine that stalls has let one in peace."""
            quick = min((max(each) for each in meanwhile[:-1] if each), default=LOOP_S) < LOOP_S
            return len(answers) >= (5 if quick else CHECKS_MAX)

        async def check() -> None:
            while not over():
                made = await server.client.post("/api/workflows/validate", json=large)
                meanwhile.append([])
                answers.append(made)

        async with anyio.create_task_group() as group:
            group.start_soon(check)
            while not over():
                meanwhile[-1].append(await _alive(server))
                await anyio.sleep(0.005)

        longest = [max(each) for each in meanwhile[:-1] if each]
        _tell(
            "livez beside the check of 1,000 steps",
            quiet_max_ms=1_000 * max(quiet), meanwhile_max_ms=1_000 * max(longest),
            checks_s=sum(one.elapsed.total_seconds() for one in answers),
        )  # fmt: skip
        assert [one.json()["valid"] for one in answers] == [True] * len(answers)
        assert min(longest) < LOOP_S, "each time, so it was no other hold-up"


async def _alive(server: Server) -> float:
    began = time.monotonic()
    assert (await server.client.get("/livez")).status_code == 200
    return time.monotonic() - began


async def _unfinished(server: Server) -> list[Document]:
    asked = {"status": "pending,running,paused", "limit": "1"}
    answer = await server.client.get("/api/executions", params=asked, timeout=300)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["items"])


async def _ends(server: Server) -> dict[str, int]:
    """How many executions there are of each status."""
    found, cursor = dict[str, int](), {}
    while cursor is not None:
        answer = await server.client.get("/api/executions", params={"limit": "200"} | cursor)
        for one in answer.json()["items"]:
            found[one["status"]] = found.get(one["status"], 0) + 1
        after = answer.json()["next_cursor"]
        cursor = {"cursor": after} if after else None
    return found


def _tell(what: str, **figures: float) -> None:
    print(json.dumps({"what": what} | {k: round(v, 2) for k, v in figures.items()}))  # noqa: T201  # the figures
