"""Inbound hooks: made and changed by a form, another secret, forgotten."""

from typing import Any, Final

from litestar import get, post
from litestar.params import FromPath

from orchestra.dashboard.answers import form_page, key_of, meanwhile, seen_by, submitted
from orchestra.dashboard.forms import form
from orchestra.dashboard.sheets import Sheet, filled, fresh, typed
from orchestra.dashboard.site import Answer, Asking, Site, There, gone_to, viewer
from orchestra.dashboard.webhooks.endpoints import asked_first, deleted, rotated, shown_once
from orchestra.dashboard.webhooks.shapes import hook
from orchestra.security import Permission, requires

_WRITE: Final = [requires(Permission.WEBHOOKS_WRITE)]
BACK: Final = "/webhooks?tab=in"
HOOKS: Final = "/api/webhooks/inbound"

Document = dict[str, Any]


@get("/webhooks/in/new", guards=_WRITE)
async def new(request: Asking, site: There) -> Answer:
    """The form."""
    return _page(request, site, fresh(hook(new=True), dict(request.query_params)))


@post("/ui/inbound", guards=_WRITE)
async def create(request: Asking, site: There) -> Answer:
    """Make it: its secret is shown once, or the form again with what is wrong."""
    given = await form(request)
    sheet, key = typed(hook(new=True), given), key_of(given, site)
    body = sheet.body()
    if body["public"] is False:
        del body["public"]
    made = await submitted(request, site, sheet, f"POST {HOOKS}", body, idempotency_key=key)
    if made is None:
        return _page(request, site, sheet)
    return shown_once(request, site, made, BACK, "may tell us from now on")


@get("/webhooks/in/{hook_id:str}", guards=_WRITE)
async def edit(hook_id: FromPath[str], request: Asking, site: There) -> Answer:
    """Its settings, to be changed."""
    shown = await site.api.get(viewer(request), f"{HOOKS}/{hook_id}")
    return _page(request, site, filled(hook(new=False), shown), shown)


@post("/ui/inbound/{hook_id:str}", guards=_WRITE)
async def change(hook_id: FromPath[str], request: Asking, site: There) -> Answer:
    """Change it, unless somebody else was faster."""
    given = await form(request)
    shown = await site.api.get(viewer(request), f"{HOOKS}/{hook_id}")
    sheet, seen = typed(hook(new=False), given), seen_by(given)
    to, body = f"PATCH {HOOKS}/{hook_id}", _patch(sheet.body())
    if await submitted(request, site, sheet, to, body, if_match=seen) is None:
        shown = await meanwhile(request, site, sheet, f"{HOOKS}/{hook_id}", shown)
        return _page(request, site, sheet, shown)
    return gone_to(BACK)


def _patch(body: Document) -> Document:
    """Everything a form has, so that what is empty is the default again. A signal is said whole."""
    target: Document = {"workflow": None, "signal": None} | body.get("target", {})
    return {"headers": None, "rate_per_s": None} | body | {"target": target}


def _page(request: Asking, site: Site, sheet: Sheet, shown: Document | None = None) -> Answer:
    return form_page(request, site, "pages/hook_form.html", sheet, hook=shown)


@get(["/webhooks/in/{hook_id:str}/confirm", "/ui/inbound/{hook_id:str}/confirm"], guards=_WRITE)
async def confirm(hook_id: FromPath[str], request: Asking, site: There) -> Answer:
    """What deleting or another secret means, before it is done."""
    shown = await site.api.get(viewer(request), f"{HOOKS}/{hook_id}")
    told = {
        "delete": ("What its sender sends is refused from then on.",),
        "rotate": ("A new secret is made and shown once; for a while both are believed.",),
    }
    addresses = f"/ui/inbound/{shown['id']}", f"/webhooks/in/{shown['id']}"
    return asked_first(request, site, shown, addresses, told)


@post("/ui/inbound/{hook_id:str}/rotate", guards=_WRITE)
async def rotate(hook_id: FromPath[str], request: Asking, site: There) -> Answer:
    """Another secret, shown once."""
    return await rotated(request, site, f"{HOOKS}/{hook_id}", BACK)


@post("/ui/inbound/{hook_id:str}/delete", guards=_WRITE)
async def delete(hook_id: FromPath[str], request: Asking, site: There) -> Answer:
    """Forget it, once its name was typed."""
    return await deleted(request, site, f"{HOOKS}/{hook_id}", BACK)


ROUTES = (new, create, edit, change, confirm, rotate, delete)
