"""Registering an agent by a form, and changing one."""

from typing import Any, Final

from litestar import get, post
from litestar.params import FromPath

from orchestra.dashboard.agents import shapes
from orchestra.dashboard.agents.looks import LIVE
from orchestra.dashboard.answers import form_page, meanwhile, seen_by, submitted
from orchestra.dashboard.asking import Viewer
from orchestra.dashboard.forms import form
from orchestra.dashboard.sheets import Sheet, filled, fresh, typed
from orchestra.dashboard.site import Answer, Asking, Site, There, gone_to, viewer
from orchestra.errors import OrchestraError
from orchestra.security import Permission, requires

_REGISTER: Final = [requires(Permission.AGENTS_REGISTER)]

Document = dict[str, Any]


@get("/agents/new", guards=_REGISTER)
async def new(request: Asking, site: There) -> Answer:
    """The form; its fields are those of the kind that stands in the address."""
    provider = _provider(request.query_params.get("provider", ""))
    given = dict(request.query_params)
    sheet = fresh(shapes.groups(provider, await secrets(site, viewer(request))), given)
    return _page(request, site, sheet, provider)


@post("/ui/agents/fields", guards=_REGISTER, status_code=200)
async def fields(request: Asking, site: There) -> Answer:
    """The fields of another kind, with what was typed so far."""
    given = await form(request)
    provider = _provider(given.get("provider", ""))
    sheet = typed(shapes.groups(provider, await secrets(site, viewer(request))), given)
    return site.fragment(request, "parts/agent_fields.html", sheet=sheet, provider=provider)


@post("/ui/agents", guards=_REGISTER)
async def create(request: Asking, site: There) -> Answer:
    """Register it: on to its page, or the form again with what is wrong."""
    given = await form(request)
    provider = _provider(given.get("provider", ""))
    sheet = typed(shapes.groups(provider, await secrets(site, viewer(request))), given)
    body = sheet.body() | {"provider": provider}
    if provider not in shapes.TELL_THEMSELVES:  # those say themselves what they can do
        body.setdefault("capabilities", [])
    to = "POST /api/agents/register"
    made = await submitted(request, site, sheet, to, body, if_none_match="*")
    if made is None:
        return _page(request, site, sheet, provider)
    return welcomed(request, site, made)


def welcomed(request: Asking, site: Site, made: Document) -> Answer:
    """On to its page; by way of its token, if it has one, which is shown once."""
    if "pull" not in made and not made.get("warnings"):
        return gone_to(f"/agents/{made['id']}")
    return site.page(request, "pages/agent_made.html", status=201, agent=made, live="")


@get("/agents/{agent:str}/edit", guards=_REGISTER)
async def edit(agent: FromPath[str], request: Asking, site: There) -> Answer:
    """Its registration, to be changed."""
    asker = viewer(request)
    shown = await site.api.get(asker, f"/api/agents/{agent}")
    groups = shapes.groups(shown["provider"], await secrets(site, asker), new=False)
    return _page(request, site, filled(groups, shown), shown["provider"], shown)


@post("/ui/agents/{agent:str}", guards=_REGISTER)
async def change(agent: FromPath[str], request: Asking, site: There) -> Answer:
    """Change it, unless somebody else was faster."""
    given, asker = await form(request), viewer(request)
    shown = await site.api.get(asker, f"/api/agents/{agent}")
    groups = shapes.groups(shown["provider"], await secrets(site, asker), new=False)
    sheet, seen = typed(groups, given), seen_by(given)
    to, body = f"PATCH /api/agents/{agent}", sheet.body(shown)
    if await submitted(request, site, sheet, to, body, if_match=seen) is None:
        shown = await meanwhile(request, site, sheet, f"/api/agents/{agent}", shown)
        return _page(request, site, sheet, shown["provider"], shown)
    return gone_to(f"/agents/{shown['id']}")


def _page(
    request: Asking, site: Site, sheet: Sheet, provider: str, agent: Document | None = None
) -> Answer:
    return form_page(
        request, site, "pages/agent_form.html", sheet, provider=provider,
        providers=shapes.PROVIDERS, agent=agent, live=LIVE if agent else "",
    )  # fmt: skip


def _provider(text: str) -> str:
    return text if text in shapes.PROVIDERS else "http"


async def secrets(site: Site, asker: Viewer) -> tuple[str, ...]:
    """Names of secrets, for who may know them."""
    if not asker.principal.may(Permission.SECRETS_WRITE):
        return ()
    try:
        answer = await site.api.get(asker, "/api/secrets")
    except OrchestraError:
        return ()
    return tuple(str(one["name"]) for one in answer["items"][:200])


ROUTES = (new, fields, create, edit, change)
