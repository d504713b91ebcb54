"""One queue: made and changed by a form, looked into, sent to, deleted."""

from typing import Any, Final

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
from orchestra.dashboard.filters import Filtered
from orchestra.dashboard.forms import form, sent_twice
from orchestra.dashboard.queues.listing import LIVE, rates
from orchestra.dashboard.queues.shapes import message, queue
from orchestra.dashboard.sheets import Sheet, filled, fresh, typed
from orchestra.dashboard.site import Answer, Asking, Site, There, gone_to, onwards, viewer
from orchestra.security import Permission, requires

PAGE: Final = 50
TABS: Final = ("messages", "dead", "send")
STATES: Final = ("ready", "waiting", "delayed", "in_flight")
DEAD_FILTERS: Final = ("kind", "error", "group")
_READ: Final = [requires(Permission.QUEUES_READ)]
_OPERATE: Final = [requires(Permission.QUEUES_OPERATE)]

Document = dict[str, Any]


@get("/queues/~new", guards=_OPERATE)
async def new(request: Asking, site: There) -> Answer:
    """The form."""
    return _form(request, site, fresh(queue(new=True), dict(request.query_params)))


@post("/ui/queues", guards=_OPERATE)
async def create(request: Asking, site: There) -> Answer:
    """Make it, unless there is one of this name: that stays as it is."""
    sheet = typed(queue(new=True), await form(request))
    to = "POST /api/queues"
    made = await submitted(request, site, sheet, to, sheet.body(), if_none_match="*")
    if made is not None:
        return gone_to(f"/queues/{made['name']}")
    if sheet.code == "queue_exists":
        sheet.wrong["name"] = ["a queue of this name is there: change it on its page"]
        sheet.loose.clear()
    return _form(request, site, sheet)


@get("/queues/{name:str}/edit", guards=_OPERATE)
async def edit(name: FromPath[str], request: Asking, site: There) -> Answer:
    """Its options, to be changed."""
    shown = await site.api.get(viewer(request), f"/api/queues/{name}")
    return _form(request, site, filled(queue(new=False), shown), shown)


@post("/ui/queues/{name:str}", guards=_OPERATE)
async def change(name: FromPath[str], request: Asking, site: There) -> Answer:
    """Change them. They are for the messages that are there, too."""
    sheet = typed(queue(new=False), await form(request))
    shown = await site.api.get(viewer(request), f"/api/queues/{name}")
    if await submitted(request, site, sheet, f"PATCH /api/queues/{name}", sheet.body()) is None:
        return _form(request, site, sheet, shown)
    return gone_to(f"/queues/{shown['name']}")


def _form(request: Asking, site: Site, sheet: Sheet, shown: Document | None = None) -> Answer:
    return form_page(request, site, "pages/queue_form.html", sheet, queue=shown)


@get("/queues/{name:str}", guards=_READ)
async def one(name: FromPath[str], request: Asking, site: There) -> Answer:
    """What waits in it, and what nobody could do."""
    asker, query = viewer(request), request.query_params
    tab = query.get("tab", "messages")
    tab = tab if tab in TABS else "messages"
    shown = await site.api.get(asker, f"/api/queues/{name}")
    return await _page(request, site, shown, tab, typed(message(), {}))


async def _page(request: Asking, site: Site, shown: Document, tab: str, sheet: Sheet) -> Answer:
    asker, query = viewer(request), request.query_params
    state = query.get("state", "ready")
    state = state if state in STATES else "ready"
    path = f"/api/queues/{shown['name']}"
    listed = Filtered(f"{path}/messages", (), query, {"limit": PAGE, "state": state})
    if tab == "dead":
        listed = Filtered(f"{path}/dead", DEAD_FILTERS, query, {"limit": PAGE})
    if tab != "send":
        await listed.ask(site, asker)
    known = await rates(site, asker)
    return form_page(
        request, site, "pages/queue.html", sheet, queue=shown, tab=tab, listed=listed, state=state,
        states=STATES, rate=known.get(shown["name"]), live=LIVE,
        job=await or_none(site, asker, f"{path}/redrive", {}),
    )  # fmt: skip


@post("/ui/queues/{name:str}/send", guards=[requires(Permission.QUEUES_SEND)])
async def send(name: FromPath[str], request: Asking, site: There) -> Answer:
    """Send a message."""
    given = await form(request)
    shown = await site.api.get(viewer(request), f"/api/queues/{name}")
    sheet = typed(message(), given)
    body = sheet.body()
    if "priority" in body:
        body["priority"] = int(body["priority"]) if body["priority"] in "0123" else body["priority"]
    to = f"POST /api/queues/{name}/messages"
    if await submitted(request, site, sheet, to, sent_twice(given, body)) is None:
        return await _page(request, site, shown, "send", sheet)
    return gone_to(f"/queues/{shown['name']}{'?state=delayed' if body.get('delay_ms') else ''}")


@get(["/queues/{name:str}/confirm", "/ui/queues/{name:str}/confirm"], guards=_OPERATE)
async def confirm(name: FromPath[str], request: Asking, site: There) -> Answer:
    """What deleting the queue, or all its dead letters, means, before it is done."""
    shown = await site.api.get(viewer(request), f"/api/queues/{name}")
    name, back = str(shown["name"]), f"/queues/{shown['name']}"
    if request.query_params.get("do") == "purge":
        told = (f"{shown['dead']} dead letters are thrown away for good.",)
        question = Question(
            f"Purge the dead letters of {name}?", told, f"/ui/queues/{name}/purge", "Purge them",
            f"{back}?tab=dead", typed=name,
        )  # fmt: skip
    else:
        told = (
            f"{shown['depth']} messages that wait or are in hand, and {shown['dead']} dead letters,"
            " are thrown away with it.",
            "Who sends to it makes it again, with the options of a new one.",
        )
        question = Question(
            f"Delete {name}?", told, f"/ui/queues/{name}/delete", "Delete it", back, typed=name
        )
    return asked(request, site, question)


@post("/ui/queues/{name:str}/delete", guards=_OPERATE)
async def delete(name: FromPath[str], request: Asking, site: There) -> Answer:
    """Delete it with all that is in it, once its name was typed."""
    meant(await form(request), name)
    await site.api.delete(viewer(request), f"/api/queues/{name}", {"purge": "true"})
    return onwards(request, "/queues")


ROUTES = (new, create, edit, change, one, send, confirm, delete)
