"""Agents of every kind that dials, behaving badly in every way we know.

Each ends as a typed failure by its timeout, in bounded memory, and a healthy agent beside them
answers as if they were not there.
"""

import dataclasses
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Coroutine, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest
from agent_replicas import a_task, replica
from hostile_peer import BEHAVIOURS
from http_peer import a_peer

from orchestra.agents import Capability, Provider, TaskResult
from orchestra.agents.module import AgentsModule
from orchestra.agents.records import (
    A2AReach,
    HealthCheck,
    HttpReach,
    LlmReach,
    McpReach,
    Reach,
    Registration,
)
from orchestra.clock import SystemClock
from orchestra.store.keys import DEFAULT_TENANT

pytestmark = pytest.mark.anyio

TIMEOUT_MS = 1_000
EARLY_MS = 500
PATIENCE_MS = 60_000
"""For those that end by themselves, however slow the machine is."""
GROWTH_MAX = 50 * 1024 * 1024
LATE = {"timeout.attempt"}
LOST = {"agent.lost"}
INVALID = {"agent.invalid_response"}
LARGE = {"agent.too_large", "agent.invalid_response", "agent.lost"}

PATIENT = {
    "never_answers", "half_open", "drips_its_head", "drips_its_body", "falls_silent", "tiny_chunks",
}  # fmt: skip
"""Nothing is wrong with it until the time is over."""
RARELY = HealthCheck(interval_s=3_600)
LARGEST = {"many_values", "never_ends", "one_endless_line"}
CODES: dict[str, set[str]] = {
    **dict.fromkeys(PATIENT, LATE),
    "resets": LOST,
    "hangs_up": LOST,
    "endless_head": LOST,
    "bad_status": LOST,
    "tls_noise": LOST,
    "https_to_noise": {"agent.unavailable"},
    "sends_100_mb": LARGE,
    "never_ends": LARGE,
    "one_endless_line": LARGE,
    "redirects": INVALID,
    "gzip_bomb": INVALID,
    "invalid_json": INVALID | LOST,
    "not_text": INVALID | LOST,
    "deep_json": INVALID | LOST,
    "many_values": LARGE,
    "wrong_type": INVALID | LOST,
    "server_error": {"agent.error"},
    "too_many": {"agent.rate_limited"},
}

KINDS: dict[str, Callable[[str], tuple[Provider, Reach]]] = {
    "http": lambda at: ("http", HttpReach(f"{at}/json")),
    "http_ndjson": lambda at: ("http", HttpReach(f"{at}/ndjson")),
    "http_sse": lambda at: ("http", HttpReach(f"{at}/sse")),
    "openai_chat": lambda at: ("openai", LlmReach(f"{at}/v1", "chat", "m")),
    "openai_responses": lambda at: ("openai", LlmReach(f"{at}/v1", "responses", "m")),
    "anthropic": lambda at: ("anthropic", LlmReach(at, "messages", "m")),
    "mcp": lambda at: ("mcp", McpReach(f"{at}/mcp", ("echo",))),
    "a2a": lambda at: ("a2a", A2AReach(f"{at}/.well-known/agent-card.json")),
    "a2a_card": lambda at: ("a2a", A2AReach(f"{at}/bad/agent-card.json")),
}
MODELS = ("openai_chat", "openai_responses", "anthropic")


@pytest.fixture(scope="module")
def ports() -> Iterator[dict[str, int]]:
    """Where each behaviour listens, in a process whose work is not counted as ours."""
    peer = Path(__file__).parents[1] / "hostile_peer.py"
    with subprocess.Popen(
        [sys.executable, str(peer)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        made = msgspec.json.decode(process.stdout.readline(), type=dict[str, int])
        yield {**made, "https_to_noise": made["tls_noise"]}
        process.kill()


class Seen(msgspec.Struct):
    """What came of it: results and milliseconds by behaviour, latencies beside them, memory."""

    results: dict[str, TaskResult] = {}
    took_ms: dict[str, float] = {}
    alone_ms: list[float] = []
    beside_ms: list[float] = []
    grown: int = 0


def resident() -> int:
    """Bytes of memory that this process holds."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def timeout_of(behaviour: str) -> int:
    """Milliseconds: only those end by their timeout that do not end otherwise."""
    return TIMEOUT_MS if behaviour in PATIENT else PATIENCE_MS


async def timed(agents: AgentsModule, agent_type: str) -> tuple[TaskResult, float]:
    """One task, and its milliseconds."""
    clock = SystemClock()
    began = clock.monotonic()
    timeout_ms = timeout_of(agent_type)
    with anyio.fail_after(60):
        result = await agents.execute(
            a_task(
                agent_type,
                capability="echo",
                once=True,  # and not again, after what it did
                timeout_ms=timeout_ms,
                queue_timeout_ms=PATIENCE_MS,
            )
        )
    return result, (clock.monotonic() - began) * 1_000


async def register(agents: AgentsModule, kind: str, ports: dict[str, int], healthy: str) -> None:
    """An agent for each behaviour, each of a type of its own; and the healthy one."""
    can = (Capability("echo"),)
    for name, port in ports.items():
        scheme = "https" if name == "https_to_noise" else "http"
        provider, reach = KINDS[kind](f"{scheme}://127.0.0.1:{port}")
        spec = Registration(
            name, name, provider, can, reach=reach, max_concurrency=2, timeout_ms=timeout_of(name),
            health=RARELY,
        )  # fmt: skip
        await agents.registry.register(DEFAULT_TENANT, spec)
    spec = Registration("well", "well", "http", can, reach=HttpReach(healthy), health=RARELY)
    await agents.registry.register(DEFAULT_TENANT, spec)


async def suffer(agents: AgentsModule, names: Iterable[str]) -> Seen:
    """One task for each, and many for the healthy one at the same time.

    Many at once, but for those that may take much memory each.
    """
    seen = Seen()

    async def one(name: str) -> None:
        seen.results[name], seen.took_ms[name] = await timed(agents, name)

    async def well(into: list[float], times: int) -> None:
        for _ in range(times):
            result, ms = await timed(agents, "well")
            assert result.error is None, result.error
            into.append(ms)
            await anyio.sleep(0.005)

    async def together(*tasks: Callable[[], Coroutine[Any, Any, None]]) -> None:
        before = resident()

        async def watch() -> None:
            while True:
                seen.grown = max(seen.grown, resident() - before)
                await anyio.sleep(0.01)

        async with anyio.create_task_group() as around:
            around.start_soon(watch)
            async with anyio.create_task_group() as group:
                for task in tasks:
                    group.start_soon(task)
            around.cancel_scope.cancel()

    await well(seen.alone_ms, 50)
    # Those that only wait, and those that keep both cores busy.
    busy = set(names) - LARGEST - PATIENT | {"tiny_chunks"}
    for some in (set(names) - LARGEST - busy, busy):
        await together(*(partial(one, name) for name in some), partial(well, seen.beside_ms, 30))
    for name in LARGEST:
        await together(partial(one, name))
    return seen


def wrong(seen: Seen) -> list[str]:
    """All that is not as it should be."""
    found: list[str] = []
    for name, result in sorted(seen.results.items()):
        took_ms = seen.took_ms[name]
        # Later calls, to the same agent, may have no time left.
        error: Any = result.calls[0]["error"] or {"code": "no error", "message": ""}
        if error["code"] not in CODES[name] or result.error is None:
            found.append(f"{name}: {error['code']}, {error['message']}")
        if CODES[name] is LATE and took_ms < EARLY_MS:
            found.append(f"{name}: given up after {took_ms:.0f} ms")
    return found


def looked_at(agents: AgentsModule) -> list[object]:
    """What is said on the way, as if somebody looked on: then models are asked to stream."""
    frames: list[object] = []
    calls = agents._executor._calls
    calls._hooks = dataclasses.replace(calls._hooks, emitter=lambda *_: frames.append)
    return frames


@pytest.mark.parametrize(
    ("kind", "watched"),
    [*((kind, False) for kind in KINDS), *((kind, True) for kind in MODELS)],
)
async def test_agents_that_behave_badly_harm_nobody_else(
    kind: str, watched: bool, ports: dict[str, int], store_url: str
) -> None:
    async with replica(store_url) as agents, a_peer() as healthy:
        await register(agents, kind, ports, healthy.url)
        if watched:
            looked_at(agents)

        seen = await suffer(agents, ports)
        still_open = {
            origin[2] for origin, pool in agents._outbound._pools.items() if pool.connections
        }

    assert set(ports) == set(CODES) == {*BEHAVIOURS, "half_open", "https_to_noise"}
    assert wrong(seen) == []
    assert still_open <= {healthy.port}
    assert seen.grown < GROWTH_MAX
    alone, beside = (statistics.median(each) for each in (seen.alone_ms, seen.beside_ms))
    assert beside < 3 * alone + TIMEOUT_MS / 2, "it waits for none of them"
