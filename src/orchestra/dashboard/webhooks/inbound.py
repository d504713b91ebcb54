"""Inbound hooks: made and changed by a form, another secret, forgotten."""

from typing import Any, Final

from litestar import get, post
from litestar.params import FromPath

from orchestra.dashboard.answers import Question, asked, meant, onwards
from orchestra.dashboard.asking import Refused
from orchestra.dashboard.forms import form
from orchestra.dashboard.sheets import Sheet, filled, typed
from orchestra.dashboard.site import Answer, Asking, Site, There, gone_to, viewer
from orchestra.dashboard.webhooks.endpoints import OVERLAP_H, hours, shown_once
from orchestra.dashboard.webhooks.shapes import hook
from orchestra.errors import NotFound
from orchestra.security import Permission, requires

_WRITE: Final = [requires(Permission.WEBHOOKS_WRITE)]
BACK: Final = "/webhooks?tab=in"

Document = dict[str, Any]


@get("/webhooks/in/new", guards=_WRITE)
async def new(request: Asking, site: There) -> Answer:
    """The form."""
    return _page(request, site, typed(hook(new=True), dict(request.query_params)))


@post("/ui/inbound", guards=_WRITE)
async def create(request: Asking, site: There) -> Answer:
    """Make it: its secret is shown once, or the form again with what is wrong."""
    given = await form(request)
    sheet, key = typed(hook(new=True), given), given.get("key") or site.ids.new("new")
    body = _body(sheet)
    if not sheet.is_wrong:
        try:
            made = await site.api.send(
                viewer(request), "POST", "/api/webhooks/inbound", body, idempotency_key=key
            )
        except Refused as refused:
            sheet.refuse(refused)
        else:
            return shown_once(request, site, made, BACK, "may tell us from now on")
    return _page(request, site, sheet)


@get("/webhooks/in/{hook_id:str}", guards=_WRITE)
async def edit(hook_id: FromPath[str], request: Asking, site: There) -> Answer:
    """Its settings, to be changed."""
    shown = await site.api.get(viewer(request), f"/api/webhooks/inbound/{hook_id}")
    return _page(request, site, filled(hook(new=False), shown), shown)


@post("/ui/inbound/{hook_id:str}", guards=_WRITE)
async def change(hook_id: FromPath[str], request: Asking, site: There) -> Answer:
    """Change it, unless somebody else was faster."""
    given, asker, path = await form(request), viewer(request), f"/api/webhooks/inbound/{hook_id}"
    shown = await site.api.get(asker, path)
    sheet = typed(hook(new=False), given)
    body = _body(sheet) | {"active": given.get("active") == "yes"}
    if not sheet.is_wrong:
        try:
            await site.api.send(
                asker, "PATCH", path, _patch(body), if_match=f'"{given.get("revision", "")}"'
            )
        except Refused as refused:
            sheet.refuse(refused)
        else:
            return gone_to(BACK)
    return _page(request, site, sheet, shown)


def _body(sheet: Sheet) -> Document:
    """What was typed. A signal is said whole or not at all."""
    body = sheet.body()
    if body.get("public") is False:
        del body["public"]
    return body


def _patch(body: Document) -> Document:
    """Everything a form has, so that what is empty is the default again."""
    target: Document = {"workflow": None, "signal": None} | body.get("target", {})
    return {"headers": None, "rate_per_s": None} | body | {"target": target}


def _page(request: Asking, site: Site, sheet: Sheet, shown: Document | None = None) -> Answer:
    status = 422 if sheet.is_wrong else 200
    return site.page(
        request, "pages/hook_form.html", status=status, sheet=sheet, hook=shown,
        key=site.ids.new("new"),
    )  # fmt: skip


@get(["/webhooks/in/{hook_id:str}/confirm", "/ui/inbound/{hook_id:str}/confirm"], guards=_WRITE)
async def confirm(hook_id: FromPath[str], request: Asking, site: There) -> Answer:
    """What deleting or another secret means, before it is done."""
    verb = request.query_params.get("do", "")
    shown = await site.api.get(viewer(request), f"/api/webhooks/inbound/{hook_id}")
    name, action = str(shown["name"]), f"/ui/inbound/{shown['id']}/{verb}"
    back = f"/webhooks/in/{shown['id']}"
    if verb == "delete":
        told = ("What its sender sends is refused from then on.",)
        question = Question(f"Delete {name}?", told, action, "Delete it", back, typed=name)
    elif verb == "rotate":
        told = ("A new secret is made and shown once; for a while both are believed.",)
        number = ("overlap_h", "Hours in which the old one is believed, too", OVERLAP_H)
        question = Question(
            f"A new secret for {name}?", told, action, "Make it", back, number=number, whole=True
        )
    else:
        raise NotFound("there is no page at this address")
    return asked(request, site, question)


@post("/ui/inbound/{hook_id:str}/rotate", guards=_WRITE)
async def rotate(hook_id: FromPath[str], request: Asking, site: There) -> Answer:
    """Another secret, shown once."""
    body = {"overlap_h": hours(await form(request))}
    path = f"/api/webhooks/inbound/{hook_id}/rotate-secret"
    made = await site.api.send(viewer(request), "POST", path, body)
    return shown_once(request, site, made, BACK, "has another secret")


@post("/ui/inbound/{hook_id:str}/delete", guards=_WRITE)
async def delete(hook_id: FromPath[str], request: Asking, site: There) -> Answer:
    """Forget it, once its name was typed."""
    given, asker, path = await form(request), viewer(request), f"/api/webhooks/inbound/{hook_id}"
    shown = await site.api.get(asker, path)
    meant(given, str(shown["name"]).strip())
    await site.api.delete(asker, path)
    return onwards(request, site, BACK)


ROUTES = (new, create, edit, change, confirm, rotate, delete)
