"""A watch: one watcher of the hub, for the duration of a block."""

from typing import Protocol

from orchestra.bus.live.watcher import Watcher


class Watched(Protocol):
    """What a watch asks of the hub."""

    async def enter(self, watcher: Watcher, since: str | None) -> None:
        """Events are offered to it, until it leaves. Raises PositionInvalid: then it has left."""
        ...

    def leave(self, watcher: Watcher) -> None:
        """Nothing is offered to it any more."""
        ...


class Watch:
    """A watch for the duration of a block. No generator: those are 1 KiB more of each stream."""

    __slots__ = ("_hub", "_since", "_watcher")

    def __init__(self, hub: Watched, watcher: Watcher, since: str | None) -> None:
        self._hub, self._watcher, self._since = hub, watcher, since

    async def __aenter__(self) -> Watcher:
        """Raises PositionInvalid."""
        await self._hub.enter(self._watcher, self._since)
        return self._watcher

    async def __aexit__(self, *_: object) -> None:
        self._hub.leave(self._watcher)
