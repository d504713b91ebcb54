"""`/events`, `/queues` and `/webhooks`: what modules and the world tell each other."""

from typing import Any, Final

from litestar import get, post
from litestar.params import FromPath

from orchestra.dashboard.failures import pages as failures
from orchestra.dashboard.filters import Filtered
from orchestra.dashboard.forms import form
from orchestra.dashboard.site import Answer, Asking, There, gone_to, viewer
from orchestra.security import Permission, requires

PAGE: Final = 50
QUEUE_TABS: Final = ("messages", "dead")
_EVENTS: Final = [requires(Permission.EVENTS_READ)]
_QUEUES: Final = [requires(Permission.QUEUES_READ)]

Document = dict[str, Any]


@get("/events", guards=_EVENTS)
async def events(request: Asking, site: There) -> Answer:
    """What happened, the newest first."""
    listed = Filtered(
        "/api/events", ("types", "source", "key"), request.query_params, {"limit": PAGE}
    )
    await listed.ask(site, viewer(request))
    return site.page(request, "pages/events.html", listed=listed, live="events")


@get("/ui/events/rows", guards=_EVENTS)
async def event_rows(request: Asking, site: There) -> Answer:
    """The rows alone, for a page that was told that they are stale."""
    listed = Filtered(
        "/api/events", ("types", "source", "key"), request.query_params, {"limit": PAGE}
    )
    await listed.ask(site, viewer(request))
    return site.fragment(request, "parts/event_rows.html", listed=listed)


@get("/queues", guards=_QUEUES)
async def queues(request: Asking, site: There) -> Answer:
    """All queues; or, as a tab, what failed anywhere."""
    if request.query_params.get("tab") == "failures":
        return await failures.page(request, site)
    page = await site.api.get(viewer(request), "/api/queues", {"limit": 200})
    return site.page(request, "pages/queues.html", queues=page["queues"], live="queues")


@get("/queues/{name:str}", guards=_QUEUES)
async def queue(name: FromPath[str], request: Asking, site: There) -> Answer:
    """One queue: what waits in it, and what nobody could do."""
    asker, tab = viewer(request), request.query_params.get("tab", "messages")
    tab = tab if tab in QUEUE_TABS else "messages"
    shown = await site.api.get(asker, f"/api/queues/{name}")
    listed = Filtered(f"/api/queues/{name}/{tab}", (), request.query_params, {"limit": PAGE})
    await listed.ask(site, asker)
    return site.page(
        request, "pages/queue.html", queue=shown, tab=tab, listed=listed, live="queues"
    )


@post("/ui/queues/{name:str}/redrive", guards=[requires(Permission.QUEUES_OPERATE)])
async def redrive(name: FromPath[str], request: Asking, site: There) -> Answer:
    """Dead letters back in line: those named, or all."""
    given = await form(request)
    body = {"ids": [given["id"]]} if given.get("id") else {"all": True}
    await site.api.send(viewer(request), "POST", f"/api/queues/{name}/redrive", body)
    return gone_to(f"/queues/{name}?tab=dead")


ROUTES = (events, event_rows, queues, queue, redrive)
