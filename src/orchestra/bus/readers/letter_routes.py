"""Dead letters of the product's own readers over HTTP: `/api/events/readers`."""

from typing import Annotated, Any, Final

from litestar import Controller, Request, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, QueryParameter, SkipValidation

from orchestra.bus import PositionInvalid, cloudevents
from orchestra.bus.readers import letter_documents as documents
from orchestra.bus.readers.letters import Letters, ReaderUnknown
from orchestra.described import Answer, described
from orchestra.instants import instant
from orchestra.security import Permission, Principal, requires
from orchestra.security.bodies import RequestInvalid, read_body
from orchestra.security.hardened import JSON_REFUSALS
from orchestra.store.failures import NotReplicated, StoreAway, StoreDiskFull, StoreFull

Caller = NamedDependency[SkipValidation[Principal]]
Dead = NamedDependency[SkipValidation[Letters]]
Limit = Annotated[int, QueryParameter(ge=1, le=200, description="Dead letters on a page.")]
Document = dict[str, Any]

LIST: Final = described({200: Answer("By name.", [documents.ReaderList])}, refusals=[StoreAway])
DEAD: Final = described(
    {200: Answer("A page.", [documents.DeadEvents])},
    refusals=[PositionInvalid, ReaderUnknown, StoreAway],
)
REDRIVE: Final = described(
    {202: Answer("They are handled again soon.", [documents.Revived])},
    refusals=[
        *JSON_REFUSALS, RequestInvalid, PositionInvalid, ReaderUnknown, StoreAway, NotReplicated,
        StoreFull, StoreDiskFull,
    ],
    body=documents.ReviveBody,
    body_optional=True,
    examples={"one": {"ids": ["1795392000123-0"]}, "all": {}},
)  # fmt: skip
FORGET: Final = described(
    {200: Answer("They are gone for good.", [documents.Forgotten])},
    refusals=[PositionInvalid, ReaderUnknown, StoreAway, NotReplicated],
)


class ReaderRoutes(Controller):
    """Readers of the product itself, and the events of yours that they could not handle."""

    path = "/api/events/readers"
    tags = ("events",)

    @get("/", guards=[requires(Permission.EVENTS_READ)], opt=LIST)
    async def page(self, reader_letters: Dead) -> Document:
        """Durable readers of the product itself: modules that act on events."""
        return {"readers": await reader_letters.names()}

    @get("/{name:str}/dead", guards=[requires(Permission.EVENTS_READ)], opt=DEAD)
    async def dead(
        self,
        name: FromPath[str],
        principal: Caller,
        reader_letters: Dead,
        cursor: FromQuery[str | None] = None,
        limit: Limit = 50,
    ) -> Document:
        """Your events that a reader could not handle, with the reason. About 10,000 are kept."""
        found, more = await reader_letters.page(principal.tenant, name, limit, cursor)
        letters = [
            {
                "id": one.at,
                "event": cloudevents.shown(one.event),
                "error": one.error,
                "tries": one.tries,
                "died_at": instant(one.died_ms),
            }
            for one in found
        ]
        return {"letters": letters, "cursor": more}

    @post(
        "/{name:str}/redrive",
        status_code=202,
        guards=[requires(Permission.QUEUES_OPERATE)],
        opt=REDRIVE,
    )
    async def redrive(
        self, request: Request[Any, Any, Any], name: FromPath[str], principal: Caller,
        reader_letters: Dead,
    ) -> Document:  # fmt: skip
        """Hand dead letters to the reader again, each once; out of order with other events."""
        body = read_body(await request.body(), documents.ReviveBody)
        return {"redriven": await reader_letters.redrive(principal.tenant, name, body.ids)}

    @delete(
        "/{name:str}/dead",
        status_code=200,
        guards=[requires(Permission.QUEUES_OPERATE)],
        opt=FORGET,
    )
    async def forget(
        self,
        name: FromPath[str],
        principal: Caller,
        reader_letters: Dead,
        ids: Annotated[
            list[str] | None, QueryParameter(name="id", description="Only these; repeatable.")
        ] = None,
    ) -> Document:
        """Throw dead letters away: all of your events, or these."""
        return {"deleted": await reader_letters.forget(principal.tenant, name, ids)}
