"""Plugins: Python agents that are found on this machine, and changed while it runs.

Where: files in one folder, and entry points of installed packages in the group `orchestra.agents`;
both only when the setting `plugins` names the folder. The folder is looked at every half second: by
time and size first, then by content. A changed file is imported under a new name, judged, and only
then served. An error changes nothing but what is told about the plugin.
"""

import hashlib
import re
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Final, Protocol

import anyio
import anyio.to_thread
import msgspec
import structlog

from orchestra.agents import PythonAgent
from orchestra.agents.discovery.plugin_files import (
    PluginBroken,
    agent_in_file,
    agent_of_entry_point,
)
from orchestra.clock import Clock
from orchestra.errors import OrchestraError

log = structlog.get_logger(__name__)

GROUP: Final = "orchestra.agents"
LOOK_S: Final = 0.5
IMPORT_S: Final = 30.0
FILES_MAX: Final = 200
_STEM = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,62}")


class Plugin(msgspec.Struct, frozen=True, omit_defaults=True):
    """One plugin, as it is told. `version` is of the code that is served; None: there is none."""

    file: str
    """The name of the file in the folder, or the entry point."""
    version: str | None = None
    """The beginning of the code's SHA-256; of a package, its own version."""
    agent_type: str | None = None
    agent: str | None = None
    loaded_at_ms: int | None = None
    error: str | None = None
    """Why the code that is there now is not served."""


class Shelf(Protocol):
    """Where agents of this process are served from."""

    def owner_is_other(self, agent_type: str, mine: PythonAgent | None) -> bool:
        """Whether somebody else than `mine` serves this type already."""
        ...

    async def serve(self, agent: PythonAgent, entry_point: str) -> None:
        """From now on. Raises PluginBroken when it cannot be registered."""
        ...

    async def withdraw(self, agent: PythonAgent) -> None:
        """No more. Safe to repeat."""
        ...

    async def tell(self, what: str, plugin: Plugin) -> None:
        """An event: `agent.reloaded`, `agent.reload_failed`."""
        ...


class _Seen(msgspec.Struct):
    """What is known of one file. Changes."""

    stat: tuple[int, int]
    plugin: Plugin
    digest: str = ""
    settled: bool = False
    """`stat` was looked at: nothing to do until it moves."""
    serving: PythonAgent | None = None


class Plugins:
    """The plugins of this process. `load` once, then `serve` until cancelled."""

    def __init__(
        self,
        folder: str | None,
        shelf: Shelf,
        clock: Clock,
        offered: Callable[[], list[EntryPoint]] | None = None,
    ) -> None:
        self._folder = Path(folder) if folder else None
        self._shelf, self._clock = shelf, clock
        self._offered = offered or _installed
        self._seen: dict[str, _Seen] = {}
        self._packages: dict[str, Plugin] = {}
        self._number = 0

    @property
    def enabled(self) -> bool:
        """Whether the setting names a folder."""
        return self._folder is not None

    @property
    def all(self) -> list[Plugin]:
        """Every plugin there is, by name."""
        found = [seen.plugin for seen in self._seen.values()] + list(self._packages.values())
        return sorted(found, key=lambda one: one.file)

    def of(self, agent_type: str) -> Plugin | None:
        """The plugin that serves a type; None when none does."""
        return next((one for one in self.all if one.agent_type == agent_type), None)

    async def load(self) -> None:
        """Everything there is. What is broken is logged, and does not stop the others."""
        if self._folder is None:
            return
        for point in (await anyio.to_thread.run_sync(self._offered))[:FILES_MAX]:
            await self._load_package(point)
        await self.look(patient=False)

    async def serve(self) -> None:
        """Look after the folder until cancelled."""
        while self._folder is not None:
            await self._clock.sleep(LOOK_S)
            await self.look()

    async def look(self, *, patient: bool = True) -> None:
        """One look at the folder. `patient`: a file that just changed waits for the next look,
        because somebody may be writing it.
        """
        assert self._folder is not None
        there = await anyio.to_thread.run_sync(_stats, self._folder)
        for name in self._seen.keys() - there.keys():
            await self._gone(name)
        for name, stat in there.items():
            seen = self._seen.get(name)
            if seen is None:
                seen = self._seen[name] = _Seen(stat=stat, plugin=Plugin(name))
                if patient:
                    continue
            elif seen.stat != stat:
                seen.stat, seen.settled = stat, False
                if patient:
                    continue
            if not seen.settled:
                await self._changed(self._folder / name, seen)

    async def _changed(self, path: Path, seen: _Seen) -> None:
        """Read it; if its content is new, import and serve it."""
        try:
            source = await anyio.to_thread.run_sync(path.read_bytes)
        except OSError:
            return  # gone or not ours to read: the next look says which
        digest = hashlib.sha256(source).hexdigest()
        if digest == seen.digest:
            seen.settled = True
            return
        first = seen.serving is None
        try:
            agent = await self._imported(path, source, digest)
            await self._swap(seen.serving, agent, f"{path.stem}:agent")
        except PluginBroken as broken:
            seen.digest, seen.settled = digest, True
            error = str(broken)
            seen.plugin = msgspec.structs.replace(seen.plugin, error=error)
            log.warning("agent.reload_failed", file=path.name, error=error)
            await self._tell("agent.reload_failed", seen.plugin)
            return
        except OrchestraError as away:  # the store: the next look tries again
            log.warning("plugin.not_registered", file=path.name, error=away.code)
            return
        seen.digest, seen.settled, seen.serving = digest, True, agent
        seen.plugin = Plugin(
            path.name, digest[:12], agent.agent_type, agent.name, self._clock.now_ms()
        )
        log.info("plugin.loaded", file=path.name, version=digest[:12], agent_type=agent.agent_type)
        if not first:
            await self._tell("agent.reloaded", seen.plugin)

    async def _imported(self, path: Path, source: bytes, digest: str) -> PythonAgent:
        """In a thread, and not for ever: what a file does at import is its author's."""
        self._number += 1
        name = f"orchestra_plugin_{path.stem}_{digest[:12]}_{self._number}"
        with anyio.move_on_after(IMPORT_S):
            return await anyio.to_thread.run_sync(
                agent_in_file, path, source, name, abandon_on_cancel=True
            )
        raise PluginBroken(f"importing it took longer than {IMPORT_S:.0f} s")

    async def _swap(self, old: PythonAgent | None, agent: PythonAgent, entry_point: str) -> None:
        if self._shelf.owner_is_other(agent.agent_type, old):
            raise PluginBroken(f"the type {agent.agent_type!r} is served by other code already")
        await self._shelf.serve(agent, entry_point)
        if old is not None and (old.agent_type, old.name) != (agent.agent_type, agent.name):
            await self._shelf.withdraw(old)

    async def _gone(self, name: str) -> None:
        seen = self._seen[name]
        if seen.serving is not None:
            try:
                await self._shelf.withdraw(seen.serving)
            except OrchestraError as away:
                log.warning("plugin.not_withdrawn", file=name, error=away.code)
                return
            log.info("plugin.removed", file=name, agent_type=seen.serving.agent_type)
        del self._seen[name]

    async def _load_package(self, point: EntryPoint) -> None:
        version = point.dist.version if point.dist else None
        try:
            with anyio.fail_after(IMPORT_S):
                agent = await anyio.to_thread.run_sync(
                    agent_of_entry_point, point, abandon_on_cancel=True
                )
            await self._swap(None, agent, point.value)
        except (PluginBroken, TimeoutError, OrchestraError) as broken:
            error = str(broken) or f"importing it took longer than {IMPORT_S:.0f} s"
            self._packages[point.value] = plugin = Plugin(point.value, error=error)
            log.warning("agent.reload_failed", file=point.value, error=error)
            await self._tell("agent.reload_failed", plugin)
            return
        self._packages[point.value] = Plugin(
            point.value, version, agent.agent_type, agent.name, self._clock.now_ms()
        )
        log.info("plugin.loaded", file=point.value, agent_type=agent.agent_type)

    async def _tell(self, what: str, plugin: Plugin) -> None:
        try:
            await self._shelf.tell(what, plugin)
        except OrchestraError as away:
            log.debug("plugin.event_lost", what=what, error=away.code)


def _installed() -> list[EntryPoint]:
    return sorted(entry_points(group=GROUP), key=lambda one: one.value)


def _stats(folder: Path) -> dict[str, tuple[int, int]]:
    """Time and size of each plugin file; nothing of a folder that is not there."""
    return dict(sorted(_looked_at(folder))[:FILES_MAX])


def _looked_at(folder: Path) -> Iterator[tuple[str, tuple[int, int]]]:
    try:
        for path in folder.iterdir():
            if path.suffix == ".py" and _STEM.fullmatch(path.stem) and path.is_file():
                stat = path.stat()
                yield path.name, (stat.st_mtime_ns, stat.st_size)
    except OSError:
        return
