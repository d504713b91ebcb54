"""`/ui/live`: an open page is told what changed, as server-sent events of finished markup.

Nothing is lost: a page says where it was when it was made, or where it is since (`Last-Event-ID`),
and the bus goes on from there; what cannot be replayed is told anew as a whole. The latest of each
thing is told, at once and then at most every 100 ms.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final
from urllib.parse import parse_qs

import anyio
import structlog
from litestar import asgi
from litestar.handlers import ASGIRouteHandler

from orchestra.bus import Event, Missed, PositionInvalid
from orchestra.bus.live.streams import Filter
from orchestra.dashboard.site import Site
from orchestra.dashboard.telling import OVERVIEW, TOPICS, Thing, Untold, topics_of
from orchestra.dashboard.things import Things
from orchestra.errors import Forbidden, OrchestraError
from orchestra.security import Permission, Principal, requires
from orchestra.security.sessions import Session

log = structlog.get_logger(__name__)

FLUSH_S: Final = 0.1
QUIET_S: Final = 5.0
"""After so long without news figures that are no events are told, too."""
SLOW_S: Final = 1.0
"""The overview is told at most so often."""
SESSION_S: Final = 15.0
"""So often it is looked whether the viewer is still signed in."""
HEADERS: Final = (
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),
)
LAST_MAX: Final = 16_384

Send = Callable[[Any], Awaitable[None]]


class Stream:
    """One open page."""

    def __init__(
        self, site: Site, things: Things, principal: Principal, untold: Untold, session: str = ""
    ) -> None:
        self._site, self._things = site, things
        self._principal, self._untold = principal, untold
        self._session, self._looked_at = session, self._now()
        self._told: dict[str, int] = {}
        self._overview_at = 0.0
        self._pause = FLUSH_S

    async def listen(self, place: Any, wanted: Filter, since: str | None) -> None:
        """Mark what happens, until the bus ends the stream."""
        untold, first = self._untold, since is None
        async for position, told in self._site.streams.parts(place, wanted, since):
            if position is not None:
                untold.position = position
            if first or isinstance(told, Missed):
                untold.everything(self._now())
                first = False
            elif isinstance(told, Event):
                untold.happened(told, self._now())
            else:  # a beat: where it is now is told, so that it never falls behind
                untold.news.set()

    async def tell(self, send: Send) -> None:
        """Tell it, for as long as somebody listens."""
        while True:
            with anyio.move_on_after(QUIET_S):
                await self._untold.news.wait()
            if await self._signed_out():
                body = b"event: signed-out\ndata: 1\n\n"
                await send({"type": "http.response.body", "body": body, "more_body": True})
                return
            await send(
                {"type": "http.response.body", "body": await self._frame(), "more_body": True}
            )
            await anyio.sleep(self._pause)
            self._pause = FLUSH_S

    async def _signed_out(self) -> bool:
        """Whether the session is over: looked up now and then, which does not make it last."""
        sessions = self._site.sessions
        if not self._session or sessions is None or self._now() - self._looked_at < SESSION_S:
            return False
        self._looked_at = self._now()
        with suppress(OrchestraError):  # the store is away: then nobody knows
            return not await sessions.lasts(self._session)
        return False

    def _now(self) -> float:
        return self._site.clock.monotonic()

    async def _frame(self) -> bytes:
        now = self._now()
        quiet = not self._untold.news.is_set()
        things, stale, fresh, position = self._untold.take()
        if quiet:
            stale += self._untold.moving()
            if "overview" in self._told:
                things[OVERVIEW] = now - SLOW_S  # what another page was told just now will do
        if OVERVIEW in things and now - self._overview_at < SLOW_S:
            self._untold.later(OVERVIEW, things.pop(OVERVIEW))  # with whatever comes next
        markup: list[str] = []
        for thing, since in things.items():
            markup += await self._news_of(thing, since)
        stale += ["execution"] if any(kind == "run" for kind, _ in things) else []
        parts = [f"event: stale-{topic}\ndata: 1\n\n" for topic in stale]
        parts += [f"event: fresh\ndata: {fresh}\n\n"] if fresh else []
        lines = "".join(f"data: {line}\n" for line in "".join(markup).splitlines())
        lines = lines if position is None else f"id: {position}\n{lines}"
        parts += [f"{lines}\n"] if lines else []
        return ("".join(parts) or ": hb\n\n").encode()

    async def _news_of(self, thing: Thing, since: float) -> list[str]:
        """The parts of a thing that differ from what this page was told last."""
        made = await self._things.made(self._principal, thing, since)
        if made is None:  # not to be had just now: asked for again, a little later
            self._untold.later(thing, since)
            self._pause = SLOW_S
            return []
        if thing == OVERVIEW:
            self._overview_at = self._now()
            self._told["overview"] = 1
        found: list[str] = []
        for place, text in made.items():
            name, mark = f"{thing[0]} {thing[1]} {place}", hash(text)
            if self._told.get(name) == mark:
                continue
            if thing[0] != "row":  # there are as many of those as one likes
                self._told[name] = mark
            found.append(text)
        return found


def live(site: Site) -> ASGIRouteHandler:
    """The route."""
    things = Things(site)

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        query = parse_qs(scope["query_string"].decode("latin-1"))
        headers = dict(scope["headers"])
        topics = topics_of(query.get("t", [""])[0])
        principal: Principal = scope["principal"]
        patterns: list[str] = []
        for topic in topics:
            permission, types = TOPICS[topic.partition(":")[0]]
            if not principal.may(permission):
                raise Forbidden(f"this needs the permission {permission}", permission=permission)
            patterns += types
        since = headers.get(b"last-event-id", b"").decode("latin-1") or query.get("since", [""])[0]
        wanted = Filter(tuple(dict.fromkeys(patterns)) or ("alert.*",))
        place = await site.streams.admit(principal.tenant, principal.actor)
        await send({"type": "http.response.start", "status": 200, "headers": [*HEADERS]})
        session: Session | None = scope.get("session_of")
        name = session.id if session is not None else ""
        stream = Stream(site, things, principal, Untold(topics), name)
        opening = b"retry: 1000\n\n"
        await send({"type": "http.response.body", "body": opening, "more_body": True})
        async with anyio.create_task_group() as group:
            group.start_soon(_until_left, receive, group.cancel_scope)
            group.start_soon(stream.tell, send)
            try:
                await stream.listen(place, wanted, since[:LAST_MAX] or None)
            except PositionInvalid:  # of another store, or made up: it knows nothing
                with suppress(OrchestraError):  # its place was given back
                    place = await site.streams.admit(principal.tenant, principal.actor)
                    await stream.listen(place, wanted, None)
            group.cancel_scope.cancel()
        await send({"type": "http.response.body", "body": b"event: bye\ndata: 1\n\n"})

    guards = [requires(Permission.EXECUTIONS_READ)]
    return asgi("/ui/live", guards=guards, copy_scope=True)(serve)


async def _until_left(receive: Any, scope: anyio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()
