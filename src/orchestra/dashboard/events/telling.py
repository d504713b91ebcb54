"""Publishing an event by a form."""

from typing import Final

from litestar import get, post

from orchestra.dashboard.asking import Refused
from orchestra.dashboard.events import shapes
from orchestra.dashboard.events.tail import known
from orchestra.dashboard.forms import form, sent_twice
from orchestra.dashboard.sheets import Sheet, typed
from orchestra.dashboard.site import Answer, Asking, Site, There, gone_to, viewer
from orchestra.security import Permission, requires

_PUBLISH: Final = [requires(Permission.EVENTS_PUBLISH)]


@get("/events/publish", guards=_PUBLISH)
async def new(request: Asking, site: There) -> Answer:
    """The form."""
    types = tuple(await known(site, viewer(request)))
    return _page(request, site, typed(shapes.event(types), dict(request.query_params)))


@post("/ui/events", guards=_PUBLISH)
async def publish(request: Asking, site: There) -> Answer:
    """Publish it: on to the event, or the form again with what is wrong."""
    asker, given = viewer(request), await form(request)
    sheet = typed(shapes.event(tuple(await known(site, asker))), given)
    body = sheet.body()
    if not sheet.is_wrong:
        try:
            made = await site.api.send(
                asker, "POST", "/api/events/publish", sent_twice(given, body)
            )
        except Refused as refused:
            sheet.refuse(refused)
        else:
            return gone_to(f"/events?event={made['event_id']}")
    return _page(request, site, sheet)


def _page(request: Asking, site: Site, sheet: Sheet) -> Answer:
    status = 422 if sheet.is_wrong else 200
    return site.page(
        request, "pages/event_form.html", status=status, sheet=sheet, heading="Publish an event",
        action="/ui/events", verb="Publish", back="/events", crumb="Events",
        key=site.ids.new("pub"),
    )  # fmt: skip


ROUTES = (new, publish)
