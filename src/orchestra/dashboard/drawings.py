"""Pictures of definitions, drawn once for each version, in a thread."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final, TypeVar

import anyio
import anyio.to_thread
import msgspec

from orchestra.dashboard.asking import Api, Viewer
from orchestra.dashboard.graph import Picture, scope_of

KEPT_MAX: Final = 256
T = TypeVar("T")


class Drawings:
    """Draws, and remembers. The key is the digest of a definition: its content never changes."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._limiter = anyio.CapacityLimiter(1)  # more at once would only stall the others
        self._kept: OrderedDict[str, Picture] = OrderedDict()

    async def of(self, viewer: Viewer, workflow: dict[str, Any]) -> Picture:
        """That of a version of a workflow, as the interface shows it. Raises Refused."""
        digest = str(workflow["digest"])
        found = self._kept.get(digest)
        if found is None:
            text = msgspec.json.encode(workflow["definition"])
            checked = await self._api.pose(viewer, "/api/workflows/validate", text)
            found = await self.drawn(str(workflow["name"]), checked["graph"])
            self._kept[digest] = found
            if len(self._kept) > KEPT_MAX:
                self._kept.popitem(last=False)
        return found

    async def drawn(self, name: str, graph: dict[str, Any]) -> Picture:
        """That of a graph, not remembered."""
        return await self.apart(lambda: Picture(scope_of(name, graph)))

    async def apart(self, draw: Callable[[], T]) -> T:
        """What `draw` makes, in a thread, one after the other."""
        return await anyio.to_thread.run_sync(draw, limiter=self._limiter)
