"""One endpoint: what was sent to it, what it answered, and sending again."""

from typing import Any, Final

from litestar import get, post
from litestar.params import FromPath

from orchestra.dashboard.agents.looks import or_none
from orchestra.dashboard.answers import Question, asked, done
from orchestra.dashboard.asking import Viewer
from orchestra.dashboard.filters import Filtered
from orchestra.dashboard.forms import chosen, form
from orchestra.dashboard.site import Answer, Asking, Site, There, viewer
from orchestra.dashboard.webhooks.listing import LIVE, figures
from orchestra.instants import instant
from orchestra.security import Permission, requires

PAGE: Final = 50
RESULTS: Final = ("delivered", "failed", "dead", "skipped")
FILTERS: Final = ("status", "type")
SPANS: Final = {"15m": 15, "1h": 60, "6h": 360, "24h": 1_440, "7d": 10_080}
COUNTED_PAGES: Final = 5
COUNTED: Final = 200
SELECTED_MAX: Final = 100
_READ: Final = [requires(Permission.WEBHOOKS_READ)]
_OPERATE: Final = [requires(Permission.WEBHOOKS_OPERATE)]

Document = dict[str, Any]


@get("/webhooks/{webhook:str}", guards=_READ)
async def webhook(webhook: FromPath[str], request: Asking, site: There) -> Answer:
    """One endpoint and its deliveries."""
    asker = viewer(request)
    shown = await site.api.get(asker, f"/api/webhooks/{webhook}")
    path = f"/api/webhooks/{webhook}/deliveries"
    span = request.query_params.get("within", "")
    fixed = {"limit": PAGE, "since": since_of(site, span) if span in SPANS else ""}
    listed = Filtered(path, FILTERS, request.query_params, fixed)
    await listed.ask(site, asker)
    chosen_id = request.query_params.get("delivery", "")
    delivery = await site.api.get(asker, f"{path}/{chosen_id}") if chosen_id else None
    event: Document | None = None
    if delivery is not None and asker.principal.may(Permission.EVENTS_READ):
        event = await or_none(site, asker, f"/api/events/{delivery['attempts'][0]['event']}", {})
    known = await figures(site, asker)
    return site.page(
        request, "pages/webhook.html", hook=shown, listed=listed, delivery=delivery, event=event,
        results=RESULTS, spans=SPANS, span=span, figure=known.get(shown["id"]),
        replay=await or_none(site, asker, f"/api/webhooks/{webhook}/replay", {}), live=LIVE,
    )  # fmt: skip


@post("/ui/webhooks/{webhook:str}/redeliver", guards=_OPERATE)
async def redeliver(webhook: FromPath[str], request: Asking, site: There) -> Answer:
    """Send those that were chosen again, each under its id."""
    ids, asker = (await chosen(request, "id"))[:SELECTED_MAX], viewer(request)
    for one in ids:
        path = f"/api/webhooks/{webhook}/deliveries/{one}/redeliver"
        await site.api.send(asker, "POST", path)
    said = f"{len(ids)} in line again" if ids else "nothing was chosen"
    return done(request, site, said, f"/webhooks/{webhook}", "Sent again" if ids else "Choose some")


@get(["/webhooks/{webhook:str}/again", "/ui/webhooks/{webhook:str}/again"], guards=_OPERATE)
async def again(webhook: FromPath[str], request: Asking, site: There) -> Answer:
    """How much would be sent again, before it is."""
    asker, query = viewer(request), request.query_params
    shown = await site.api.get(asker, f"/api/webhooks/{webhook}")
    since = since_of(site, query.get("within", ""))
    failed = query.get("failed_only", "") == "yes"
    many = await _counted(site, asker, shown, since, failed=failed)
    what = "that was given up or skipped" if failed else "that this webhook asks for"
    when = f"since {since[:16]} UTC" if query.get("within", "") in SPANS else "ever"
    told = (
        f"{many}: what happened {when}, as far as it is kept, {what}.",
        "Each goes under the id it had, at most 100 a second; it can be stopped.",
    )
    hidden = {"since": since, "failed_only": "yes" if failed else ""}
    action = f"/ui/webhooks/{shown['id']}/replay"
    return asked(request, site, Question(
        f"Send again to {shown['name']}?", told, action, "Send again",
        f"/webhooks/{shown['id']}", hidden=hidden,
    ))  # fmt: skip


async def _counted(site: Site, asker: Viewer, shown: Document, since: str, *, failed: bool) -> str:
    """How many, as far as one may look for it; in words."""
    path = f"/api/webhooks/{shown['id']}/deliveries" if failed else "/api/events"
    query: Document = {"since": since, "limit": COUNTED}
    if not failed:
        query["types"] = list(shown["event_filter"]["event_types"]) or ""
    found = set[str]()
    for _ in range(COUNTED_PAGES):
        answer = await site.api.get(asker, path, query)
        for one in answer.get("deliveries", ()):
            if one["result"] in ("dead", "skipped"):
                found.add(one["delivery"])
        found |= {one["id"] for one in answer.get("events", ())}
        query["cursor"] = answer["cursor"]
        if not answer["cursor"]:
            return f"{len(found)} in all"
    return f"More than {len(found)}"


def since_of(site: Site, span: str) -> str:
    """When a span began; the beginning of time for none that we know."""
    begun = site.clock.now_ms() - SPANS[span] * 60_000 if span in SPANS else 0
    return instant(begun)


@post("/ui/webhooks/{webhook:str}/replay", guards=_OPERATE)
async def replay(webhook: FromPath[str], request: Asking, site: There) -> Answer:
    """Send what happened since then again, as a job; `stop` stops it."""
    given, asker, path = await form(request), viewer(request), f"/api/webhooks/{webhook}/replay"
    if given.get("stop"):
        await site.api.delete(asker, path)
        return done(request, site, "no more is put in line", f"/webhooks/{webhook}", "Stopped")
    body = {"since": given.get("since", ""), "failed_only": given.get("failed_only") == "yes"}
    await site.api.send(asker, "POST", path, body)
    return done(request, site, "a job puts them in line", f"/webhooks/{webhook}", "Sending again")


ROUTES = (webhook, redeliver, again, replay)
