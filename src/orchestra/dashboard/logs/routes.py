"""`/logs`: the page, its lines alone for who follows, one line with what is around it."""

from typing import Any, Final
from urllib.parse import urlencode

from litestar import get

from orchestra.dashboard.asking import Viewer
from orchestra.dashboard.filters import Filtered
from orchestra.dashboard.logs.lines import (
    LEVELS,
    fields,
    levels_in,
    mark,
    shown,
    with_level,
    without_level,
)
from orchestra.dashboard.site import Answer, Asking, Site, There, by_htmx, viewer
from orchestra.dashboard.watching.charts import Bucket, histogram
from orchestra.dashboard.wording import at_ms, count, day
from orchestra.errors import NotFound, OrchestraError
from orchestra.instants import instant
from orchestra.security import Permission, requires

LINES: Final = 50
AROUND: Final = 20
BUCKETS: Final = 60
BUCKETS_MIN: Final = 15
NAMES: Final = ("q", "from", "to", "order")
RANGES: Final = ("15m", "1h", "6h", "24h", "7d")
TONES: Final = {"error": "red", "warning": "amber", "info": "blue", "debug": "slate"}
_READ: Final = [requires(Permission.LOGS_READ)]

Document = dict[str, Any]


@get("/logs", guards=_READ)
async def logs(request: Asking, site: There) -> Answer:
    """The page."""
    context = await _listed(request, site)
    chosen_span = bool(request.query_params.get("from"))
    context |= await _counted(site, viewer(request), context["listed"], chosen_span)
    return site.page(request, "pages/logs.html", live="logs", **context)


@get("/ui/logs/lines", guards=_READ)
async def lines(request: Asking, site: There) -> Answer:
    """The newest lines, for a page that follows."""
    return site.fragment(request, "parts/log_lines.html", **await _listed(request, site))


async def _listed(request: Asking, site: Site) -> Document:
    given = dict(request.query_params)
    if not given.get("from") and not given.get("cursor"):
        given["from"] = "-1h"
    listed = Filtered("/api/logs/search", NAMES, given, {"limit": LINES})
    await listed.ask(site, viewer(request))
    query = {name: value for name, value in listed.query.items() if value}
    document = listed.document
    found = [shown(one) for one in document.get("lines", ())]
    tail = given.get("tail") == "yes"
    follow = {**query, "tail": "yes"}
    return {
        "listed": listed, "lines": found, "query": query, "tail": tail and not listed.cursor,
        "next": document.get("next_cursor"), "bounded": document.get("bounded", False),
        "scanned": document.get("scanned", {"lines": 0}),
        "fresh": f"/ui/logs/lines?{urlencode(follow)}",
        "follow": f"/logs?{urlencode(follow)}", "still": f"/logs?{urlencode(query)}",
    }  # fmt: skip


async def _counted(site: Site, asker: Viewer, listed: Filtered, chosen_span: bool) -> Document:
    """How many lines of each level there are when, those that are left out by level, too."""
    kept = {name: value for name, value in listed.query.items() if name not in listed.wrong}
    query, span = kept.get("q", ""), {n: kept[n] for n in ("from", "to") if kept.get(n)}
    context: Document = {
        "levels": [], "picture": "", "ranges": RANGES, "here": kept.get("from", "").lstrip("-"),
        "ends": None,
    }  # fmt: skip
    asked = {"q": without_level(query), "buckets": BUCKETS, "from": "-1h", **span}
    try:
        answer = await site.api.get(asker, "/api/logs/histogram", asked)
    except OrchestraError:
        return context
    chosen = levels_in(query)
    buckets: list[Document] = answer["buckets"]
    if not chosen_span:
        buckets = since_the_first(buckets)
    for level in reversed(LEVELS):
        only = chosen == (level,)
        wanted = without_level(query) if only else with_level(query, f"level:{level}")
        href = f"/logs?{urlencode({'q': wanted, **span})}"
        context["levels"].append(
            (level, sum(one[level] for one in buckets), href, level in chosen, TONES[level])
        )
    shown_levels = [level for level in LEVELS if level in chosen] or list(LEVELS)
    told = sum(one[level] for one in buckets for level in shown_levels)
    since = buckets[0]["at"] if buckets else answer["from"]
    label = f"{count(told)} lines from {day(since)} to {day(answer['to'])} UTC"
    drawn = [_bucket(one, answer["step_ms"], query, shown_levels) for one in buckets]
    context |= {"picture": histogram(drawn, label), "ends": (since, answer["to"])}
    return context


def since_the_first(buckets: list[Document]) -> list[Document]:
    """Without those before the first line of all, as a young installation has many. Pure."""
    empty = next((n for n, one in enumerate(buckets) if any(one[level] for level in LEVELS)), 0)
    return buckets[min(empty, max(0, len(buckets) - BUCKETS_MIN)) :]


def _bucket(one: Document, step_ms: float, query: str, levels: list[str]) -> Bucket:
    end = instant(int(at_ms(one["at"]) + step_ms))
    href = f"/logs?{urlencode({'q': query, 'from': one['at'], 'to': end})}"
    parts = [(TONES[level], one[level]) for level in reversed(LEVELS) if level in levels]
    said = ", ".join(f"{one[level]} {level}" for level in reversed(levels) if one[level])
    return Bucket(parts, href, f"{day(one['at'])} UTC: {said or 'nothing'}")


@get("/logs/line", guards=_READ)
async def line(request: Asking, site: There) -> Answer:
    """One line: everything it says, where that leads, and what stands around it."""
    given = request.query_params
    at, wanted = given.get("at", "")[:64], given.get("line", "")[:64]
    if not at:
        raise NotFound("there is no page at this address")
    around = await site.api.get(viewer(request), "/api/logs/context", {"at": at, "n": AROUND})
    both: list[Document] = [*around["before"], *around["after"]]
    chosen = next((one for one in both if mark(one) == wanted), None)
    if chosen is None:
        chosen = next((one for one in both if one.get("ts") == at), None)
    if chosen is None:
        raise NotFound("this line is not kept any more")
    context: Document = {
        "line": shown(chosen), "fields": fields(chosen), "raw": chosen,
        "around": [shown(one) for one in both],
    }  # fmt: skip
    if by_htmx(request):
        return site.fragment(request, "parts/log_drawer.html", **context)
    return site.page(request, "pages/log_line.html", **context)


ROUTES = (logs, lines, line)
