"""`/events`, `/queues` and `/webhooks`: what modules and the world tell each other."""

from typing import Any, Final

from litestar import get, post
from litestar.params import FromPath

from orchestra.dashboard.filters import Filtered
from orchestra.dashboard.forms import form
from orchestra.dashboard.site import Answer, Asking, There, by_htmx, gone_to, viewer
from orchestra.errors import NotFound
from orchestra.security import Permission, requires

PAGE: Final = 50
QUEUE_TABS: Final = ("messages", "dead")
HOOK_VERBS: Final = ("enable", "disable", "test")
_EVENTS: Final = [requires(Permission.EVENTS_READ)]
_QUEUES: Final = [requires(Permission.QUEUES_READ)]
_HOOKS: Final = [requires(Permission.WEBHOOKS_READ)]

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
    """All queues."""
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


@get("/webhooks", guards=_HOOKS)
async def webhooks(request: Asking, site: There) -> Answer:
    """Whom we tell, and who may tell us."""
    asker = viewer(request)
    page = await site.api.get(asker, "/api/webhooks", {"limit": 200})
    inbound = await site.api.get(asker, "/api/webhooks/inbound")
    return site.page(
        request, "pages/webhooks.html", webhooks=page["webhooks"], hooks=inbound["hooks"],
        live="webhooks",
    )  # fmt: skip


@get("/webhooks/{webhook:str}", guards=_HOOKS)
async def webhook(webhook: FromPath[str], request: Asking, site: There) -> Answer:
    """One endpoint and its deliveries."""
    asker = viewer(request)
    shown = await site.api.get(asker, f"/api/webhooks/{webhook}")
    path = f"/api/webhooks/{webhook}/deliveries"
    listed = Filtered(path, (), request.query_params, {"limit": PAGE})
    await listed.ask(site, asker)
    chosen = request.query_params.get("delivery", "")
    delivery = await site.api.get(asker, f"{path}/{chosen}") if chosen else None
    return site.page(
        request, "pages/webhook.html", hook=shown, listed=listed, delivery=delivery,
        live="webhooks",
    )  # fmt: skip


@post("/ui/webhooks/{webhook:str}/{verb:str}", guards=[requires(Permission.WEBHOOKS_OPERATE)])
async def operate(
    webhook: FromPath[str], verb: FromPath[str], request: Asking, site: There
) -> Answer:
    """Enable, disable, send a test."""
    await form(request)
    if verb not in HOOK_VERBS:
        raise NotFound("there is no page at this address")
    await site.api.send(viewer(request), "POST", f"/api/webhooks/{webhook}/{verb}")
    if not by_htmx(request):
        return gone_to(f"/webhooks/{webhook}")
    return site.fragment(
        request, "parts/toast.html", status=200, kind="ok", title="Done", said=f"{verb}: accepted"
    )


@post(
    "/ui/webhooks/{webhook:str}/deliveries/{delivery:str}/redeliver",
    guards=[requires(Permission.WEBHOOKS_OPERATE)],
)
async def redeliver(
    webhook: FromPath[str], delivery: FromPath[str], request: Asking, site: There
) -> Answer:
    """Send it again."""
    await form(request)
    path = f"/api/webhooks/{webhook}/deliveries/{delivery}/redeliver"
    await site.api.send(viewer(request), "POST", path)
    return gone_to(f"/webhooks/{webhook}")


ROUTES = (events, event_rows, queues, queue, redrive, webhooks, webhook, operate, redeliver)
