"""`/monitoring`: charts of everything, any series by hand, and how the services are."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from litestar import Response, get
from litestar.params import FromPath

from orchestra.dashboard.asking import Viewer
from orchestra.dashboard.site import Answer, Asking, Site, There, viewer
from orchestra.dashboard.watching.exploring import explored
from orchestra.dashboard.watching.figures import Wish, begin_ms, chart, charts
from orchestra.dashboard.watching.panels import BY_KEY, SECTIONS
from orchestra.dashboard.watching.ranges import NAMED, Span, field, span_of
from orchestra.dashboard.watching.services import services
from orchestra.errors import NotFound
from orchestra.instants import instant
from orchestra.security import Permission, requires

TABS: Final = ("charts", "explore", "services")
ALWAYS: Final = "memory"
"""The chart that has figures since the installation is there."""
FORMULA: Final = ("=", "+", "-", "@", "\t")
_READ: Final = [requires(Permission.METRICS_READ)]

Document = dict[str, Any]


@get("/monitoring", guards=_READ)
async def monitoring(request: Asking, site: There) -> Answer:
    """The page, with the tab that is asked for."""
    given = request.query_params
    tab = given.get("tab", "explore" if given.get("metric") else "charts")
    tab = tab if tab in TABS else "charts"
    context = await _seen(request, site, tab)
    return site.page(request, f"pages/{_template(tab)}.html", live="metrics", **context)


@get("/ui/monitoring", guards=_READ)
async def fresh(request: Asking, site: There) -> Answer:
    """The charts alone, for a page that shows them."""
    given = request.query_params
    tab = "explore" if given.get("metric") else "charts"
    context = await _seen(request, site, tab)
    return site.fragment(request, f"parts/{_template(tab)}_charts.html", **context)


def _template(tab: str) -> str:
    return "monitoring" if tab == "charts" else tab


async def _seen(request: Asking, site: Site, tab: str) -> Document:
    asker, given = viewer(request), request.query_params
    if tab == "services":
        return {"tab": tab, **await services(site, asker)}
    span, wrong = span_of(given, site.clock.now_ms())
    wish = Wish(span, before=given.get("before") == "yes")
    if tab == "explore":
        found, query = await explored(site, asker, list(given.multi_items()), wish)
        return {"tab": tab, "span": span, "bar": _bar(wish, wrong, query), **found}
    if not {"range", "from", "to"} & given.keys():
        oldest = await chart(site, asker, BY_KEY[ALWAYS], wish)
        span = span.shorter(begin_ms([oldest]))
        wish = msgspec.structs.replace(wish, span=span)
    made = await charts(site, asker, list(BY_KEY.values()), wish)
    begin = begin_ms(made.values())
    bar = _bar(wish, wrong, []) | {"begin": span.late(begin)}
    return {"tab": tab, "span": span, "bar": bar, "sections": SECTIONS, "charts": made}


def _bar(wish: Wish, wrong: Mapping[str, str], query: Sequence[tuple[str, str]]) -> Document:
    """What stands above the charts. `query`: what a change of the range keeps."""
    span, before = wish.span, [("before", "yes")]
    kept = [*query, *(before if wish.before else [])]
    other = [*query, *([] if wish.before else before), *span.query.items()]
    return {
        "ranges": [
            (name, f"/monitoring?{urlencode([*kept, ('range', name)])}", name == span.name)
            for name in NAMED
        ],
        "before": wish.before,
        "before_href": f"/monitoring?{urlencode(other)}",
        "hidden": kept,
        "wrong": wrong,
        "from": field(span.from_ms),
        "to": field(span.to_ms),
        "begin": "",
        "fresh": f"/ui/monitoring?{urlencode([*kept, *span.query.items()])}" if span.name else "",
    }


@get("/ui/monitoring/{key:str}/csv", guards=_READ)
async def table(key: FromPath[str], request: Asking, site: There) -> Response[str]:
    """A chart as a file: a line for each step, a column for each series."""
    panel = BY_KEY.get(key)
    if panel is None:
        raise NotFound("there is no chart of this name")
    span, _ = span_of(request.query_params, site.clock.now_ms())
    return csv_of(panel.key, (await _chart(site, viewer(request), key, span)))


async def _chart(site: Site, asker: Viewer, key: str, span: Span) -> Document:
    return (await chart(site, asker, BY_KEY[key], Wish(span, series=100))).data


def csv_of(name: str, data: Document) -> Response[str]:
    """Series as a file. A name that a spreadsheet would take for a formula gets a quote."""
    made = io.StringIO()
    writer = csv.writer(made)
    series = data.get("series", [])
    names = [str(one["name"]) for one in series]
    writer.writerow(["time", *(f"'{one}" if one.startswith(FORMULA) else one for one in names)])
    for i in range(max((len(one["values"]) for one in series), default=0)):
        values = [one["values"][i] if i < len(one["values"]) else None for one in series]
        at = instant(int(data["from"] + i * data["step"]))
        writer.writerow([at, *("" if value is None else value for value in values)])
    headers = {"content-disposition": f'attachment; filename="{name}.csv"'}
    return Response(made.getvalue(), media_type="text/csv", headers=headers)


ROUTES = (monitoring, fresh, table)
