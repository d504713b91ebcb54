"""`/executions/batch`: one verb for many executions; counted, confirmed, carried out page by page.

Each page of at most 200 is one request of the browser, which sends the next by itself: nothing
runs behind its back, and whoever closes the page stops it.
"""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from litestar import get, post

from orchestra.dashboard.forms import form
from orchestra.dashboard.listing import FILTERS, given
from orchestra.dashboard.site import Answer, Asking, Site, There, by_htmx, viewer
from orchestra.errors import Invalid
from orchestra.security import Permission, requires

API: Final = "/api/executions/batch"
TYPED_FROM: Final = 100
TROUBLES_MAX: Final = 20
VERBS: Final[Mapping[str, str]] = {
    "pause": "Pause",
    "resume": "Resume",
    "cancel": "Cancel",
    "retry": "Retry",
    "rollback": "Roll back",
}
_OPERATE: Final = [requires(Permission.EXECUTIONS_OPERATE)]

Document = dict[str, Any]


@get("/executions/batch", guards=_OPERATE)
async def ask(request: Asking, site: There) -> Answer:
    """What will happen to how many, before it does."""
    return site.page(request, "pages/batch.html", **await _asked(request, site))


@get("/ui/executions/batch", guards=_OPERATE)
async def ask_dialog(request: Asking, site: There) -> Answer:
    """The same, to be put into a dialog."""
    return site.fragment(request, "parts/batch_ask.html", **await _asked(request, site))


async def _asked(request: Asking, site: Site) -> Document:
    query = given(request)
    action = request.query_params.get("do", "")
    if action not in VERBS:
        raise Invalid("choose what to do: pause, resume, cancel, retry or roll back")
    chosen: Document = {name: query[name] for name in FILTERS if query[name]}
    ids = [] if request.query_params.get("all") else request.query_params.getall("id", [])
    if not ids and not request.query_params.get("all"):
        raise Invalid("nothing is selected: tick executions, or all that match")
    which = {"ids": ids} if ids else {"filter": chosen}
    counted = await site.api.pose(
        viewer(request), API, {"action": action, "dry_run": True, **which}
    )
    if not ids:
        chosen = {"started_before": counted["as_of"]} | chosen
    return {
        "action": action, "verb": VERBS[action], "counted": counted, "ids": " ".join(ids),
        "chosen": {} if ids else chosen, "wrong": "", "typed_from": TYPED_FROM,
        "reason": "", "key": site.ids.new("req"), "back": f"/executions?{urlencode(query)}",
    }  # fmt: skip


@post("/ui/executions/batch", guards=_OPERATE)
async def carry_out(request: Asking, site: There) -> Answer:
    """One page of it."""
    fields = await form(request)
    action = fields.get("do", "")
    if action not in VERBS:
        raise Invalid("choose what to do: pause, resume, cancel, retry or roll back")
    chosen = {name: fields[f"f.{name}"] for name in FILTERS if fields.get(f"f.{name}")}
    ids, key = fields.get("ids", "").split(), fields.get("key", "")
    context: Document = {
        "action": action, "verb": VERBS[action], "ids": " ".join(ids), "chosen": chosen,
        "key": key, "reason": fields.get("reason", ""), "back": _back(fields),
    }  # fmt: skip
    possible = _whole(fields.get("possible"))
    if possible >= TYPED_FROM and not fields.get("cursor") and _number(fields) != possible:
        counted: Document = {
            "matched": _whole(fields.get("matched")), "possible": possible,
            "complete": fields.get("complete") != "no", "by_status": {},
        }  # fmt: skip
        context |= {"counted": counted, "typed_from": TYPED_FROM}
        context["wrong"] = f"type {possible} to go on"
        return _shown(request, site, "ask", context, 422)
    body: Document = {"action": action, "reason": fields.get("reason") or None}
    body |= {"ids": ids} if ids else {"filter": chosen, "cursor": fields.get("cursor") or None}
    named = f"{key}.{_whole(fields.get('pages'))}"
    made = await site.api.send(viewer(request), "POST", API, body, idempotency_key=named)
    troubles = [one for one in made["items"] if one["result"] == "failed"]
    context |= {
        "so_far": {
            name: made[name] + _whole(fields.get(name)) for name in ("done", "refused", "failed")
        },
        "possible": possible, "pages": _whole(fields.get("pages")) + 1,
        "troubles": troubles[:TROUBLES_MAX], "next_cursor": made["next_cursor"],
    }  # fmt: skip
    return _shown(request, site, "done", context, 200)


def _shown(request: Asking, site: Site, part: str, context: Document, status: int) -> Answer:
    if by_htmx(request):
        return site.fragment(request, f"parts/batch_{part}.html", status=status, **context)
    page = {"ask": "pages/batch.html", "done": "pages/batch_done.html"}[part]
    return site.page(request, page, status=status, **context)


def _back(fields: Mapping[str, str]) -> str:
    """Where the list was; never another site."""
    asked = fields.get("back", "")
    return asked if asked.startswith("/executions?") else "/executions"


def _whole(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else 0


def _number(fields: Mapping[str, str]) -> int:
    """What was typed; digits may be grouped."""
    return _whole(fields.get("typed", "").replace(",", "").replace(" ", ""))


ROUTES = (ask, ask_dialog, carry_out)
