"""`/monitoring` and `/logs`: figures over time, and what all processes logged."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import anyio
import msgspec
from litestar import get

from orchestra.dashboard.asking import Viewer
from orchestra.dashboard.charts import Columns, columns
from orchestra.dashboard.filters import Filtered
from orchestra.dashboard.site import Answer, Asking, Site, There, viewer
from orchestra.dashboard.wording import count, day, duration, size
from orchestra.errors import OrchestraError
from orchestra.security import Permission, requires

LINES: Final = 100
RANGES: Final[Mapping[str, str]] = {
    "15m": "10s", "1h": "60s", "6h": "300s", "24h": "600s", "7d": "3600s", "30d": "10800s",
}  # fmt: skip
LEVELS: Final = ("debug", "info", "warning", "error")
_METRICS: Final = [requires(Permission.METRICS_READ)]
_LOGS: Final = [requires(Permission.LOGS_READ)]

Document = dict[str, Any]


class Panel(msgspec.Struct, frozen=True):
    """A chart: which metric, how it is gathered, what its figures are."""

    title: str
    metric: str
    agg: str
    unit: str = "count"
    by: str = ""
    where: str = ""


PANELS: Final = (
    Panel("Executions that ended", "orchestra_executions_total", "increase", by="outcome"),
    Panel("Duration of executions, p95", "orchestra_execution_seconds", "p95", "seconds"),
    Panel("Events", "orchestra_events_total", "increase"),
    Panel("Requests over HTTP", "orchestra_http_requests_total", "increase", by="status"),
    Panel("Answers over HTTP, p95", "orchestra_http_seconds", "p95", "seconds"),
    Panel("Waiting in queues", "orchestra_queue_depth", "last"),
    Panel("Loop lag, p95", "orchestra_loop_lag_seconds", "p95", "seconds"),
    Panel("Memory of the store", "orchestra_store_memory_bytes", "last", "bytes"),
)


@get("/monitoring", guards=_METRICS)
async def monitoring(request: Asking, site: There) -> Answer:
    """The charts."""
    asker = viewer(request)
    range_ = request.query_params.get("range", "1h")
    range_ = range_ if range_ in RANGES else "1h"
    found: dict[str, Document] = {}
    async with anyio.create_task_group() as group:
        for panel in PANELS:
            group.start_soon(_measure, site, asker, panel, range_, found)
    made = [found[panel.title] for panel in PANELS]
    return site.page(
        request, "pages/monitoring.html", panels=made, range=range_, ranges=list(RANGES),
        live="metrics",
    )  # fmt: skip


async def _measure(
    site: Site, asker: Viewer, panel: Panel, range_: str, into: dict[str, Document]
) -> None:
    query = {
        "metric": panel.metric, "agg": panel.agg, "by": panel.by or ",", "from": f"-{range_}",
        "step": RANGES[range_], "limit": 8,
    }  # fmt: skip
    made: Document = {"title": panel.title, "metric": panel.metric, "series": [], "problem": ""}
    into[panel.title] = made
    try:
        answer = await site.api.get(asker, "/api/metrics/query", query)
    except OrchestraError as error:
        made["problem"] = error.detail
        return
    made |= {"from": answer["from"], "to": answer["to"], "step_s": answer["step_s"]}
    for series in answer["series"]:
        values: Sequence[float | None] = series["values"]
        name = ", ".join(str(value) for value in series["labels"].values()) or panel.title
        made["series"].append({"name": name, "values": values, **_told(values, panel.unit)})
    made["data"] = {
        "from": answer["from"], "step_s": answer["step_s"], "unit": panel.unit,
        "kind": "bar" if panel.agg == "increase" else "line",
        "series": [{"name": one["name"], "values": one["values"]} for one in made["series"]],
    }  # fmt: skip
    made["label"] = "; ".join(
        f"{one['name']}: last {one['last']}, highest {one['highest']}" for one in made["series"]
    )
    total = _added([one["values"] for one in made["series"]])
    chart = Columns(total, day(answer["from"])[5:16], day(answer["to"])[5:16], made["label"])
    made["picture"] = columns(chart)


def _told(values: Sequence[float | None], unit: str) -> dict[str, str]:
    known = [value for value in values if value is not None]

    def show(number: float) -> str:
        if unit == "seconds":
            return duration(number * 1_000)
        return size(number) if unit == "bytes" else count(number)

    return {
        "last": show(known[-1]) if known else "–",
        "lowest": show(min(known)) if known else "–",
        "highest": show(max(known)) if known else "–",
    }


def _added(rows: Sequence[Sequence[float | None]]) -> list[float | None]:
    """Series on top of each other; a place where none has a value has none."""
    return [
        sum(known) if (known := [value for value in place if value is not None]) else None
        for place in zip(*rows, strict=True)
    ]


@get("/logs", guards=_LOGS)
async def logs(request: Asking, site: There) -> Answer:
    """Lines that match, the newest first."""
    asker = viewer(request)
    listed = Filtered(
        "/api/logs/search", ("q", "from", "to"), request.query_params, {"limit": LINES}
    )
    await listed.ask(site, asker)
    histogram = await _histogram(site, asker, listed)
    return site.page(
        request, "pages/logs.html", listed=listed, histogram=histogram, levels=LEVELS, live="logs"
    )


async def _histogram(site: Site, asker: Viewer, listed: Filtered) -> object:
    kept = {name: value for name, value in listed.query.items() if name not in listed.wrong}
    try:
        answer = await site.api.get(asker, "/api/logs/histogram", {**kept, "buckets": 60})
    except OrchestraError:
        return ""
    buckets: Sequence[Document] = answer["buckets"]
    values = [float(sum(one[level] for level in LEVELS)) for one in buckets]
    told = f"{count(sum(values))} lines, in {len(values)} parts of the time that is shown"
    return columns(Columns(values, day(answer["from"])[5:16], day(answer["to"])[5:16], told))


ROUTES = (monitoring, logs)
