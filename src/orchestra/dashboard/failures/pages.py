"""`/queues?tab=failures`: the inbox, and what is done about it: again, in bulk, or edited."""

import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote, urlencode

from litestar import get, post
from litestar.params import FromPath

from orchestra.dashboard.asking import Refused
from orchestra.dashboard.failures.documents import WINDOWS_MS, RetryBody
from orchestra.dashboard.failures.routes import inbox, retried
from orchestra.dashboard.forms import form, json_of
from orchestra.dashboard.site import Answer, Asking, Site, There, by_htmx, gone_to, viewer
from orchestra.errors import BadRequest, Invalid, NotFound
from orchestra.security import Permission, requires

KINDS: Final[Mapping[str, tuple[str, str]]] = {
    "execution": ("executions", "play"),
    "dead_letter": ("dead letters", "tray"),
    "reader": ("dead events", "bolt"),
    "delivery": ("deliveries", "hook"),
}
TYPED_FROM: Final = 100
GONE: Final = "this dead letter is not there any more: it is back in line, or was thrown away"
_READ: Final = [requires(Permission.EXECUTIONS_READ)]
_OPERATE: Final = [requires(Permission.EXECUTIONS_OPERATE)]
_QUEUES: Final = [requires(Permission.QUEUES_OPERATE)]

Document = dict[str, Any]


def window_of(query: Mapping[str, str]) -> str:
    """How far back; a day unless it says."""
    asked = query.get("window", "24h")
    return asked if asked in WINDOWS_MS else "24h"


async def shown(request: Asking, site: Site, given: Mapping[str, str]) -> Document:
    """What the tab shows."""
    window = window_of(given)
    found = await inbox(site, viewer(request), window)
    kind = given.get("kind", "")
    groups = [one for one in found["groups"] if kind in ("", one["kind"])]
    here = urlencode({"tab": "failures", "window": window, "kind": kind})
    return {
        "inbox": found, "groups": groups, "window": window, "windows": tuple(WINDOWS_MS),
        "kind": kind if kind in KINDS else "", "kinds": KINDS,
        "inbox_address": f"/queues?{here}",
    }  # fmt: skip


async def page(request: Asking, site: Site) -> Answer:
    """The tab of `/queues`, as a page."""
    context = await shown(request, site, request.query_params)
    return site.page(request, "pages/failures.html", live="queues", **context)


@get("/ui/failures/retry", guards=_OPERATE)
async def ask(request: Asking, site: There) -> Answer:
    """What would be tried again, before it is."""
    query = request.query_params
    wish = _wish(query, dry_run=True)
    context: Document = {
        "counted": await retried(site, viewer(request), wish), "window": wish.window,
        "fingerprint": query.get("fingerprint", ""), "id": query.get("id", ""),
        "typed_from": TYPED_FROM, "wrong": "",
    }  # fmt: skip
    if by_htmx(request):
        return site.fragment(request, "parts/failures_ask.html", **context)
    return site.page(request, "pages/failures_ask.html", **context)


@post("/ui/failures/retry", guards=_OPERATE)
async def retry(request: Asking, site: There) -> Answer:
    """Do it."""
    fields = await form(request)
    wish = _wish(fields, dry_run=False)
    matched = fields.get("matched", "0")
    many = int(matched[:9]) if matched.isascii() and matched.isdigit() else 0
    if many >= TYPED_FROM and fields.get("typed") != matched:
        raise Invalid(f"nothing was done: type {matched} to go on")
    made = await retried(site, viewer(request), wish)
    if not by_htmx(request):
        return gone_to(f"/queues?tab=failures&window={wish.window}")
    said = f"{made['done']} of {made['matched']} are tried again"
    said += f"; {made['refused']} cannot be" if made["refused"] else ""
    toast = "error" if made["refused"] else "ok"
    context = await shown(request, site, fields)
    return site.fragment(
        request, "parts/failures_tried.html", said=said, title="Tried again", toast=toast, **context
    )  # fmt: skip


def _wish(given: Mapping[str, str], *, dry_run: bool) -> RetryBody:
    window = window_of(given)
    if given.get("id"):
        return RetryBody(ids=[given["id"][:64]], window=window, dry_run=dry_run)  # type: ignore[arg-type]  # checked
    if given.get("fingerprint"):
        prints = [given["fingerprint"][:16]]
        return RetryBody(fingerprints=prints, window=window, dry_run=dry_run)  # type: ignore[arg-type]  # checked
    return RetryBody(all=True, window=window, dry_run=dry_run)  # type: ignore[arg-type]  # checked


@get("/queues/{name:str}/dead/{message:str}/edit", guards=_QUEUES)
async def edit(name: FromPath[str], message: FromPath[str], request: Asking, site: There) -> Answer:
    """A dead letter, to be changed and put back in line."""
    letter = await _letter(site, request, name, message)
    text = json.dumps(letter["body"], indent=2, ensure_ascii=False)
    return site.page(
        request, "pages/letter_edit.html", letter=letter, id=message, queue=name, text=text,
        wrong="",
    )  # fmt: skip


@post("/ui/queues/{name:str}/dead/{message:str}/edit", guards=_QUEUES)
async def send_edited(
    name: FromPath[str], message: FromPath[str], request: Asking, site: There
) -> Answer:
    """Put it back in line with another body: of several who do so at once, one does."""
    text = (await form(request)).get("body", "")
    wrong, status, path = "", 422, f"/api/queues/{name}/redrive"
    try:
        body: Document = {"ids": [message], "body": json_of(text)}
        if (await site.api.send(viewer(request), "POST", path, body))["moved"]:
            return gone_to(f"/queues/{quote(name, safe='')}?tab=dead")
        wrong, status = GONE, 409
    except BadRequest as error:
        wrong = f"this is not JSON: {error.detail}"
    except Refused as refused:
        if refused.answer_status != 422:
            raise
        found = refused.document.get("errors") or ()
        wrong = "; ".join(str(one["message"]) for one in found) or refused.detail
    letter = None if status == 409 else await _letter(site, request, name, message)
    return site.page(
        request, "pages/letter_edit.html", status=status, letter=letter, id=message, queue=name,
        text=text, wrong=wrong,
    )  # fmt: skip


async def _letter(site: Site, request: Asking, name: str, message: str) -> Document:
    """Raises NotFound."""
    path, asked = f"/api/queues/{name}/dead", {"id": message, "limit": 1}
    for one in (await site.api.get(viewer(request), path, asked))["messages"]:
        return one
    raise NotFound("this dead letter is not there any more")


ROUTES = (ask, retry, edit, send_edited)
