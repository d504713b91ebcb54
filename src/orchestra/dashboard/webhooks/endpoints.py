"""Endpoints: made and changed by a form, tested, turned on and off, forgotten."""

from collections.abc import Mapping
from typing import Any, Final

from litestar import get, post
from litestar.params import FromPath

from orchestra.dashboard.agents.looks import or_none
from orchestra.dashboard.answers import (
    Question,
    asked,
    done,
    form_page,
    key_of,
    meant,
    meanwhile,
    seen_by,
    submitted,
)
from orchestra.dashboard.asking import Viewer
from orchestra.dashboard.forms import form
from orchestra.dashboard.kinds import number
from orchestra.dashboard.sheets import Sheet, filled, fresh, typed
from orchestra.dashboard.site import Answer, Asking, Site, There, by_htmx, gone_to, onwards, viewer
from orchestra.dashboard.webhooks.shapes import endpoint
from orchestra.errors import NotFound
from orchestra.security import Permission, requires

OVERLAP_H: Final = "24"
_OPERATE: Final = [requires(Permission.WEBHOOKS_OPERATE)]
_WRITE: Final = [requires(Permission.WEBHOOKS_WRITE)]

Document = dict[str, Any]


@get("/webhooks/new", guards=_WRITE)
async def new(request: Asking, site: There) -> Answer:
    """The form."""
    return await _page(request, site, fresh(endpoint(new=True), dict(request.query_params)))


@post("/ui/webhooks", guards=_WRITE)
async def create(request: Asking, site: There) -> Answer:
    """Make it: its secret is shown once, or the form again with what is wrong."""
    given = await form(request)
    sheet, key = typed(endpoint(new=True), given), key_of(given, site)
    to = "POST /api/webhooks"
    made = await submitted(request, site, sheet, to, sheet.body(), idempotency_key=key)
    if made is None:
        return await _page(request, site, sheet)
    return shown_once(request, site, made, f"/webhooks/{made['id']}", "is told from now on")


@get("/webhooks/{webhook:str}/edit", guards=_WRITE)
async def edit(webhook: FromPath[str], request: Asking, site: There) -> Answer:
    """Its settings, to be changed."""
    shown = await site.api.get(viewer(request), f"/api/webhooks/{webhook}")
    return await _page(request, site, filled(endpoint(new=False), shown), shown)


@post("/ui/webhooks/{webhook:str}", guards=_WRITE)
async def change(webhook: FromPath[str], request: Asking, site: There) -> Answer:
    """Change it, unless somebody else was faster."""
    given, path = await form(request), f"/api/webhooks/{webhook}"
    shown = await site.api.get(viewer(request), path)
    sheet, seen = typed(endpoint(new=False), given), seen_by(given)
    body = sheet.body(shown)
    if await submitted(request, site, sheet, f"PATCH {path}", body, if_match=seen) is None:
        shown = await meanwhile(request, site, sheet, path, shown)
        return await _page(request, site, sheet, shown)
    return gone_to(f"/webhooks/{webhook}")


async def _page(request: Asking, site: Site, sheet: Sheet, shown: Document | None = None) -> Answer:
    types = await known_types(site, viewer(request))
    return form_page(request, site, "pages/webhook_form.html", sheet, hook=shown, types=types)


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
    shown = await site.api.get(viewer(request), f"/api/webhooks/{webhook}")
    gone = (
        f"{shown['waiting']} deliveries wait in line: they are never sent.",
        "Its log is forgotten, and its secret.",
    )
    other = "A new secret is made and shown once. For a while both sign, so nothing is lost."
    addresses = f"/ui/webhooks/{shown['id']}", f"/webhooks/{shown['id']}"
    return asked_first(request, site, shown, addresses, {"delete": gone, "rotate": (other,)})


def asked_first(
    request: Asking, site: Site, shown: Document, addresses: tuple[str, str],
    told: Mapping[str, tuple[str, ...]],
) -> Answer:  # fmt: skip
    """Before something is deleted or has another secret. `addresses`: of its actions, and back."""
    verb, name, (base, back) = request.query_params.get("do", ""), str(shown["name"]), addresses
    if verb not in told:
        raise NotFound("there is no page at this address")
    action = f"{base}/{verb}"
    if verb == "delete":
        question = Question(f"Delete {name}?", told[verb], action, "Delete it", back, typed=name)
    else:
        number = ("overlap_h", "Hours in which the old one counts, too", OVERLAP_H)
        question = Question(
            f"A new secret for {name}?", told[verb], action, "Make it", back, number=number,
            whole=True,
        )  # fmt: skip
    return asked(request, site, question)


@post("/ui/webhooks/{webhook:str}/rotate", guards=_WRITE)
async def rotate(webhook: FromPath[str], request: Asking, site: There) -> Answer:
    """Another secret, shown once."""
    return await rotated(request, site, f"/api/webhooks/{webhook}", f"/webhooks/{webhook}")


async def rotated(request: Asking, site: Site, path: str, back: str) -> Answer:
    """Another secret of what is at `path`, shown once."""
    text = (await form(request)).get("overlap_h", "").strip() or OVERLAP_H
    body = {"overlap_h": number(text)}
    made = await site.api.send(viewer(request), "POST", f"{path}/rotate-secret", body)
    return shown_once(request, site, made, back, "has another secret")


@post("/ui/webhooks/{webhook:str}/delete", guards=_WRITE)
async def delete(webhook: FromPath[str], request: Asking, site: There) -> Answer:
    """Forget it, once its name was typed."""
    return await deleted(request, site, f"/api/webhooks/{webhook}", "/webhooks")


async def deleted(request: Asking, site: Site, path: str, back: str) -> Answer:
    """Have what is at `path` forgotten, once its name was typed."""
    given, asker = await form(request), viewer(request)
    shown = await site.api.get(asker, path)
    meant(given, str(shown["name"]).strip())
    await site.api.delete(asker, path)
    return onwards(request, back)


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
