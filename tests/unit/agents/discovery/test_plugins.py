"""A folder of plugins, look by look: patience, content, and a store that is away."""

import os
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from orchestra.agents import PythonAgent
from orchestra.agents.discovery.plugins import FILES_MAX, Plugin, Plugins
from orchestra.clock import ManualClock
from orchestra.store.failures import StoreAway

pytestmark = pytest.mark.anyio

CODE = """
from orchestra import sdk
agent = sdk.Agent({name!r}, agent_type={kind!r})
agent.capability("do")(print)
"""


class Board:
    """Who is served. `away`: the store is."""

    def __init__(self) -> None:
        self.away = False
        self.serving: dict[str, PythonAgent] = {}
        self.told: list[tuple[str, str]] = []
        self.served = 0

    def owner_is_other(self, agent_type: str, mine: PythonAgent | None) -> bool:
        return self.serving.get(agent_type, mine) is not mine

    async def serve(self, agent: PythonAgent, entry_point: str) -> None:
        self._here()
        assert entry_point.endswith(":agent")
        self.served += 1
        self.serving[agent.agent_type] = agent

    async def withdraw(self, agent: PythonAgent) -> None:
        self._here()
        if self.serving.get(agent.agent_type) is agent:
            del self.serving[agent.agent_type]

    async def tell(self, what: str, plugin: Plugin) -> None:
        self._here()
        self.told.append((what, plugin.file))

    def _here(self) -> None:
        if self.away:
            raise StoreAway("the store is away")


class Folder:
    def __init__(self, path: Path, offered: Callable[[], list[EntryPoint]] = list) -> None:
        self.path, self.board, self._moment = path, Board(), 1_000_000_000
        self.plugins = Plugins(str(path), self.board, ManualClock(), offered)

    def write(self, file: str = "far.py", name: str = "far", kind: str = "far") -> None:
        self.put(file, CODE.format(name=name, kind=kind))

    def put(self, file: str, text: str) -> None:
        """Always at another time, however coarse the file system's clock is."""
        self._moment += 1
        (self.path / file).write_text(text)
        os.utime(self.path / file, (self._moment, self._moment))

    async def look(self) -> list[str]:
        """Who is served after another look."""
        await self.plugins.look()
        return sorted(agent.name for agent in self.board.serving.values())


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


async def test_a_file_that_just_changed_waits_for_the_next_look(folder: Folder) -> None:
    folder.write()
    assert await folder.look() == []
    assert await folder.look() == ["far"]
    folder.write(name="new")
    assert await folder.look() == ["far"]
    folder.write(name="newer")
    assert await folder.look() == ["far"], "somebody still writes it"
    assert await folder.look() == ["newer"]
    assert folder.board.told == [("agent.reloaded", "far.py")]


async def test_a_file_that_was_only_touched_is_not_run_again(folder: Folder) -> None:
    folder.write()
    await folder.plugins.load()
    folder.write()
    await folder.look()
    await folder.look()

    assert folder.board.served == 1
    assert folder.board.told == []


async def test_at_the_start_nobody_waits(folder: Folder) -> None:
    folder.write()
    await folder.plugins.load()

    assert [one.error for one in folder.plugins.all] == [None]
    assert sorted(folder.board.serving) == ["far"]


async def test_while_the_store_is_away_each_look_tries_again(folder: Folder) -> None:
    folder.write()
    folder.board.away = True
    await folder.plugins.load()
    assert await folder.look() == []
    folder.board.away = False
    assert await folder.look() == ["far"]
    folder.board.away = True
    (folder.path / "far.py").unlink()
    assert await folder.look() == ["far"]
    assert [one.file for one in folder.plugins.all] == ["far.py"], "it is not withdrawn yet"
    folder.board.away = False
    assert await folder.look() == []
    assert folder.plugins.all == []


async def test_a_broken_file_is_run_once_and_what_was_served_stays(folder: Folder) -> None:
    folder.write()
    await folder.plugins.load()
    folder.put("far.py", "1 / 0")
    for _ in range(4):
        assert await folder.look() == ["far"]

    [plugin] = folder.plugins.all
    assert "ZeroDivisionError" in (plugin.error or "")
    assert plugin.agent == "far"
    assert folder.board.told == [("agent.reload_failed", "far.py")]


async def test_a_type_has_one_file_and_goes_to_the_next_when_it_is_free(folder: Folder) -> None:
    folder.write("a.py", "first")
    folder.write("b.py", "second")
    await folder.plugins.load()
    assert await folder.look() == ["first"]
    folder.write("a.py", "first", kind="other")
    await folder.look()
    assert await folder.look() == ["first"]
    assert sorted(folder.board.serving) == ["other"], "the old type is withdrawn"
    folder.write("b.py", "third")
    await folder.look()
    assert await folder.look() == ["first", "third"]
    assert folder.plugins.of("far") is not None


async def test_what_is_no_plugin_is_not_looked_at(folder: Folder) -> None:
    (folder.path / "folder.py").mkdir()
    (folder.path / "lost.py").symlink_to(folder.path / "nowhere.py")
    (folder.path / "loop.py").symlink_to(folder.path / "loop.py")
    for name in (".far.py", "1.py", "a b.py", "far.pyc", f"{'x' * 64}.py"):
        folder.put(name, "1 / 0")
    await folder.plugins.load()

    assert folder.plugins.all == []


async def test_a_folder_that_is_not_there_or_too_full_is_no_fault(tmp_path: Path) -> None:
    gone = Folder(tmp_path / "gone")
    await gone.plugins.load()
    assert gone.plugins.all == []

    full = Folder(tmp_path)
    for i in range(FILES_MAX + 5):
        (tmp_path / f"p{i:03}.py").touch()
    assert await full.look() == []
    assert len(full.plugins.all) == FILES_MAX


async def test_without_a_folder_packages_are_not_imported_either() -> None:
    def never() -> list[EntryPoint]:
        raise AssertionError("nobody asked for plugins")

    plugins = Plugins(None, Board(), ManualClock(), never)
    await plugins.load()
    await plugins.serve()

    assert (plugins.enabled, plugins.all) == (False, [])


async def test_a_broken_package_is_told_of_though_the_store_is_away(tmp_path: Path) -> None:
    point = EntryPoint("far", "no_such_package_at_all:agent", "orchestra.agents")
    folder = Folder(tmp_path, lambda: [point])
    folder.board.away = True
    await folder.plugins.load()

    [plugin] = folder.plugins.all
    assert plugin.file == "no_such_package_at_all:agent"
    assert "ModuleNotFoundError" in (plugin.error or "")
