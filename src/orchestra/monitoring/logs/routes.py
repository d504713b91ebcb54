"""Logs over HTTP: `/api/logs`."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Annotated, Any, cast

import msgspec
from litestar import Controller, Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery, QueryParameter, SkipValidation
from litestar.response import Stream

from orchestra.clock import Clock
from orchestra.errors import Invalid, Problem
from orchestra.monitoring.logs import descriptions
from orchestra.monitoring.logs.asking import Asking, Wanted
from orchestra.monitoring.logs.ingesting import Ingesting
from orchestra.monitoring.logs.span import moment_of
from orchestra.monitoring.logs.streaming import Streaming, position_of
from orchestra.monitoring.logs.walking import Order
from orchestra.security import Permission, Principal, requires
from orchestra.security.roles import DEVELOPER
from orchestra.store.keys import Tenant
from orchestra.store.log_keys import SYSTEM

Caller = NamedDependency[SkipValidation[Principal]]
Asked = NamedDependency[SkipValidation[Asking]]
Query = Annotated[
    str,
    QueryParameter(
        name="q",
        description='`level>=warn agent:gpt "rate limit" -retry /429|503/`: all of it must hold.',
    ),
]
Since = Annotated[
    str | None, QueryParameter(name="from", description="RFC 3339, `-1h` or `now`.", max_length=64)
]
Until = Annotated[
    str | None, QueryParameter(name="to", description="As `from`; not included.", max_length=64)
]
Sorted = Annotated[str, QueryParameter(name="order", pattern="^(newest|oldest)$")]
Limit = Annotated[int, QueryParameter(ge=1, le=200, description="Lines on a page.")]
Around = Annotated[int, QueryParameter(ge=1, le=200, description="Lines before and behind.")]
Buckets = Annotated[int, QueryParameter(ge=1, le=400)]
NDJSON = "application/x-ndjson"
STREAMING = {"Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"}


class LogRoutes(Controller):
    """What all replicas logged, and what was posted."""

    path = "/api/logs"
    tags = ("logs",)

    @get("/search", guards=[requires(Permission.LOGS_READ)], opt=descriptions.SEARCH)
    async def search(
        self,
        principal: Caller,
        asking: Asked,
        q: Query = "",
        since: Since = None,
        until: Until = None,
        order: Sorted = "newest",
        limit: Limit = 100,
        cursor: FromQuery[str | None] = None,
    ) -> Response[bytes]:
        """Lines that match, the newest first. A page may be short, and the cursor go on."""
        wanted = Wanted(visible(principal), q, since, until, _order(order))
        page = await asking.page(wanted, limit, cursor)
        rest = {
            "next_cursor": page.next_cursor,
            "scanned": {"chunks": page.chunks, "lines": page.looked},
            "bounded": page.bounded,
        }
        return _json({"lines": page.lines}, rest)

    @get("/context", guards=[requires(Permission.LOGS_READ)], opt=descriptions.CONTEXT)
    async def context(
        self,
        principal: Caller,
        asking: Asked,
        clock: NamedDependency[SkipValidation[Clock]],
        at: Annotated[str, QueryParameter(description="`ts` of a line.", max_length=64)],
        n: Around = 20,
        q: Query = "",
    ) -> Response[bytes]:
        """What stands around an instant: lines before it, and from it on."""
        moment = moment_of(at, clock.now_ms())
        if moment is None:
            finding = Problem("/at", "not_an_instant", "an instant is 2026-11-23T08:00:00.5Z")
            raise Invalid("the instant is wrong", [finding])
        before, after = await asking.around(Wanted(visible(principal), q), moment, n)
        return _json({"before": before, "after": after}, {})

    @get("/histogram", guards=[requires(Permission.LOGS_READ)], opt=descriptions.HISTOGRAM)
    async def histogram(
        self,
        principal: Caller,
        asking: Asked,
        q: Query = "",
        since: Since = "-1h",
        until: Until = None,
        buckets: Buckets = 60,
    ) -> dict[str, Any]:
        """How many lines matched when, by level."""
        wanted = Wanted(visible(principal), q, since, until)
        return (await asking.counted(wanted, buckets)).shown()

    @get("/export", guards=[requires(Permission.LOGS_READ)], opt=descriptions.EXPORT)
    async def export(
        self,
        principal: Caller,
        asking: Asked,
        q: Query = "",
        since: Since = None,
        until: Until = None,
        order: Sorted = "oldest",
    ) -> Stream:
        """All lines that match, as NDJSON, the oldest first."""
        wanted = Wanted(visible(principal), q, since, until, _order(order))
        asking.asked(wanted)
        headers = {"Content-Disposition": 'attachment; filename="logs.ndjson"'}
        return Stream(asking.exported(wanted), media_type=NDJSON, headers=headers)

    @get("/tail", guards=[requires(Permission.LOGS_READ)], opt=descriptions.TAIL)
    async def tail(
        self,
        request: Request[Any, Any, Any],
        principal: Caller,
        asking: Asked,
        streaming: NamedDependency[SkipValidation[Streaming]],
        q: Query = "",
        after: FromQuery[str | None] = None,
        follow: FromQuery[bool] = True,
    ) -> Stream:
        """Lines as they come, as server-sent events. `after` is the id to go on behind.

        With `follow=false` it ends with what has come by now.
        """
        tenants = visible(principal)
        start = request.headers.get("last-event-id") or after
        since = position_of(start, len(tenants)) if start else None
        matcher = asking.asked(Wanted(tenants, q)).matcher
        streaming.admit(tenants[0])
        frames = streaming.frames(tenants, matcher, since, follow)
        return Stream(frames, media_type="text/event-stream", headers=STREAMING)

    @post(
        "/ingest",
        status_code=202,
        guards=[requires(Permission.METRICS_RECORD)],
        opt=descriptions.INGEST,
    )
    async def ingest(
        self,
        request: Request[Any, Any, Any],
        principal: Caller,
        ingesting: NamedDependency[SkipValidation[Ingesting]],
    ) -> dict[str, int]:
        """Keep lines of other programs: all of them, or none."""
        body = await _body(request)
        kind = request.headers.get("content-type", "")
        return {"accepted": await ingesting.ingest(principal.tenant, body, kind)}


def visible(principal: Principal) -> Sequence[Tenant]:
    """Whose lines the caller sees: the tenant's, and who sees to the installation also those that
    are about no tenant, for they name the tenants' things.
    """
    platform = principal.role == "platform_admin" or principal == DEVELOPER
    if platform and principal.may(Permission.SYSTEM_READ):
        return (principal.tenant, SYSTEM)
    return (principal.tenant,)


async def _body(request: Request[Any, Any, Any]) -> bytes:
    """The bytes as they came: not only one document of JSON, lines of it too."""
    read = cast("Callable[[Request[Any, Any, Any]], Awaitable[bytes]]", Request.body)  # pyright: ignore[reportUnknownMemberType]
    return await read(request)


def _order(text: str) -> Order:
    return "oldest" if text == "oldest" else "newest"


def _json(lists: Mapping[str, Iterable[bytes]], rest: Mapping[str, object]) -> Response[bytes]:
    """An answer with lines as they are kept: none is decoded to be encoded again."""
    parts = [b'"%s":[%s]' % (name.encode(), b",".join(lines)) for name, lines in lists.items()]
    if rest:
        parts.append(msgspec.json.encode(rest)[1:-1])
    return Response(b"{" + b",".join(parts) + b"}", media_type="application/json")
