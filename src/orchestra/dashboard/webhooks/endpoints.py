"""Endpoints: made and changed by a form, tested, turned on and off, forgotten."""

from typing import Any, Final

from litestar import get, post
from litestar.params import FromPath

from orchestra.dashboard.agents.looks import or_none
from orchestra.dashboard.answers import Question, asked, done, meant, onwards
from orchestra.dashboard.asking import Refused, Viewer
from orchestra.dashboard.forms import form
from orchestra.dashboard.sheets import Sheet, filled, typed
from orchestra.dashboard.site import Answer, Asking, Site, There, by_htmx, gone_to, viewer
from orchestra.dashboard.webhooks.shapes import endpoint
from orchestra.errors import NotFound
from orchestra.security import Permission, requires

ASKED_FIRST: Final = ("delete", "rotate")
OVERLAP_H: Final = "24"
_OPERATE: Final = [requires(Permission.WEBHOOKS_OPERATE)]
_WRITE: Final = [requires(Permission.WEBHOOKS_WRITE)]

Document = dict[str, Any]


@get("/webhooks/new", guards=_WRITE)
async def new(request: Asking, site: There) -> Answer:
    """The form."""
    return await _page(request, site, typed(endpoint(new=True), dict(request.query_params)))


@post("/ui/webhooks", guards=_WRITE)
async def create(request: Asking, site: There) -> Answer:
    """Make it: its secret is shown once, or the form again with what is wrong."""
    given, sheet = await form(request), typed(endpoint(new=True), await form(request))
    body, key = sheet.body(), given.get("key") or site.ids.new("new")
    if not sheet.is_wrong:
        try:
            made = await site.api.send(
                viewer(request), "POST", "/api/webhooks", body, idempotency_key=key
            )
        except Refused as refused:
            sheet.refuse(refused)
        else:
            return shown_once(request, site, made, f"/webhooks/{made['id']}", "is told from now on")
    return await _page(request, site, sheet)


@get("/webhooks/{webhook:str}/edit", guards=_WRITE)
async def edit(webhook: FromPath[str], request: Asking, site: There) -> Answer:
    """Its settings, to be changed."""
    shown = await site.api.get(viewer(request), f"/api/webhooks/{webhook}")
    return await _page(request, site, filled(endpoint(new=False), shown), shown)


@post("/ui/webhooks/{webhook:str}", guards=_WRITE)
async def change(webhook: FromPath[str], request: Asking, site: There) -> Answer:
    """Change it, unless somebody else was faster."""
    given, asker, path = await form(request), viewer(request), f"/api/webhooks/{webhook}"
    shown = await site.api.get(asker, path)
    sheet = typed(endpoint(new=False), given)
    body = sheet.body(shown)
    if not sheet.is_wrong:
        try:
            await site.api.send(
                asker, "PATCH", path, body, if_match=f'"{given.get("revision", "")}"'
            )
        except Refused as refused:
            sheet.refuse(refused)
        else:
            return gone_to(f"/webhooks/{webhook}")
    return await _page(request, site, sheet, shown)


async def _page(request: Asking, site: Site, sheet: Sheet, shown: Document | None = None) -> Answer:
    return site.page(
        request, "pages/webhook_form.html", status=422 if sheet.is_wrong else 200, sheet=sheet,
        hook=shown, types=await known_types(site, viewer(request)), key=site.ids.new("new"),
    )  # fmt: skip


async def known_types(site: Site, asker: Viewer) -> list[str]:
    """Types of events that are known here."""
    answer = await or_none(site, asker, "/api/events/types", {})
    return [str(one["type"]) for one in (answer or Document()).get("types", ())][:120]


def shown_once(request: Asking, site: Site, made: Document, back: str, told: str) -> Answer:
    """A secret, this once."""
    return site.page(
        request, "pages/webhook_secret.html", status=201, made=made, back=back, told=told
    )


@post("/ui/webhooks/{webhook:str}/test", guards=_OPERATE, status_code=200)
async def test(webhook: FromPath[str], request: Asking, site: There) -> Answer:
    """One real attempt now, and what came of it."""
    await form(request)
    tried = await site.api.send(viewer(request), "POST", f"/api/webhooks/{webhook}/test")
    if not by_htmx(request):
        return gone_to(f"/webhooks/{webhook}?delivery={tried['delivery']}#delivery")
    return site.fragment(request, "parts/webhook_tested.html", tried=tried, id=webhook)


@get(["/webhooks/{webhook:str}/confirm", "/ui/webhooks/{webhook:str}/confirm"], guards=_WRITE)
async def confirm(webhook: FromPath[str], request: Asking, site: There) -> Answer:
    """What deleting or another secret means, before it is done."""
    verb = request.query_params.get("do", "")
    shown = await site.api.get(viewer(request), f"/api/webhooks/{webhook}")
    name, action = shown["name"], f"/ui/webhooks/{shown['id']}/{verb}"
    back = f"/webhooks/{shown['id']}"
    if verb == "delete":
        told = (
            f"{shown['waiting']} deliveries wait in line: they are never sent.",
            "Its log is forgotten, and its secret.",
        )
        question = Question(f"Delete {name}?", told, action, "Delete it", back, typed=name)
    elif verb == "rotate":
        told = ("A new secret is made and shown once. For a while both sign, so nothing is lost.",)
        number = ("overlap_h", "Hours in which the old one signs, too", OVERLAP_H)
        question = Question(
            f"A new secret for {name}?", told, action, "Make it", back, number=number, whole=True
        )
    else:
        raise NotFound("there is no page at this address")
    return asked(request, site, question)


@post("/ui/webhooks/{webhook:str}/rotate", guards=_WRITE)
async def rotate(webhook: FromPath[str], request: Asking, site: There) -> Answer:
    """Another secret, shown once."""
    body = {"overlap_h": hours(await form(request))}
    path = f"/api/webhooks/{webhook}/rotate-secret"
    made = await site.api.send(viewer(request), "POST", path, body)
    return shown_once(request, site, made, f"/webhooks/{webhook}", "has another secret")


def hours(given: dict[str, str]) -> object:
    """As a number, if it is one; else the interface says that it is none."""
    text = given.get("overlap_h", "").strip() or OVERLAP_H
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else text


@post("/ui/webhooks/{webhook:str}/delete", guards=_WRITE)
async def delete(webhook: FromPath[str], request: Asking, site: There) -> Answer:
    """Forget it, once its name was typed."""
    given, asker = await form(request), viewer(request)
    shown = await site.api.get(asker, f"/api/webhooks/{webhook}")
    meant(given, str(shown["name"]).strip())
    await site.api.delete(asker, f"/api/webhooks/{webhook}")
    return onwards(request, site, "/webhooks")


@post("/ui/webhooks/{webhook:str}/enable", guards=_OPERATE)
async def enable(webhook: FromPath[str], request: Asking, site: There) -> Answer:
    """Send to it again."""
    await form(request)
    answer = await site.api.send(viewer(request), "POST", f"/api/webhooks/{webhook}/enable")
    skipped = answer.get("skipped", 0)
    said = f"it is told again; {skipped} were skipped meanwhile: Send again has them"
    said = said if skipped else "it is told again"
    return done(request, site, said, f"/webhooks/{webhook}", "Enabled")


@post("/ui/webhooks/{webhook:str}/disable", guards=_OPERATE)
async def disable(webhook: FromPath[str], request: Asking, site: There) -> Answer:
    """Send nothing more to it."""
    await form(request)
    await site.api.send(viewer(request), "POST", f"/api/webhooks/{webhook}/disable")
    return done(request, site, "nothing is sent to it", f"/webhooks/{webhook}", "Disabled")


ROUTES = (new, create, edit, change, test, confirm, rotate, delete, enable, disable)
