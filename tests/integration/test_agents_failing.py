"""An agent is killed while workflows run: no step fails, and it is back when it is well again."""

import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from edge import a_client
from http_peer import Peer, a_peer
from timed_agents import Timed, timed
from valkey_servers import free_port

from orchestra.app import Ports, build_modules, prepare, running
from orchestra.settings import Settings
from orchestra.store.client import Store

pytestmark = pytest.mark.anyio

CALLERS = 12
PROBED_S = 5
"""After so long the breaker of a lone agent lets one task pass."""


class Client:
    """The product over HTTP."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def post(self, path: str, body: Any, **headers: str) -> Any:
        """The decoded answer."""
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = await self._http.post(path, json=body, headers=told)
        assert answer.status_code < 300, (path, answer.text)
        return answer.json()

    async def status(self, execution: str) -> Any:
        """How an execution stands."""
        return (await self._http.get(f"/api/executions/{execution}/status")).json()

    async def reason(self, execution: str) -> str:
        """What the log of an execution says about its first failed attempt."""
        for _ in range(1_200):
            logs = (await self._http.get(f"/api/executions/{execution}/logs")).json()["logs"]
            found = [one for one in logs if one["event"] == "step.retry_scheduled"]
            if found:
                return str(found[0])
            await anyio.sleep(0.05)
        pytest.fail("no attempt failed within 60 s")

    async def ended(self, execution: str, seconds: float = 60.0) -> Any:
        """The status of an execution that is over."""
        for _ in range(round(seconds / 0.1)):
            shown = await self.status(execution)
            if shown["status"] not in ("running", "queued"):
                return shown
            await anyio.sleep(0.1)
        pytest.fail(f"not over within {seconds} s")

    async def register(self, name: str, url: str, **given: Any) -> None:
        """An agent of type `far`."""
        fields = {"capabilities": [{"name": "work"}], "max_concurrency": 8, **given}
        body = {"name": name, "agent_type": "far", "endpoint": url, **fields}
        await self.post("/api/agents/register", body)

    async def workflow(self, **step: Any) -> str:
        """A workflow of one step, on `far`."""
        one = {"id": "a", "agent_type": "far", "task_type": "work", **step}
        made = await self.post("/api/workflows", {"name": "w", "steps": [one]})
        return made["id"]

    async def execute(self, workflow: str) -> Any:
        """One execution, to its end."""
        shown = await self.post(f"/api/workflows/{workflow}/execute", {}, Prefer="wait=30")
        return shown if shown["status"] != "running" else await self.ended(shown["id"])

    async def stands(self) -> dict[str, Any]:
        """How each agent stands, by name."""
        shown = await self.post("/api/agents/select", {"agent_type": "far"})
        return {one["agent"]: one for one in shown["agents"]}

    async def stand(self, names: str, *reasons: str) -> None:
        """Wait until one of these is how each of the agents stands."""
        with anyio.fail_after(120):
            while True:
                stands = await self.stands()
                if all(stands[name]["reason"] in reasons for name in names.split()):
                    return
                await anyio.sleep(0.05)


@pytest.fixture
async def client(store_url: str) -> AsyncIterator[Client]:
    settings = Settings(
        store_url=store_url,
        durability="no",
        allow_weaker_durability=True,
        drain_s=1.0,
        network_allow=("127.0.0.1",),
    )
    stage = prepare(settings, [("127.0.0.1", 8000)], Ports.of_the_machine())
    stage.gateway._is_own = lambda _, __: True
    async with running(settings, stage, build_modules), a_client(stage) as http:
        yield Client(http)


class Process:
    """An agent in a process of its own."""

    def __init__(self, seconds: float) -> None:
        self.port, self._seconds = free_port(), seconds
        self.url = f"http://127.0.0.1:{self.port}/run"
        self.start()

    def start(self) -> None:
        """Returns when it listens."""
        program = Path(__file__).parents[1] / "timed_agents.py"
        command = [sys.executable, str(program), str(self.port), str(self._seconds)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"ready\n"

    def kill(self) -> None:
        """-9."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()


@pytest.fixture
def mortal() -> Iterator[Process]:
    process = Process(0.03)
    yield process
    process.kill()


async def until(condition: Callable[[], bool]) -> None:
    with anyio.fail_after(120):
        while not condition():  # noqa: ASYNC110  -- nobody signals it
            await anyio.sleep(0.05)


@pytest.mark.slow
async def test_an_agent_killed_under_load_fails_no_step_and_comes_back_by_a_probe(
    client: Client, mortal: Process
) -> None:
    others = [Timed(name, 0.03, 8) for name in ("b", "c", "d")]
    done: list[str] = []
    async with timed(others), anyio.create_task_group() as group:
        for other in others:
            await client.register(other.name, other.url)
        await client.register("a", mortal.url)
        workflow = await client.workflow()
        asked: list[str] = []
        going = True

        async def call() -> None:
            while going:
                shown = await client.execute(workflow)
                done.append(shown["status"])
                asked.append(shown["steps"][0]["agent"])

        for _ in range(CALLERS):
            group.start_soon(call)
        await until(lambda: len(done) >= 150)
        assert set(asked) == {"a", "b", "c", "d"}

        mortal.kill()
        await client.stand("a", "down")
        before, done_before = [other.done for other in others], len(done)
        await until(lambda: len(done) - done_before >= 300)
        moved = [other.done - n for other, n in zip(others, before, strict=True)]
        assert min(moved) > 0.8 * sum(moved) / 3, "its share went to all others alike"

        mark = len(asked)
        mortal.start()
        await until(lambda: "a" in asked[mark:])  # by a check, or by a task as probe
        await client.stand("a", "free", "full")
        going = False

    assert set(done) == {"completed"}


async def test_when_all_are_down_a_step_waits_and_the_reason_is_seen(client: Client) -> None:
    async with AsyncExitStack() as stack:
        peers: list[Peer] = [await stack.enter_async_context(a_peer(status=503)) for _ in range(2)]
        for n, peer in enumerate(peers):
            await client.register(f"p{n}", peer.url)
        retry = {"max_attempts": 5, "initial": "900ms", "max": "900ms", "jitter": "none"}
        workflow = await client.workflow(retry=retry)
        started = await client.post(f"/api/workflows/{workflow}/execute", {})
        reason = await client.reason(started["id"])
        waiting = (await client.status(started["id"]))["steps"][0]
        for peer in peers:
            peer.says({"well": "again"})
        ended = await client.ended(started["id"])

        assert ended["status"] == "completed"
        assert "the agent answered 503" in reason
        if waiting["status"] == "retrying":
            assert "the agent answered 503" in waiting["error"]["message"]


async def test_when_all_are_down_a_step_falls_back_at_once(client: Client) -> None:
    async with a_peer(status=503) as ill, a_peer() as well:
        well.says({"by": "the fallback"})
        await client.register("ill", ill.url, max_concurrency=1)
        await client.post(
            "/api/agents/register",
            {
                "name": "spare",
                "agent_type": "other",
                "endpoint": well.url,
                "capabilities": [],
            },
        )
        step = {"id": "a", "agent": {"type": "far", "fallbacks": ["type:other"]}}
        made = await client.post("/api/workflows", {"name": "w", "steps": [step]})

        shown = [await client.execute(made["id"]) for _ in range(5)]
        opened, asked = anyio.current_time(), len(ill.asked)
        shown += [await client.execute(made["id"]) for _ in range(3)]
        probes = int((anyio.current_time() - opened) / PROBED_S)

        assert {one["status"] for one in shown} == {"completed"}
        assert {one["steps"][0]["agent"] for one in shown} == {"spare"}
        assert asked == 5
        assert len(ill.asked) <= 5 + probes, "then its breaker is open"


async def test_nobody_alive_is_said_with_numbers(client: Client, store: Store) -> None:
    beat = {"mode": "push", "interval_s": 10, "ttl_s": 30}
    for n in range(2):
        await client.register(f"s{n}", "http://127.0.0.1:1/run", heartbeat=beat)
    # Silent for so long that nobody takes it for a fault of ours, and gives them one more ttl.
    prefix = "o:a:{default/far}:"
    for agent in await store.read(prefix, "ZRANGE", f"{prefix}hb", 0, -1):
        await store.call(prefix, "ZINCRBY", f"{prefix}hb", -60_000, agent)
    await client.stand("s0 s1", "stale")
    workflow = await client.workflow(retry={"max_attempts": 1})

    shown = await client.execute(workflow)

    assert shown["status"] == "failed"
    error = shown["steps"][0]["error"]
    assert error["code"] == "agent.unavailable"
    assert "2 stale" in error["message"]
