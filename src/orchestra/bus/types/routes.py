"""Types of events over HTTP: `/api/events/types`."""

from typing import Any

from litestar import Controller, Request, delete, get, put
from litestar.di import NamedDependency
from litestar.params import FromPath, SkipValidation

from orchestra.bus.catalogue import catalogue
from orchestra.bus.types import descriptions
from orchestra.bus.types.fields import read_type
from orchestra.bus.types.records import EventType, Types
from orchestra.instants import instant
from orchestra.security import Permission, Principal, requires

Caller = NamedDependency[SkipValidation[Principal]]
Known = NamedDependency[SkipValidation[Types]]
Document = dict[str, Any]

_READS = [requires(Permission.EVENTS_READ)]
_DEFINES = [requires(Permission.EVENTS_DEFINE)]


class TypeRoutes(Controller):
    """What events look like: ours, and those whose schema somebody brought."""

    path = "/api/events/types"
    tags = ("events",)

    @get("/", guards=_READS, opt=descriptions.LIST)
    async def page(self, principal: Caller, event_types: Known) -> Document:
        """Every type that happens here by itself or has a schema, with a schema of its data."""
        own = sorted((await event_types.of(principal.tenant)).items())
        return {"types": [*catalogue(), *(listed(one) for _, one in own)]}

    @get("/{event_type:str}", guards=_READS, opt=descriptions.ONE)
    async def one(
        self, event_type: FromPath[str], principal: Caller, event_types: Known
    ) -> Document:
        """One type that has a schema here."""
        return shown(await event_types.one(principal.tenant, event_type))

    @put("/{event_type:str}", guards=_DEFINES, opt=descriptions.PUT)
    async def put(
        self,
        request: Request[Any, Any, Any],
        event_type: FromPath[str],
        principal: Caller,
        event_types: Known,
    ) -> Document:
        """Say what the data of a type looks like. What does not fit is refused from then on.

        Other replicas know it at once, or within five seconds. Events that are kept stay.
        """
        wanted = read_type(event_type, await request.body())
        kept = await event_types.put(
            principal.tenant,
            event_type,
            wanted.schema,
            wanted.compatibility,
            wanted.description,
        )
        return shown(kept)

    @delete("/{event_type:str}", guards=_DEFINES, opt=descriptions.REMOVE)
    async def remove(
        self, event_type: FromPath[str], principal: Caller, event_types: Known
    ) -> None:
        """Forget the schema of a type: its events are free again."""
        await event_types.drop(principal.tenant, event_type)


def shown(kind: EventType) -> Document:
    """A type as its document."""
    return {
        "type": kind.type,
        "schema": kind.schema,
        "compatibility": kind.compatibility,
        "description": kind.description,
        "revision": kind.revision,
        "created_at": instant(kind.created_ms),
        "updated_at": instant(kind.updated_ms),
    }


def listed(kind: EventType) -> Document:
    """A type among ours."""
    return {
        "type": kind.type,
        "told": kind.description,
        "source": None,
        "data_schema": kind.schema,
        "compatibility": kind.compatibility,
        "revision": kind.revision,
    }
