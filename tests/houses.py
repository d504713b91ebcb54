"""The product as one process or as two, for tests that must not see a difference."""

import contextlib
import functools
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import anyio
import httpx
from agent_replicas import an_agent, can
from edge import a_client

from orchestra.agents import PythonAgent, Task
from orchestra.app import Ports, build_modules, prepare, running
from orchestra.settings import Settings

Document = dict[str, Any]
APART = (("agents",), ("workflows", "bus", "monitoring"))
SHAPES: dict[str, tuple[tuple[str, ...], ...]] = {
    "one process": ((),),
    "two, asked at the agents": APART,
    "two, asked at the workflows": APART[::-1],
}
"""The modules of each process; clients reach the first one."""


@dataclass
class Gate:
    """Agents of the test's own, in whichever process agents are."""

    begun: anyio.Event = field(default_factory=anyio.Event)
    open: anyio.Event = field(default_factory=anyio.Event)
    stopped: anyio.Event = field(default_factory=anyio.Event)
    failures: int = 0
    did: list[Any] = field(default_factory=list[Any])

    async def wait(self, task: Task) -> object:
        """Answer when it is opened."""
        self.begun.set()
        try:
            await self.open.wait()
        except BaseException:
            self.stopped.set()
            raise
        return {"waited": True}

    async def echo(self, task: Task) -> object:
        """Answer what was sent."""
        self.did.append(task.input_data)
        return task.input_data

    async def fail(self, task: Task) -> object:
        """Fail so often, and then do it."""
        self.failures -= 1
        if self.failures >= 0:
            raise RuntimeError
        return {"attempt": task.attempt, "key": task.key}

    def agents(self) -> list[PythonAgent]:
        """As they are installed."""
        return [
            an_agent("gate", can("wait", self.wait)),
            an_agent("echo", can("echo", self.echo)),
            an_agent("shaky", can("fail", self.fail)),
        ]


@dataclass
class House:
    """What clients have: one address, whatever is behind it."""

    http: httpx.AsyncClient
    gate: Gate
    clients: Sequence[httpx.AsyncClient]

    async def post(self, path: str, body: object = None, **headers: str) -> httpx.Response:
        """One request with a JSON body."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.http.post(path, json=body, headers=named)

    async def save(self, *steps: Document, **fields: Any) -> str:
        """A new workflow, by its id."""
        answer = await self.post("/api/workflows/", {"name": "w", "steps": steps} | fields)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    async def start(self, workflow: str, **given: Any) -> str:
        """An accepted execution, by its id."""
        answer = await self.post(f"/api/workflows/{workflow}/execute", {"input_data": given})
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    async def status(self, execution: str) -> Document:
        """The document of `/status`."""
        answer = await self.http.get(f"/api/executions/{execution}/status")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def until(self, execution: str, *states: str, within_s: float = 60.0) -> Document:
        """The status once it is one of these."""
        with anyio.fail_after(within_s):
            while (status := await self.status(execution))["status"] not in states:  # noqa: ASYNC110
                await anyio.sleep(0.02)
        return status

    async def run(self, workflow: str, **given: Any) -> Document:
        """Start it, and its status at the end."""
        execution = await self.start(workflow, **given)
        return await self.until(execution, "completed", "failed", "cancelled", "rolled_back")

    async def history(self, execution: str) -> list[tuple[str, str]]:
        """What happened, in order: type and step."""
        path = f"/api/executions/{execution}/history"
        answer = await self.http.get(path, params={"limit": 200})
        assert answer.status_code == 200, answer.text
        return [(item["type"], item["path"] or "") for item in answer.json()["items"]]


@contextlib.asynccontextmanager
async def a_process(
    store_url: str,
    modules: Sequence[str],
    agents: Sequence[PythonAgent],
    *,
    own: bool = True,
    master_key_file: str | None = None,
) -> AsyncIterator[httpx.AsyncClient]:
    """One process of the product, but for its sockets."""
    settings = Settings(
        store_url=store_url, durability="no", allow_weaker_durability=True, drain_s=1.0, port=1,
        network_allow=("127.0.0.1",), modules=tuple(modules), log_level="debug",
        auth_mode="auto" if own else "required", master_key_file=master_key_file,
    )  # fmt: skip
    stage = prepare(settings, [("127.0.0.1", 8000)], Ports.of_the_machine())
    stage.gateway._is_own = lambda _, __: own
    build = functools.partial(build_modules, python_agents=agents)
    async with running(settings, stage, build), a_client(stage) as client:
        yield client


@contextlib.asynccontextmanager
async def a_house(
    store_url: str, shape: str, *, own: bool = True, master_key_file: str | None = None
) -> AsyncIterator[House]:
    """All processes of that shape, ready."""
    gate = Gate()
    async with contextlib.AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(
                a_process(
                    store_url, modules, gate.agents(), own=own, master_key_file=master_key_file
                )
            )
            for modules in SHAPES[shape]
        ]
        yield House(clients[0], gate, clients)
