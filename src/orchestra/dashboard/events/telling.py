"""Publishing an event by a form."""

from typing import Final

from litestar import get, post

from orchestra.dashboard.answers import form_page, submitted
from orchestra.dashboard.events import shapes
from orchestra.dashboard.events.tail import known
from orchestra.dashboard.forms import form, sent_twice
from orchestra.dashboard.sheets import Sheet, fresh, typed
from orchestra.dashboard.site import Answer, Asking, Site, There, gone_to, viewer
from orchestra.security import Permission, requires

_PUBLISH: Final = [requires(Permission.EVENTS_PUBLISH)]


@get("/events/publish", guards=_PUBLISH)
async def new(request: Asking, site: There) -> Answer:
    """The form."""
    types = tuple(await known(site, viewer(request)))
    return _page(request, site, fresh(shapes.event(types), dict(request.query_params)))


@post("/ui/events", guards=_PUBLISH)
async def publish(request: Asking, site: There) -> Answer:
    """Publish it: on to the event, or the form again with what is wrong."""
    given = await form(request)
    sheet = typed(shapes.event(tuple(await known(site, viewer(request)))), given)
    body = sent_twice(given, sheet.body())
    made = await submitted(request, site, sheet, "POST /api/events/publish", body)
    if made is None:
        return _page(request, site, sheet)
    return gone_to(f"/events?event={made['event_id']}")


def _page(request: Asking, site: Site, sheet: Sheet) -> Answer:
    return form_page(
        request, site, "pages/event_form.html", sheet, heading="Publish an event", edited="",
        action="/ui/events", verb="Publish", back="/events", crumb="Events",
    )  # fmt: skip


ROUTES = (new, publish)
