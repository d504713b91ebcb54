"""MCP servers that are programs: named by the configuration, spoken to over their streams."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import peers
import pytest
from agent_replicas import a_task, store_at
from protocol_peers import SERVERS

from orchestra.agents.credentials import NoCredentials
from orchestra.agents.discovery.local_servers import commands_in
from orchestra.agents.module import AgentsModule
from orchestra.agents.providers import Answer, Call, Failure
from orchestra.agents.providers.mcp import McpProvider
from orchestra.agents.providers.mcp_programs import Programs
from orchestra.agents.providers.mcp_wire import McpWire
from orchestra.agents.records import Agent, McpReach, Registration
from orchestra.clock import Ids, SystemClock, system_random
from orchestra.errors import Invalid
from orchestra.security.destinations import policy
from orchestra.security.outbound import Outbound
from orchestra.settings import Settings
from orchestra.store.keys import DEFAULT_TENANT

pytestmark = pytest.mark.anyio

CRASHES = """
import sys, json
for line in sys.stdin:
    asked = json.loads(line)
    if asked.get("method") == "tools/call":
        sys.exit(3)
    if "id" in asked:
        print("a line of its own")
        result = {"protocolVersion": "2025-11-25", "tools": []}
        print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": result}), flush=True)
"""


@pytest.fixture(scope="module")
def server() -> tuple[str, ...]:
    return str(peers.python("mcp")), str(SERVERS / "mcp_server.py"), "--stdio"


@asynccontextmanager
async def a_provider(*allowed: tuple[str, ...]) -> AsyncIterator[McpProvider]:
    outbound, programs = (
        Outbound(policy(())),
        Programs({str(i): one for i, one in enumerate(allowed)}),
    )
    async with anyio.create_task_group() as group:
        group.start_soon(programs.serve)
        await anyio.lowlevel.checkpoint()
        yield McpProvider(McpWire(outbound, NoCredentials(), programs))
        group.cancel_scope.cancel()


def an_agent(command: tuple[str, ...]) -> Agent:
    spec = Registration("local", "local", "mcp", reach=McpReach("", (), command))
    return Agent("agt_1", DEFAULT_TENANT, 1, 0, spec)


def a_call(tool: str, given: object, frames: list[Any] | None = None, **more: Any) -> Call:
    task = a_task("local", input_data=given, **more)
    return Call(task, tool, task.timeout_ms, 1, emit=None if frames is None else frames.append)


async def test_a_program_answers_tells_and_is_checked(server: tuple[str, ...]) -> None:
    frames: list[Any] = []
    async with a_provider(server) as provider:
        agent = an_agent(server)
        async with anyio.create_task_group() as group:
            for _ in range(20):
                group.start_soon(provider.call, agent, a_call("add", {"a": 1, "b": 2}))
        summed = await provider.call(agent, a_call("add", {"a": 1, "b": 2}))
        counted = await provider.call(agent, a_call("count", {"to": 2}, frames))
        broken = await provider.call(agent, a_call("breaks", {}))
        well = await provider.check(agent, 60)

    assert isinstance(summed, Answer)
    assert summed.output == {"total": 3}
    assert isinstance(counted, Answer)
    assert [one["message"] for one in frames] == ["at 1", "at 2"]
    assert isinstance(broken, Failure)
    assert well is None


async def test_a_cancelled_call_is_cancelled_in_the_program(server: tuple[str, ...]) -> None:
    async with a_provider(server) as provider:
        agent = an_agent(server)
        before = await provider.call(agent, a_call("cancelled", {}))
        with anyio.fail_after(120):
            while await provider.call(agent, a_call("cancelled", {})) == before:
                with anyio.move_on_after(0.5):  # it may not have begun by then
                    await provider.call(agent, a_call("slow", {}))
                await anyio.sleep(0.1)


async def test_a_program_that_ends_is_lost_once_and_started_again(tmp_path: Path) -> None:
    (tmp_path / "crashes.py").write_text(CRASHES)
    command = (sys.executable, str(tmp_path / "crashes.py"))
    async with a_provider(command) as provider:
        lost = await provider.call(an_agent(command), a_call("add", {}))
        well = await provider.check(an_agent(command), 60)

    assert isinstance(lost, Failure)
    assert (lost.error.code, lost.error.definite) == ("agent.lost", False)
    assert well is None


async def test_a_command_that_the_configuration_does_not_name_is_never_run(
    tmp_path: Path,
) -> None:
    command = ("/bin/touch", str(tmp_path / "ran"))
    async with a_provider(("/bin/true",)) as provider:
        said = await provider.call(an_agent(command), a_call("add", {}))

    assert isinstance(said, Failure)
    assert (said.error.code, said.elsewhere) == ("agent.unavailable", True)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("command", [("/nowhere/at/all",), ("/bin/cat",), ("/bin/true",)])
async def test_what_is_no_server_is_a_failure(command: tuple[str, ...]) -> None:
    async with a_provider(command) as provider:
        said = await provider.call(an_agent(command), a_call("add", {}, timeout_ms=1_000))

    assert isinstance(said, Failure)
    assert said.error.code in {"agent.unavailable", "agent.lost", "timeout.attempt"}


async def test_the_configured_are_registered_and_tell_their_tools(
    store_url: str, server: tuple[str, ...]
) -> None:
    clock, chance = SystemClock(), system_random()
    settings = Settings(mcp_servers=(f"sums={' '.join(server)}",), port=1)
    async with store_at(store_url) as store:
        module = AgentsModule(store, clock, Ids(clock, chance), chance, settings)
        async with module.running():
            with anyio.fail_after(60):
                while not module.registry.roster(DEFAULT_TENANT).by_name["sums"].offers:  # noqa: ASYNC110 -- by the module
                    await anyio.sleep(0.05)
            done = await module.execute(
                a_task("sums", capability="add", input_data={"a": 1, "b": 2})
            )

    assert done.output == {"total": 3}


def test_a_configuration_that_cannot_be_read_says_where() -> None:
    assert commands_in(["a=python x.py 'b c'"]) == {"a": ("python", "x.py", "b c")}
    with pytest.raises(Invalid) as refused:
        commands_in(["ok=x", "no command=", "=x", "b='"])
    assert [getattr(one, "pointer", None) for one in refused.value.findings] == [
        "/mcp_servers/1", "/mcp_servers/2", "/mcp_servers/3",
    ]  # fmt: skip
