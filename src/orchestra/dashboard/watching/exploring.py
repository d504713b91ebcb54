"""Any series by hand: a metric, what is made of it, by which labels. All of it in the address."""

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlencode

from orchestra.dashboard.asking import Refused, Viewer, is_no_id
from orchestra.dashboard.site import Site
from orchestra.dashboard.watching.figures import Wish, asked, shaped, teller
from orchestra.dashboard.watching.panels import Ask, Panel
from orchestra.errors import NotFound, OrchestraError
from orchestra.instants import instant

TEXT_MAX: Final = 200
FILTERS_MAX: Final = 8
ROWS_MAX: Final = 400
SERIES_MAX: Final = 20
BARS: Final = ("increase", "count")

Document = dict[str, Any]


async def explored(
    site: Site, asker: Viewer, given: Sequence[tuple[str, Any]], wish: Wish
) -> tuple[Document, list[tuple[str, str]]]:
    """What the page shows, and the part of its address that says so."""
    fields = _fields(given)
    known = await site.api.get(asker, "/api/metrics")
    context: Document = {
        "metrics": known["metrics"], "fields": fields, "about": None, "one": None, "rows": [],
        "finding": {}, "export": "",
    }  # fmt: skip
    if not fields["metric"]:
        return context, []
    try:
        if is_no_id("metric", fields["metric"]):
            raise NotFound("there is no metric of this name")
        context["about"] = await site.api.get(asker, f"/api/metrics/{fields['metric']}")
    except OrchestraError as error:
        near: list[str] = error.document.get("near", []) if isinstance(error, Refused) else []
        context["finding"] = {"metric": _near(error.detail, near)}
        return context, _pairs(fields)
    await _drawn(site, asker, wish, context)
    pairs = _pairs(fields)
    span = [(name, str(value)) for name, value in wish.span.asked.items()]
    context["export"] = f"/api/metrics/export?{urlencode([*pairs, *span])}"
    return context, pairs


def _pairs(fields: Document) -> list[tuple[str, str]]:
    found = [("metric", fields["metric"]), ("agg", fields["agg"]), ("by", ",".join(fields["by"]))]
    found += [("where", one) for one in fields["where"]] + [("of", fields["of"])]
    return [(name, value) for name, value in found if value]


def _fields(given: Sequence[tuple[str, Any]]) -> Document:
    """What was typed, cut to what an address may hold."""
    found: Document = {"metric": "", "agg": "", "by": [], "where": [], "of": ""}
    for name, value in given:
        text = str(value).strip()[:TEXT_MAX]
        if not text or name not in found:
            continue
        if name == "by":
            found["by"] += [part for part in text.split(",") if part and part not in found["by"]]
        elif name == "where":
            found["where"] = [*found["where"], text][:FILTERS_MAX]
        else:
            found[name] = text
    return found


async def _drawn(site: Site, asker: Viewer, wish: Wish, context: Document) -> None:
    fields, about = context["fields"], context["about"]
    of = (fields["of"],) if fields["of"] and fields["agg"] == "ratio" else ()
    ask = Ask(fields["metric"], fields["agg"], tuple(fields["by"]), tuple(fields["where"]), of)
    question = {k: v for k, v in asked(ask, wish.span).items() if v} | {"limit": SERIES_MAX}
    if wish.before:
        question["offset"] = wish.span.before
    try:
        answer = await site.api.get(asker, "/api/metrics/query", question)
    except Refused as refused:
        context["finding"] = _findings(refused)
        return
    agg = answer["agg"] or fields["agg"]
    fields["agg"] = agg
    panel = Panel(
        "explored", about["name"], (Ask(ask.metric, agg, ask.by, ask.where, of),),
        answer["unit"] or "count", bars=agg in BARS,
    )  # fmt: skip
    context["one"] = made = shaped(panel, [(ask, answer)], wish)
    context["rows"] = _rows(made.data, panel.unit)


def _findings(refused: Refused) -> Document:
    errors = refused.document.get("errors", ())
    found = {str(one["pointer"]).split("/")[2:3][0]: one["message"] for one in errors
             if str(one["pointer"]).count("/") > 1}  # fmt: skip
    near = refused.document.get("near", [])
    return found or {"metric": _near(refused.detail, near)}


def _near(detail: str, names: Sequence[str]) -> str:
    return f"{detail}: did you mean {', '.join(names[:3])}?" if names else detail


def _rows(data: Document, unit: str) -> list[Document]:
    """Every value, the newest first: what the chart shows to who cannot see it."""
    series, told = data.get("series", []), teller(unit)
    length = max((len(one["values"]) for one in series), default=0)
    found: list[Document] = []
    for i in reversed(range(length)):
        values = [one["values"][i] if i < len(one["values"]) else None for one in series]
        if any(value is not None for value in values):
            found.append(
                {
                    "at": instant(int(data["from"] + i * data["step"])),
                    "values": [told(v) for v in values],
                }
            )
    return found[:ROWS_MAX]
