"""Events over HTTP: `/api/events`."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated, Any

from litestar import Controller, Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, QueryParameter, SkipValidation
from litestar.response import Stream

from orchestra.bus import cloudevents
from orchestra.bus.cloudevents import Incoming
from orchestra.bus.events import descriptions
from orchestra.bus.events.published import Published
from orchestra.bus.events.quota import Quota
from orchestra.bus.events.reading import Events, Wanted
from orchestra.bus.live.asking import checked
from orchestra.bus.live.streams import Filter, Live
from orchestra.bus.positions import decoded
from orchestra.bus.types.checking import check
from orchestra.bus.types.records import Types
from orchestra.clock import Clock
from orchestra.instants import instant
from orchestra.security import Permission, Principal, requires
from orchestra.security.hardened import loads

Caller = NamedDependency[SkipValidation[Principal]]
Rates = NamedDependency[SkipValidation[Quota]]
Document = dict[str, Any]

BATCH = "application/cloudevents-batch+json"
Limit = Annotated[int, QueryParameter(ge=1, le=200, description="Events on a page.")]
Patterns = Annotated[
    list[str] | None,
    QueryParameter(name="types", description="Patterns: `step.*`, `workflow.completed`, `**`."),
]
Cause = Annotated[
    str | None, QueryParameter(max_length=256, description="Only what this event has caused.")
]
Common = Annotated[
    str | None, QueryParameter(max_length=256, description="Only those of this correlation.")
]
STREAMING = {
    "Cache-Control": "no-cache, no-transform",
    "X-Accel-Buffering": "no",
}


class EventRoutes(Controller):
    """What happened, what happens, and telling of it."""

    path = "/api/events"
    tags = ("events",)

    @post(
        "/publish",
        status_code=202,
        guards=[requires(Permission.EVENTS_PUBLISH)],
        opt=descriptions.PUBLISH,
    )
    async def publish(
        self,
        request: Request[Any, Any, Any],
        principal: Caller,
        published: NamedDependency[SkipValidation[Published]],
        quota: Rates,
        event_types: NamedDependency[SkipValidation[Types]],
        clock: NamedDependency[SkipValidation[Clock]],
    ) -> Document:
        """Publish one event. It is kept before the answer."""
        incoming = cloudevents.read_plain(loads(await request.body()), principal.tenant)
        await check(event_types, principal.tenant, [incoming], ["/payload"])
        await quota.spend(principal.tenant, 1)
        event_id = await published.publish(incoming.draft, dedup=incoming.dedup)
        return {
            "event_id": event_id,
            "event_type": incoming.draft.type,
            "status": "published",
            "published_at": instant(clock.now_ms()),
        }

    @post(
        "/",
        status_code=202,
        guards=[requires(Permission.EVENTS_PUBLISH)],
        opt=descriptions.ACCEPT,
    )
    async def accept(
        self,
        request: Request[Any, Any, Any],
        principal: Caller,
        published: NamedDependency[SkipValidation[Published]],
        quota: Rates,
        event_types: NamedDependency[SkipValidation[Types]],
    ) -> Document:
        """Publish CloudEvents: one in JSON, one in binary mode (`ce-*` headers), or a batch."""
        body = loads(await request.body())
        found: list[Incoming]
        places = ["/data"]
        if request.headers.get("content-type", "").startswith(BATCH):
            found = cloudevents.read_batch(body, principal.tenant)
            places = [f"/{i}/data" for i in range(len(found))]
        elif "ce-specversion" in request.headers:
            headers = {name.lower(): value for name, value in request.headers.items()}
            found = [cloudevents.read_binary(headers, body, principal.tenant)]
        else:
            found = [cloudevents.read_structured(body, principal.tenant)]
        await check(event_types, principal.tenant, found, places)
        await quota.spend(principal.tenant, len(found))
        ids = [await published.publish(one.draft, dedup=one.dedup) for one in found]
        return {"accepted": ids}

    @get("/", guards=[requires(Permission.EVENTS_READ)], opt=descriptions.LIST)
    async def page(
        self,
        principal: Caller,
        events: NamedDependency[SkipValidation[Events]],
        types: Patterns = None,
        source: FromQuery[str | None] = None,
        key: FromQuery[str | None] = None,
        since: FromQuery[datetime | None] = None,
        until: FromQuery[datetime | None] = None,
        order: Annotated[str, QueryParameter(pattern="^(newest|oldest)$")] = "newest",
        causation: Cause = None,
        correlation: Common = None,
        cursor: FromQuery[str | None] = None,
        limit: Limit = 50,
    ) -> Document:
        """Events that are kept, the newest first. A page may be short, and the cursor go on."""
        wanted = Wanted(
            checked(types),
            source,
            key,
            _ms(since) or 0,
            _ms(until),
            order == "oldest",
            causation,
            correlation,
        )
        found, more = await events.page(principal.tenant, wanted, limit, cursor)
        return {"events": [cloudevents.shown(one) for one in found], "cursor": more}

    @get("/stream", guards=[requires(Permission.EVENTS_READ)], opt=descriptions.STREAM)
    async def stream(
        self,
        request: Request[Any, Any, Any],
        principal: Caller,
        live: NamedDependency[SkipValidation[Live]],
        types: Patterns = None,
        execution_id: FromQuery[str | None] = None,
        source: FromQuery[str | None] = None,
        since: FromQuery[str | None] = None,
        follow: FromQuery[bool] = True,
    ) -> Stream:
        """Events as they happen, as server-sent events. `since` is the id to go on from.

        With `follow=false` it ends with what has happened by now.
        """
        start = request.headers.get("last-event-id") or since
        if start:
            decoded(start)
        wanted = Filter(checked(types), execution_id, source, follow)
        place = await live.admit(principal.tenant, principal.actor)
        frames: AsyncIterator[bytes] = live.frames(place, wanted, start or None)
        return Stream(frames, media_type="text/event-stream", headers=STREAMING)

    @get("/{event_id:str}", guards=[requires(Permission.EVENTS_READ)], opt=descriptions.ONE)
    async def one(
        self,
        event_id: FromPath[str],
        principal: Caller,
        events: NamedDependency[SkipValidation[Events]],
    ) -> Response[Document]:
        """One event, while it is kept."""
        return Response(cloudevents.shown(await events.one(principal.tenant, event_id)))


def _ms(at: datetime | None) -> int | None:
    """UTC unless it says where. Nothing is kept from before 1970."""
    if at is None:
        return None
    known = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return max(0, round(known.timestamp() * 1_000))
