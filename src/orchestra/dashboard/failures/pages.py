"""`/queues?tab=failures`: the inbox, and what is done about it: again, in bulk, or edited."""

import hashlib
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
LOOKED_MAX: Final = 10_000
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
        request, "pages/letter_edit.html", letter=letter, queue=name, text=text, wrong=""
    )


@post("/ui/queues/{name:str}/dead/{message:str}/edit", guards=_QUEUES)
async def send_edited(
    name: FromPath[str], message: FromPath[str], request: Asking, site: There
) -> Answer:
    """Send it with another body, then let the dead one go.

    Stopped between the two, the letter is still there, and sending the same again adds nothing;
    sending something else is another message, which is not lost.
    """
    fields, asker = await form(request), viewer(request)
    letter = await _letter(site, request, name, message)
    text = fields.get("body", "")
    try:
        body = json_of(text)
    except BadRequest as error:
        return site.page(
            request, "pages/letter_edit.html", status=422, letter=letter, queue=name, text=text,
            wrong=f"this is not JSON: {error.detail}",
        )  # fmt: skip
    new: Document = {"body": body, "priority": letter["priority"], "group": letter["group"]}
    said = hashlib.sha256(text.encode()).hexdigest()[:16]
    new["dedup_id"] = f"edited-{letter['id']}-{said}"
    path = f"/api/queues/{name}"
    try:
        await site.api.send(asker, "POST", f"{path}/messages", new)
    except Refused as refused:
        if refused.answer_status != 422:
            raise
        return site.page(
            request, "pages/letter_edit.html", status=422, letter=letter, queue=name, text=text,
            wrong=refused.detail,
        )  # fmt: skip
    await site.api.delete(asker, f"{path}/dead", {"id": letter["id"]})
    return gone_to(f"/queues/{quote(name, safe='')}?tab=dead")


async def _letter(site: Site, request: Asking, name: str, message: str) -> Document:
    """Raises NotFound, also for one beyond the 10,000 that are looked through."""
    cursor, seen = "", 0
    while seen < LOOKED_MAX:
        asked = {"limit": 200, "cursor": cursor}
        page = await site.api.get(viewer(request), f"/api/queues/{name}/dead", asked)
        for one in page["messages"]:
            if one["id"] == message:
                return one
        seen, cursor = seen + len(page["messages"]), page["cursor"]
        if not cursor:
            break
    raise NotFound("this dead letter is not there any more")


ROUTES = (ask, retry, edit, send_edited)
