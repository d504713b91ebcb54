"""Finding agents behind a URL: what is there is shown before anything is registered."""

from typing import Any, Final

import msgspec
from litestar import get, post

from orchestra.dashboard.agents.registering import secrets, welcomed
from orchestra.dashboard.agents.shapes import auth
from orchestra.dashboard.answers import form_page, submitted
from orchestra.dashboard.forms import form, json_of
from orchestra.dashboard.sheets import Entry, Group, Sheet, fresh, typed
from orchestra.dashboard.site import Answer, Asking, Site, There, viewer
from orchestra.errors import BadRequest
from orchestra.security import Permission, requires

_REGISTER: Final = [requires(Permission.AGENTS_REGISTER)]
_WHERE: Final = (
    Entry("url", "Address", required=True, placeholder="https://agents.example.com"),
    Entry("name", "Name for it", most=63, hint="Only where one thing is found; else its own."),
    Entry("agent_type", "Type for it", most=63),
)

Document = dict[str, Any]


def _groups(names: tuple[str, ...]) -> list[Group]:
    return [
        Group("Where to look", _WHERE),
        Group("Credentials", auth(names), folded=True, told="if it asks for any"),
    ]


@get("/agents/discover", guards=_REGISTER)
async def look(request: Asking, site: There) -> Answer:
    """Where to look."""
    names = await secrets(site, viewer(request))
    return _page(request, site, fresh(_groups(names), dict(request.query_params)), None)


@post("/ui/agents/discover", guards=_REGISTER, status_code=200)
async def found(request: Asking, site: There) -> Answer:
    """What is there: ready registrations, none of them made yet."""
    given = await form(request)
    sheet = typed(_groups(await secrets(site, viewer(request))), given)
    answer = await submitted(request, site, sheet, "POST /api/agents/discover", sheet.body())
    return _page(request, site, sheet, answer)


def _page(request: Asking, site: Site, sheet: Sheet, answer: Document | None) -> Answer:
    items = [
        one | {"text": msgspec.json.encode(one["registration"]).decode()}
        for one in (answer or {}).get("found", ())
    ]
    return form_page(request, site, "pages/agent_discover.html", sheet, answer=answer, found=items)


@post("/ui/agents/adopt", guards=_REGISTER)
async def adopt(request: Asking, site: There) -> Answer:
    """Register something that was found, as it was shown."""
    given = await form(request)
    try:
        body = json_of(given.get("registration", ""))
    except BadRequest:
        raise BadRequest("a hidden field of this form was changed: look again") from None
    made = await site.api.send(
        viewer(request), "POST", "/api/agents/register", body, if_none_match="*"
    )
    return welcomed(request, site, made)


ROUTES = (look, found, adopt)
