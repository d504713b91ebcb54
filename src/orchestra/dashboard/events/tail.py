"""`/events`: the live tail, and one event with what caused it and what it caused."""

from typing import Any, Final

import anyio
from litestar import get

from orchestra.dashboard.agents.looks import or_none
from orchestra.dashboard.asking import Viewer, is_no_id
from orchestra.dashboard.filters import Filtered
from orchestra.dashboard.site import Answer, Asking, Site, There, viewer
from orchestra.errors import NotFound
from orchestra.security import Permission, requires

LIVE: Final = "events"
PAGE: Final = 50
CHAIN: Final = 20
FILTERS: Final = ("types", "source", "key", "correlation", "causation")
_READ: Final = [requires(Permission.EVENTS_READ)]

Document = dict[str, Any]


@get("/events", guards=_READ)
async def events(request: Asking, site: There) -> Answer:
    """What happened, the newest first."""
    asker = viewer(request)
    found: Document = {"listed": await _listed(request, site), "event": None, "chain": {}}
    chosen = request.query_params.get("event", "")
    if is_no_id("event", chosen):
        raise NotFound("there is no event of this id")
    if chosen:
        found["event"] = await site.api.get(asker, f"/api/events/{chosen}")
        found["chain"] = await _chain(site, asker, found["event"])
    paused = request.query_params.get("paused", "") == "yes"
    return site.page(
        request, "pages/events.html", paused=paused, types=await known(site, asker), live=LIVE,
        **found,
    )  # fmt: skip


@get("/ui/events/rows", guards=_READ)
async def rows(request: Asking, site: There) -> Answer:
    """The rows alone, for a page that was told that they are stale."""
    listed = await _listed(request, site)
    chosen = request.query_params.get("event", "")
    event = {"id": chosen} if chosen else None
    return site.fragment(request, "parts/event_rows.html", listed=listed, event=event, paused=False)


async def _listed(request: Asking, site: Site) -> Filtered:
    """Patterns may be given in one field, with commas."""
    listed = Filtered("/api/events", FILTERS, request.query_params, {"limit": PAGE})
    await listed.ask(site, viewer(request))
    return listed


async def known(site: Site, asker: Viewer) -> list[str]:
    """Types of events that are known here."""
    answer = await or_none(site, asker, "/api/events/types", {})
    return [str(one["type"]) for one in (answer or Document()).get("types", ())][:200]


async def _chain(site: Site, asker: Viewer, event: Document) -> Document:
    """What caused it, what it caused, and what belongs to the same matter."""
    found: Document = {}

    async def ask(name: str, path: str, query: Document) -> None:
        found[name] = await or_none(site, asker, path, query)

    async with anyio.create_task_group() as group:
        if event.get("causation"):
            group.start_soon(ask, "cause", f"/api/events/{event['causation']}", Document())
        query: Document = {"since": event["time"], "order": "oldest", "limit": CHAIN}
        group.start_soon(ask, "effects", "/api/events", query | {"causation": event["id"]})
        if event.get("correlation"):
            wish = {"correlation": event["correlation"], "order": "oldest", "limit": CHAIN}
            group.start_soon(ask, "related", "/api/events", wish)
        elif event.get("subject"):
            wish = {"key": event["subject"], "limit": CHAIN}
            group.start_soon(ask, "about", "/api/events", wish)
    return found


ROUTES = (events, rows)
