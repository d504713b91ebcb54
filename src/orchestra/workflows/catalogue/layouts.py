"""Where people put the steps of a workflow on the canvas: kept beside it, never in a definition."""

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from orchestra.errors import Invalid, Problem
from orchestra.store import editor_keys, frames, keys
from orchestra.store.keys import Tenant
from orchestra.workflows.catalogue.plans import SCRIPTS, Catalogue, Definitions, NoSuchWorkflow

PLACES_MAX: Final = 1_000
PATH_MAX: Final = 256
FAR: Final = 100_000

Coordinate = Annotated[int, Meta(ge=-FAR, le=FAR)]
Positions = dict[str, tuple[Coordinate, Coordinate]]


class Placing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Left and top of steps, by their path; steps without a place get one when they are drawn."""

    positions: Annotated[
        Positions, Meta(description="`[x, y]` by path.", examples=[{"prepare/stock": [240, 96]}])
    ]


class Layouts:
    """Reads and keeps them."""

    def __init__(self, store: Definitions, catalogue: Catalogue) -> None:
        self._store, self._catalogue = store, catalogue
        self._prefix = keys.definitions(store.space)

    async def of(self, tenant: Tenant, reference: str) -> Placing:
        """That of a workflow; empty when nobody moved a step. Raises NoSuchWorkflow, StoreAway."""
        workflow = await self._catalogue.get(tenant, reference)
        key = editor_keys.layout(self._prefix, tenant, workflow.id)
        framed = await self._store.read(self._prefix, "GET", key)
        return msgspec.json.decode(frames.unpack(framed), type=Placing) if framed else Placing({})

    async def keep(self, tenant: Tenant, reference: str, placing: Placing) -> None:
        """Instead of what was kept. Raises Invalid, NoSuchWorkflow, StoreAway, StoreFull."""
        count = len(placing.positions)
        if count > PLACES_MAX:
            raise _unfit(f"a layout has {PLACES_MAX:,} places at most, this has {count:,}")
        if any(not 0 < len(path) <= PATH_MAX or "\0" in path for path in placing.positions):
            raise _unfit(f"a path has 1 to {PATH_MAX:,} characters")
        await self._set(tenant, reference, frames.pack_small(msgspec.json.encode(placing)))

    async def forget(self, tenant: Tenant, reference: str) -> None:
        """All of it. Raises NoSuchWorkflow, StoreAway. Safe to repeat."""
        await self._set(tenant, reference, b"")

    async def _set(self, tenant: Tenant, reference: str, layout: bytes) -> None:
        workflow = await self._catalogue.get(tenant, reference)
        script = SCRIPTS["workflow_layout"]
        reply = await self._store.run(
            script, self._prefix, tenant=tenant, id=workflow.id, layout=layout
        )
        if reply[0] == -1:
            raise NoSuchWorkflow("no workflow of this id")


def _unfit(message: str) -> Invalid:
    return Invalid("the layout is not valid", [Problem("/positions", "field.range", message)])
