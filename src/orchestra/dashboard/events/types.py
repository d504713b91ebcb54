"""Types of events: the built-in ones, and those that have a schema here."""

from typing import Any, Final
from urllib.parse import quote

from litestar import get, post
from litestar.params import FromPath

from orchestra.dashboard.answers import (
    Question,
    asked,
    form_page,
    meant,
    submitted,
)
from orchestra.dashboard.events import shapes
from orchestra.dashboard.forms import form
from orchestra.dashboard.sheets import Sheet, filled, fresh, typed
from orchestra.dashboard.site import Answer, Asking, Site, There, gone_to, onwards, viewer
from orchestra.security import Permission, requires

BACK: Final = "/events/types"
_READ: Final = [requires(Permission.EVENTS_READ)]
_DEFINE: Final = [requires(Permission.EVENTS_DEFINE)]

Document = dict[str, Any]


@get("/events/types", guards=_READ)
async def types(request: Asking, site: There) -> Answer:
    """All of them; yours first."""
    asker, wanted = viewer(request), request.query_params.get("q", "")[:200]
    answer = await site.api.get(asker, "/api/events/types")
    fitting = [
        one for one in answer["types"]
        if wanted.casefold() in f"{one['type']}\n{one['told']}".casefold()
    ]  # fmt: skip
    own = [one for one in fitting if one.get("source") is None]
    ours = [one for one in fitting if one.get("source") is not None]
    return site.page(request, "pages/event_types.html", own=own, ours=ours, q=wanted)


@get("/events/types/new", guards=_DEFINE)
async def new(request: Asking, site: There) -> Answer:
    """The form."""
    return _page(request, site, fresh(shapes.event_type(new=True), dict(request.query_params)))


@get("/events/types/edit/{event_type:str}", guards=_DEFINE)
async def edit(event_type: FromPath[str], request: Asking, site: There) -> Answer:
    """Its schema, to be changed."""
    shown = await site.api.get(viewer(request), f"/api/events/types/{event_type}")
    return _page(request, site, filled(shapes.event_type(new=False), shown), shown["type"])


@post("/ui/event-types", guards=_DEFINE)
async def save(request: Asking, site: There) -> Answer:
    """Say what the data of a type looks like, or the form again with what is wrong."""
    given = await form(request)
    name = given.get("edited", "")
    sheet = typed(shapes.event_type(new=not name), given)
    body = sheet.body()
    wanted = str(name or body.pop("type", ""))
    if not wanted or "/" in wanted:
        sheet.wrong["type"] = ["give a name such as order.placed"]
    if await submitted(request, site, sheet, f"PUT /api/events/types/{wanted}", body) is None:
        return _page(request, site, sheet, name)
    return gone_to(f"{BACK}#{quote(wanted)}")


def _page(request: Asking, site: Site, sheet: Sheet, name: str = "") -> Answer:
    return form_page(
        request, site, "pages/event_form.html", sheet, heading=name or "New type of event",
        edited=name, action="/ui/event-types", verb="Save", back=BACK, crumb="Types",
    )  # fmt: skip


@get(["/events/types/confirm/{event_type:str}", "/ui/event-types/confirm/{event_type:str}"],
     guards=_DEFINE)  # fmt: skip
async def confirm(event_type: FromPath[str], request: Asking, site: There) -> Answer:
    """What deleting it means, before it is done."""
    shown = await site.api.get(viewer(request), f"/api/events/types/{event_type}")
    told = ("Its schema is forgotten: events of this type may have any data again.",)
    return asked(request, site, Question(
        f"Delete {shown['type']}?", told, f"/ui/event-types/delete/{quote(shown['type'])}",
        "Delete it", BACK, typed=shown["type"],
    ))  # fmt: skip


@post("/ui/event-types/delete/{event_type:str}", guards=_DEFINE)
async def delete(event_type: FromPath[str], request: Asking, site: There) -> Answer:
    """Forget it, once its name was typed."""
    meant(await form(request), event_type)
    await site.api.delete(viewer(request), f"/api/events/types/{event_type}")
    return onwards(request, BACK)


ROUTES = (types, new, edit, save, confirm, delete)
