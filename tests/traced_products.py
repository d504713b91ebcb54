"""A product whose traces go to a collector of the test's own, and what is asked of both."""

import itertools
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import anyio
import anyio.to_thread
import httpx
from edge import OneKey, a_client
from otlp_receiver import Got, Receiver

from orchestra.agents import PythonAgent
from orchestra.app import Ports, build_modules, prepare, running
from orchestra.security import Principal
from orchestra.security.key_text import new_key
from orchestra.security.roles import permissions_of
from orchestra.settings import Settings
from orchestra.store.keys import DEFAULT_TENANT

KEY = new_key()
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
CALLER = {"traceparent": f"00-{TRACE}-{SPAN}-01", "tracestate": "vendor=1"}
_NUMBERS = itertools.count(1)


def settings_of(store_url: str, endpoint: str | None, **given: Any) -> Settings:
    """Those of a product of the tests."""
    told: dict[str, Any] = {
        "store_url": store_url, "durability": "no", "allow_weaker_durability": True,
        "drain_s": 1.0, "network_allow": ("127.0.0.1",), "otel_endpoint": endpoint,
        "otel_service_name": "of-the-test",
    }  # fmt: skip
    return Settings(**(told | given))


@asynccontextmanager
async def a_product(
    settings: Settings, agents: Sequence[PythonAgent] = ()
) -> AsyncIterator["Product"]:
    """It runs, and its client is an administrator."""
    stage = prepare(settings, [("127.0.0.1", 8000)], Ports.of_the_machine())
    admin = Principal(DEFAULT_TENANT, "admin", "key_a", permissions_of("admin"))
    build = partial(build_modules, python_agents=agents)
    async with running(settings, stage, build) as up, a_client(stage) as client:
        stage.gateway.verifier = OneKey(KEY, admin)
        client.headers["x-api-key"] = KEY
        yield Product(client, list(up.modules))


@dataclass
class Product:
    """Its client."""

    http: httpx.AsyncClient
    modules: list[Any] = field(default_factory=list[Any])

    async def post(self, path: str, body: Any, **headers: str) -> Any:
        """One request that is answered well."""
        answer = await self.http.post(path, json=body, headers=headers)
        assert answer.status_code < 300, answer.text
        return answer.json()

    async def register(self, name: str, url: str, **more: Any) -> Any:
        """An agent over HTTP, alone in a pool of its name unless told otherwise."""
        agent = {"name": name, "agent_type": name, "endpoint": url, "capabilities": []}
        return await self.post("/api/agents/register", agent | more)

    async def run(self, *steps: Any, **headers: str) -> str:
        """The id of an execution that has ended."""
        document = {"name": f"w{next(_NUMBERS)}", "steps": steps}
        made = await self.post("/api/workflows", document)
        path = f"/api/workflows/{made['id']}/execute"
        return (await self.post(path, {}, **({"prefer": "wait=60"} | headers)))["id"]


def step(name: str, agent_type: str = "far", **more: Any) -> dict[str, Any]:
    """A step."""
    return {"id": name, "agent_type": agent_type, "task_type": "work", "input_data": {}, **more}


async def trace_of(
    collector: Receiver, execution: str, until: Callable[[list[Got]], object] = bool
) -> list[Got]:
    """The trace of an execution, once its end is there, and no parent of it is missing."""

    def there() -> bool:
        ids = {one.trace_id for one in collector.spans if is_end(one, execution)}
        spans = [one for one in collector.spans if one.trace_id in ids]
        known = {one.span_id for one in spans}
        lacking = {one.parent for one in spans} - known - {"", SPAN}
        return bool(ids) and not lacking and bool(until(spans))

    await anyio.to_thread.run_sync(collector.wait, there)
    return collector.trace(lambda one: is_end(one, execution))


def is_end(one: Got, execution: str) -> bool:
    """Whether it is the span of this execution."""
    at = one.attributes
    named = at.get("gen_ai.operation.name") == "invoke_workflow"
    return named and at["orchestra.execution.id"] == execution


def drawn(trace: list[Got]) -> list[str]:
    """As a tree: each line a span, indented under the one it is part of, the oldest first."""
    ids = {one.span_id for one in trace}

    def under(parent: Callable[[Got], bool], depth: int) -> list[str]:
        lines: list[str] = []
        for one in sorted(filter(parent, trace), key=lambda one: (one.start_ns, one.name)):
            below = one.span_id
            lines.append("  " * depth + one.name + (" !" if one.failed else ""))
            lines += under(lambda other, below=below: other.parent == below, depth + 1)
        return lines

    return under(lambda one: one.parent not in ids, 0)
