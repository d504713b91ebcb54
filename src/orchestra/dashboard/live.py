"""`/ui/live`: an open page is told what changed, as server-sent events of finished markup.

Nothing is lost: a page says where it was when it was made, or where it is since (`Last-Event-ID`).
When anything happened since, everything is told anew. Then the latest of each thing is told, at
once and then at most every 100 ms.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final
from urllib.parse import parse_qs

import anyio
from litestar import asgi
from litestar.handlers import ASGIRouteHandler

from orchestra.dashboard.site import Site
from orchestra.dashboard.telling import OVERVIEW, TOPICS, Thing, Untold, topics_of
from orchestra.dashboard.things import Things, partial
from orchestra.errors import Forbidden, OrchestraError
from orchestra.security import Permission, Principal, requires
from orchestra.security.sessions import Session

QUIET_S: Final = 5.0
"""After so long without news figures that are no events are told, too."""
SLOW_S: Final = 1.0
"""What cannot be made is tried again after so long."""
EASE: Final = 4
"""Whose news take long to make is told less often: it rests so many times as long."""
SESSION_S: Final = 15.0
"""So often it is looked whether the viewer is still signed in."""
HEADERS: Final = (
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),
)
LAST_MAX: Final = 16_384

Send = Callable[[Any], Awaitable[None]]
Receive = Callable[[], Awaitable[Any]]


class Stream:
    """One open page."""

    def __init__(
        self, site: Site, things: Things, principal: Principal, untold: Untold, session: str = ""
    ) -> None:
        self._site, self._things = site, things
        self._principal, self._untold = principal, untold
        self._session, self._looked_at = session, self._now()
        self._told: dict[str, int] = {}
        self._standing: str | None = None

    async def last(self, place: Any, since: str, receive: Receive, send: Send) -> None:
        """Until the page is closed, its viewer is signed out, or the bus ends the stream."""
        async with anyio.create_task_group() as group:

            async def tell() -> None:
                await self.tell(send)
                group.cancel_scope.cancel()  # its place is given back

            group.start_soon(_until_left, receive, group.cancel_scope)
            group.start_soon(tell)
            await self.listen(place, since)
            group.cancel_scope.cancel()

    async def listen(self, place: Any, since: str) -> None:
        """Have what happens marked, until the bus ends the stream."""
        board, tenant = self._site.board, self._principal.tenant

        def begin() -> None:
            board.come(tenant, self._untold)
            if not since or since != self._site.streams.position():
                self._untold.everything(self._now())

        try:
            await self._site.streams.look(place, begin)
        finally:
            board.leave(tenant, self._untold)

    async def tell(self, send: Send) -> None:
        """Tell it, for as long as somebody listens who is signed in."""
        while True:
            with anyio.move_on_after(QUIET_S):
                await self._untold.news.wait()
            if await self._signed_out():
                body = b"event: signed-out\ndata: 1\n\n"
                await send({"type": "http.response.body", "body": body, "more_body": True})
                return
            began = self._now()
            frame, failed = await self._frame(began)
            took = self._now() - began
            await send({"type": "http.response.body", "body": frame, "more_body": True})
            await anyio.sleep(SLOW_S if failed else min(EASE * took, SLOW_S))

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

    async def _frame(self, now: float) -> tuple[bytes, bool]:
        """What to send, and whether something could not be made."""
        quiet = not self._untold.news.is_set()
        settled = self._site.board.settled(self._principal.tenant)
        position = self._site.streams.position() if settled else None
        things, stale, fresh = self._untold.take()
        if quiet:
            stale += self._untold.moving()
            if "overview" in self._told:
                things[OVERVIEW] = now - QUIET_S  # what another page was told just now will do
        markup, failed = self._stands(), False
        for thing, since in things.items():
            found = await self._news_of(thing, since)
            failed |= found is None
            markup += found or []
        stale += ["execution"] if any(kind == "run" for kind, _ in things) else []
        parts = [f"event: stale-{topic}\ndata: 1\n\n" for topic in stale]
        parts += [f"event: fresh\ndata: {fresh}\n\n"] if fresh else []
        lines = "".join(f"data: {line}\n" for line in "".join(markup).splitlines())
        lines = lines if position is None or failed else f"id: {position}\n{lines}"
        parts += [f"{lines}\n"] if lines else []
        return ("".join(parts) or ": hb\n\n").encode(), failed

    def _stands(self) -> list[str]:
        """The banner, when it is another one than this page was told last."""
        standing = self._site.standing()
        if standing == self._standing:
            return []
        self._standing = standing
        text = self._site.pages.render("parts/standing.html", {"standing": standing})
        return [partial("#standing", "outerMorph", text)]

    async def _news_of(self, thing: Thing, since: float) -> list[str] | None:
        """The parts of a thing that differ from what this page was told last; None: not now."""
        made = await self._things.made(self._principal, thing, since)
        if made is None:  # not to be had just now: asked for again, a little later
            self._untold.later(thing, since)
            return None
        if thing == OVERVIEW:
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
        for topic in topics:
            permission = TOPICS[topic.partition(":")[0]]
            if not principal.may(permission):
                raise Forbidden(f"this needs the permission {permission}", permission=permission)
        since = headers.get(b"last-event-id", b"").decode("latin-1") or query.get("since", [""])[0]
        place = await site.streams.admit(principal.tenant, principal.actor)
        await send({"type": "http.response.start", "status": 200, "headers": [*HEADERS]})
        session: Session | None = scope.get("session_of")
        name = session.id if session is not None else ""
        stream = Stream(site, things, principal, Untold(topics), name)
        opening = b"retry: 1000\n\n"
        await send({"type": "http.response.body", "body": opening, "more_body": True})
        await stream.last(place, since[:LAST_MAX], receive, send)
        await send({"type": "http.response.body", "body": b"event: bye\ndata: 1\n\n"})

    guards = [requires(Permission.EXECUTIONS_READ)]
    return asgi("/ui/live", guards=guards, copy_scope=True)(serve)


async def _until_left(receive: Receive, scope: anyio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()
