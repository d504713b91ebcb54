"""Traces at a collector: one whole trace for each execution, whatever happens on its way."""

import random
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import anyio.to_thread
import httpx
import pytest
from edge import OneKey, a_client
from http_peer import Peer, a_peer
from otlp_receiver import Got, Receiver, a_receiver, whole

from orchestra.app import Ports, build_modules, prepare, running
from orchestra.security import Principal
from orchestra.security.key_text import new_key
from orchestra.security.roles import permissions_of
from orchestra.settings import Settings
from orchestra.store.keys import DEFAULT_TENANT

pytestmark = pytest.mark.anyio

KEY = new_key()
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
CALLER = {"traceparent": f"00-{TRACE}-{SPAN}-01", "tracestate": "vendor=1"}


@pytest.fixture
def collector() -> Iterator[Receiver]:
    with a_receiver() as made:
        yield made


@pytest.fixture
async def http(store_url: str, collector: Receiver) -> AsyncIterator[httpx.AsyncClient]:
    settings = Settings(
        store_url=store_url,
        durability="no",
        allow_weaker_durability=True,
        drain_s=1.0,
        network_allow=("127.0.0.1",),
        otel_endpoint=collector.url,
        otel_headers="x-scope=a%20b",
        otel_service_name="of-the-test",
    )
    stage = prepare(settings, [("127.0.0.1", 8000)], Ports.of_the_machine())
    admin = Principal(DEFAULT_TENANT, "admin", "key_a", permissions_of("admin"))
    async with running(settings, stage, build_modules), a_client(stage) as client:
        stage.gateway.verifier = OneKey(KEY, admin)
        client.headers["x-api-key"] = KEY
        yield client


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    async with a_peer() as made:
        yield made


async def test_a_sequence(http: httpx.AsyncClient, peer: Peer, collector: Receiver) -> None:
    await registered(http, "far", peer.url)
    execution = await ran(http, [step("a"), step("b", depends_on=["a"])])
    trace = await collected(collector, execution)
    whole(trace)


def step(name: str, **more: Any) -> dict[str, Any]:
    """A step for the agent `far`."""
    return {"id": name, "agent_type": "far", "task_type": "work", "input_data": {}, **more}


async def post(http: httpx.AsyncClient, path: str, body: Any, **more: str) -> Any:
    answer = await http.post(path, json=body, headers=more)
    assert answer.status_code < 300, answer.text
    return answer.json()


async def registered(http: httpx.AsyncClient, name: str, url: str, **more: Any) -> Any:
    agent = {"name": name, "agent_type": name, "endpoint": url, "capabilities": []}
    return await post(http, "/api/agents/register", agent | more)


async def ran(http: httpx.AsyncClient, steps: list[dict[str, Any]], **headers: str) -> str:
    """The id of an execution that has ended."""
    document = {"name": f"w{random.random()}", "steps": steps}
    made = await post(http, "/api/workflows", document)
    path = f"/api/workflows/{made['id']}/execute"
    return (await post(http, path, {}, **({"prefer": "wait=60"} | headers)))["id"]


async def collected(
    collector: Receiver, execution: str, more: Callable[[], bool] = bool
) -> list[Got]:
    """The trace of an execution, once its end is there and nothing of it is missing."""

    def there() -> bool:
        ids = {one.trace_id for one in collector.spans if is_end(one, execution)}
        spans = [one for one in collector.spans if one.trace_id in ids]
        known = {one.span_id for one in spans}
        return (
            bool(ids)
            and {one.parent for one in spans} - known <= {"", SPAN}
            and any(one.kind == "server" for one in spans)
        )

    await anyio.to_thread.run_sync(collector.wait, there)
    return collector.trace(lambda one: is_end(one, execution))


def is_end(one: Got, execution: str) -> bool:
    """Whether it is the span of this execution."""
    at = one.attributes
    named = at.get("gen_ai.operation.name") == "invoke_workflow"
    return named and at["orchestra.execution.id"] == execution
