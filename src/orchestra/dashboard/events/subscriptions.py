"""Subscriptions: durable readers for clients outside, and how far they are behind."""

from typing import Any, Final

import anyio
from litestar import get, post
from litestar.params import FromPath

from orchestra.dashboard.agents.looks import or_none
from orchestra.dashboard.answers import (
    Question,
    asked,
    form_page,
    meant,
    submitted,
)
from orchestra.dashboard.events import shapes
from orchestra.dashboard.forms import form
from orchestra.dashboard.sheets import Sheet, fresh, typed
from orchestra.dashboard.site import Answer, Asking, Site, There, gone_to, onwards, viewer
from orchestra.security import Permission, requires

BACK: Final = "/events/subscriptions"
_READ: Final = [requires(Permission.EVENTS_READ)]
_SUBSCRIBE: Final = [requires(Permission.EVENTS_SUBSCRIBE)]

Document = dict[str, Any]


@get("/events/subscriptions", guards=_READ)
async def subscriptions(request: Asking, site: There) -> Answer:
    """All of them."""
    asker = viewer(request)
    answer = await site.api.get(asker, "/api/events/subscriptions")
    found: dict[str, Document] = {one["name"]: one for one in answer["subscriptions"]}

    async def look(name: str) -> None:
        path = f"/api/events/subscriptions/{name}"
        found[name] = await or_none(site, asker, path, {}) or found[name]

    async with anyio.create_task_group() as group:
        for name in list(found):
            group.start_soon(look, name)
    return site.page(
        request, "pages/subscriptions.html", items=list(found.values()), live="queues,events"
    )


@get("/events/subscriptions/new", guards=_SUBSCRIBE)
async def new(request: Asking, site: There) -> Answer:
    """The form."""
    return _page(request, site, fresh(shapes.subscription(), dict(request.query_params)))


@post("/ui/subscriptions", guards=_SUBSCRIBE)
async def create(request: Asking, site: There) -> Answer:
    """Make it, or the form again with what is wrong."""
    sheet = typed(shapes.subscription(), await form(request))
    to = "POST /api/events/subscriptions"
    if await submitted(request, site, sheet, to, sheet.body()) is None:
        return _page(request, site, sheet)
    return gone_to(BACK)


def _page(request: Asking, site: Site, sheet: Sheet) -> Answer:
    return form_page(
        request, site, "pages/event_form.html", sheet, heading="New subscription", edited="",
        action="/ui/subscriptions", verb="Create", back=BACK, crumb="Subscriptions",
    )  # fmt: skip


@get(["/events/subscriptions/{name:str}/confirm", "/ui/subscriptions/{name:str}/confirm"],
     guards=_SUBSCRIBE)  # fmt: skip
async def confirm(name: FromPath[str], request: Asking, site: There) -> Answer:
    """What deleting it means, before it is done."""
    shown = await site.api.get(viewer(request), f"/api/events/subscriptions/{name}")
    lag = shown["lag"]
    told = (
        f"{lag['events']}{' or more' if lag['more'] else ''} events wait in it unread.",
        "Where it was is forgotten: made again, it begins where its start says.",
    )
    return asked(request, site, Question(
        f"Delete {shown['name']}?", told, f"/ui/subscriptions/{shown['name']}/delete", "Delete it",
        BACK, typed=shown["name"],
    ))  # fmt: skip


@post("/ui/subscriptions/{name:str}/delete", guards=_SUBSCRIBE)
async def delete(name: FromPath[str], request: Asking, site: There) -> Answer:
    """Forget it, once its name was typed."""
    meant(await form(request), name)
    await site.api.delete(viewer(request), f"/api/events/subscriptions/{name}")
    return onwards(request, BACK)


ROUTES = (subscriptions, new, create, confirm, delete)
