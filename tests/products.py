"""The whole product in this process, as often as a test wants it: replicas on one store."""

import contextlib
import functools
import itertools
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import anyio
import httpx
from edge import a_client

from orchestra.agents import PythonAgent
from orchestra.agents.module import AgentsModule
from orchestra.app import Ports, Stage, build_modules, prepare, running
from orchestra.settings import Settings


@dataclass
class Product:
    """One replica: a client of it, and its agents."""

    http: httpx.AsyncClient
    agents: AgentsModule
    stage: Stage
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    async def post(self, path: str, body: object = None, **headers: str) -> httpx.Response:
        """One request with a JSON body."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.http.post(path, json=body, headers=named)

    async def told(self, *types: str) -> AsyncGenerator[dict[str, Any], None]:
        """Events of these types, the oldest first, each as soon as it is there."""
        at = "/api/events/subscriptions"
        name = f"told-{next(self._numbers)}"
        body = {"name": name, "event_filter": {"event_types": types}, "start": "oldest"}
        assert (await self.post(at, body)).status_code == 201
        while True:
            pulled = (await self.post(f"{at}/{name}/pull", {"wait_ms": 20_000})).json()
            for event in pulled["events"]:
                yield event
            if pulled["cursor"]:
                await self.post(f"{at}/{name}/ack", {"cursor": pulled["cursor"]})

    async def heard(self, name: str) -> None:
        """Wait until the agent has been heard of: a worker of it polls."""
        with anyio.fail_after(60):
            while (await self.http.get(f"/api/agents/{name}")).json()["status"] != "healthy":  # noqa: ASYNC110
                await anyio.sleep(0.01)

    async def register(self, name: str, **given: Any) -> dict[str, Any]:
        """An agent; without more it is one whose workers poll."""
        body = {"name": name, "agent_type": "pulled", "capabilities": [{"name": "do"}]} | given
        answer = await self.post("/api/agents/register", body)
        assert answer.status_code in (200, 201), answer.text
        return answer.json()


async def until(ready: Callable[[], object], within_s: float = 60.0) -> None:
    """Until it is so: for what nobody signals."""
    with anyio.fail_after(within_s):
        while not ready():  # noqa: ASYNC110  -- the state of another replica
            await anyio.sleep(0.01)


@contextlib.asynccontextmanager
async def a_product(
    store_url: str, agents: Sequence[PythonAgent] = (), own: bool = True, **given: Any
) -> AsyncIterator[Product]:
    """A running replica. Not `own`: callers come from elsewhere, and need a key."""
    fields: dict[str, Any] = {"store_url": store_url, "durability": "no", "drain_s": 1.0, "port": 1}
    fields["network_allow"] = ("127.0.0.1",)
    settings = Settings(allow_weaker_durability=True, **(fields | given))
    stage = prepare(settings, [("127.0.0.1", 8000)], Ports.of_the_machine())
    stage.gateway._is_own = lambda _, __: own
    build = functools.partial(build_modules, python_agents=agents)
    async with running(settings, stage, build) as parts, a_client(stage) as http:
        module = next(one for one in parts.modules if isinstance(one, AgentsModule))
        yield Product(http, module, stage)
