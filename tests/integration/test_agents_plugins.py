"""Plugins in a folder: found, changed while they work, broken, removed."""

import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from importlib.metadata import EntryPoint
from pathlib import Path

import anyio
import msgspec
import pytest
from agent_replicas import a_task, store_at

from orchestra.agents import TaskResult
from orchestra.agents.module import AgentsModule
from orchestra.agents.registration.reading import RegistrationInvalid
from orchestra.agents.routes.plugins import PluginRoutes
from orchestra.clock import Ids, SystemClock, system_random
from orchestra.security import Principal
from orchestra.security.roles import permissions_of
from orchestra.settings import Settings
from orchestra.store.keys import DEFAULT_TENANT, Tenant

pytestmark = pytest.mark.anyio

CODE = """
import anyio

from orchestra.agents import Capability, PythonAgent, PythonCapability


async def run(task):
    await anyio.sleep(task.input_data.get("s", 0))
    return {answer!r}


agent = PythonAgent(
    "greeter", "{kind}", tuple(PythonCapability(Capability(name), run) for name in {names!r})
)
"""


def code(answer: str, kind: str = "greeter", names: tuple[str, ...] = ("greet",)) -> str:
    return CODE.format(answer=answer, kind=kind, names=names)


@asynccontextmanager
async def replica(
    url: str, folder: Path, offered: Callable[[], list[EntryPoint]] = list
) -> AsyncIterator[AgentsModule]:
    clock, chance = SystemClock(), system_random()
    settings = Settings(port=1, plugins=str(folder))
    async with store_at(url) as store:
        module = AgentsModule(store, clock, Ids(clock, chance), chance, settings)
        module.plugins._offered = offered
        async with module.running():
            yield module


@pytest.fixture
async def agents(store_url: str, tmp_path: Path) -> AsyncIterator[AgentsModule]:
    (tmp_path / "greeter.py").write_text(code("one"))
    async with replica(store_url, tmp_path) as module:
        yield module


async def greet(agents: AgentsModule, **given: object) -> TaskResult:
    return await agents.execute(a_task("greeter", capability="greet", input_data=given))


async def until(fits: Callable[[], Awaitable[bool]], within_s: float = 60.0) -> float:
    began = time.monotonic()
    while not await fits():
        assert time.monotonic() - began < within_s
        await anyio.sleep(0.02)
    return time.monotonic() - began


async def test_a_file_is_an_agent_at_the_start(agents: AgentsModule) -> None:
    result = await greet(agents)

    assert result.output == "one"
    [plugin] = agents.plugins.all
    assert (plugin.file, plugin.agent_type, plugin.error) == ("greeter.py", "greeter", None)


async def test_a_plugin_edited_during_200_tasks_fails_none_and_is_live_soon(
    agents: AgentsModule, tmp_path: Path
) -> None:
    results: list[TaskResult] = []
    stop = anyio.Event()

    async def work() -> None:
        while not stop.is_set():
            results.append(await greet(agents, s=0.4))

    async with anyio.create_task_group() as group:
        for _ in range(200):
            group.start_soon(work)
        await until(lambda: _true(len(results) >= 200))
        (tmp_path / "greeter.py").write_text(code("two"))

        async def renewed() -> bool:
            return (await greet(agents)).output == "two"

        await until(renewed)
        await until(lambda: _true(any(one.output == "two" for one in results)))
        stop.set()

    assert [one.error for one in results if one.error] == []
    assert {one.output for one in results} == {"one", "two"}
    assert len(results) > 400


async def test_a_broken_edit_changes_nothing_and_shows_where(
    agents: AgentsModule, tmp_path: Path
) -> None:
    file = tmp_path / "greeter.py"
    before = agents.plugins.all[0]
    file.write_text("import anyio\n\n1 / 0\n")

    async def told() -> bool:
        return agents.plugins.all[0].error is not None

    await until(told)
    after = agents.plugins.all[0]

    assert (await greet(agents)).output == "one"
    assert after.version == before.version
    assert after.error is not None
    assert 'File "greeter.py", line 3' in after.error
    assert "ZeroDivisionError" in after.error
    assert str(tmp_path) not in after.error

    file.write_text(code("three"))

    async def renewed() -> bool:
        return (await greet(agents)).output == "three" and agents.plugins.all[0].error is None

    await until(renewed)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("x = (", "SyntaxError"),
        ("raise SystemExit(3)", "SystemExit"),
        ("", "there is no variable 'agent'"),
        ("agent = 1", "is no agent"),
        (code("x", names=("a", "a")), "twice"),
        (code("x", names=()), "0 capabilities"),
        (code("x", kind="a b"), "no type"),
    ],
)
async def test_what_cannot_be_served_says_why_and_harms_nobody(
    agents: AgentsModule, tmp_path: Path, source: str, words: str
) -> None:
    (tmp_path / "other.py").write_text(source)
    await agents.plugins.look(patient=False)

    [_, other] = agents.plugins.all
    assert words in (other.error or "")
    assert other.version is None
    assert (await greet(agents)).output == "one"


async def test_two_files_cannot_serve_one_type(agents: AgentsModule, tmp_path: Path) -> None:
    (tmp_path / "other.py").write_text(code("mine"))
    await agents.plugins.look(patient=False)

    [_, other] = agents.plugins.all
    assert "served by other code" in (other.error or "")
    assert (await greet(agents)).output == "one"


async def test_capabilities_come_and_go_with_the_code(agents: AgentsModule, tmp_path: Path) -> None:
    (tmp_path / "greeter.py").write_text(code("two", names=("greet", "wave")))
    await agents.plugins.look(patient=False)

    waved = await agents.execute(a_task("greeter", capability="wave"))
    assert waved.output == "two"

    (tmp_path / "greeter.py").write_text(code("three", names=("wave",)))
    await agents.plugins.look(patient=False)
    greeted = await greet(agents)

    assert greeted.error is not None
    assert greeted.error.problem in ("no-such-capability", "no-agent-available")


async def test_a_file_that_is_gone_takes_its_agent_with_it(
    agents: AgentsModule, tmp_path: Path
) -> None:
    (tmp_path / "greeter.py").unlink()
    await agents.plugins.look()

    assert agents.plugins.all == []
    assert agents.registry.roster(DEFAULT_TENANT).by_name == {}
    assert (await greet(agents)).error is not None


async def test_hidden_and_private_files_are_not_looked_at(
    agents: AgentsModule, tmp_path: Path
) -> None:
    for name in (".hidden.py", "_private.py", "notes.txt", "a-b.py"):
        (tmp_path / name).write_text("1 / 0")
    await agents.plugins.look(patient=False)

    assert [one.file for one in agents.plugins.all] == ["greeter.py"]


async def _true(value: bool) -> bool:
    return value


async def test_entry_points_of_packages_are_found_and_can_be_named(
    store_url: str, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "packaged_greeter.py").write_text(code("packaged"))
    point = EntryPoint("greeter", "packaged_greeter:agent", "orchestra.agents")
    broken = EntryPoint("other", "no_such_package:agent", "orchestra.agents")
    sys.path.insert(0, str(tmp_path))
    try:
        async with replica(store_url, tmp_path / "empty", lambda: [point, broken]) as agents:
            result = await greet(agents)
            plugins = agents.plugins.all
            body = {"name": "mine", "agent_type": "greeter", "capabilities": ["greet"]}
            body |= {"provider": "python", "entry_point": "packaged_greeter:agent"}
            made, _ = await agents._registrar.register(
                DEFAULT_TENANT, msgspec.json.encode(body), new_only=False
            )
            with pytest.raises(RegistrationInvalid) as unknown:
                await agents._registrar.register(
                    DEFAULT_TENANT,
                    msgspec.json.encode(body | {"entry_point": "os:system"}),
                    new_only=False,
                )
            with pytest.raises(RegistrationInvalid) as other:
                await agents._registrar.register(
                    DEFAULT_TENANT,
                    msgspec.json.encode(body | {"agent_type": "shouter"}),
                    new_only=False,
                )
    finally:
        sys.path.remove(str(tmp_path))

    assert result.output == "packaged"
    assert [one.error is None for one in plugins] == [False, True]
    assert made["status"] == "healthy"
    assert [getattr(one, "code", "") for one in unknown.value.findings] == ["entry_point_unknown"]
    assert [getattr(one, "code", "") for one in other.value.findings] == ["code_not_installed"]


async def test_only_the_first_tenant_sees_the_files(agents: AgentsModule) -> None:
    async def files(tenant: Tenant) -> list[str]:
        caller = Principal(tenant, "operator", "key_t", permissions_of("operator"))
        page = await PluginRoutes.page.fn(PluginRoutes, caller, agents.plugins)
        return [one.file for one in page.items]

    assert await files(DEFAULT_TENANT) == ["greeter.py"]
    assert await files(Tenant("other")) == []
