"""A rule tried on what was measured: its figures with the limit drawn in, and when it had fired."""

from typing import Any, Final

from orchestra.dashboard.asking import Refused, Viewer
from orchestra.dashboard.kinds import many_of
from orchestra.dashboard.site import Site
from orchestra.dashboard.watching.charts import Limit
from orchestra.dashboard.watching.figures import Chart, Wish, chart
from orchestra.dashboard.watching.panels import Ask, Panel
from orchestra.dashboard.watching.ranges import DAY_S, HOUR_S, STEPS, Span
from orchestra.dashboard.wording import at_ms

SPANS: Final = {"1h": HOUR_S, "6h": 6 * HOUR_S, "24h": DAY_S, "7d": 7 * DAY_S, "30d": 30 * DAY_S}
UNITS: Final = {"s": 1, "m": 60, "h": HOUR_S, "d": DAY_S, "w": 7 * DAY_S}
POINTS_MAX: Final = 360
SERIES_MAX: Final = 6

Document = dict[str, Any]


async def tried(site: Site, asker: Viewer, body: Document, span: str) -> Document:
    """What would have been said in the last `span`. Raises Refused with every finding."""
    span = span if span in SPANS else "24h"
    question = {**body, "from": f"-{span}", "to": "now"}
    test = await site.api.send(asker, "POST", "/api/alerts/rules/test", question)
    drawn = await pictured(site, asker, body, test["episodes"], SPANS[span])
    return {"test": test, "chart": drawn, "span": span, "name": body.get("name", "")}


async def pictured(
    site: Site, asker: Viewer, rule: Document, episodes: list[Document], length_s: int,
) -> Chart | None:  # fmt: skip
    """The figures a rule looks at, its limit, and when it fired; None where there are none."""
    if not rule.get("metric"):
        return None
    now_ms = site.clock.now_ms()
    step_s = _step(rule, length_s)
    span = Span("", now_ms - length_s * 1_000, now_ms, step_s)
    bands = tuple(
        (at_ms(one["fired_at"]), at_ms(one["resolved_at"]) if one["resolved_at"] else now_ms, "red")
        for one in episodes[:100]
    )
    where = _flat(rule.get("where") or {})
    agg = rule.get("agg") or ("ratio" if rule.get("kind") == "burn_rate" else "")
    of = _flat(rule.get("of") or {}) if agg == "ratio" else ()
    ask = Ask(rule["metric"], agg, tuple(rule.get("by") or ()), where, of)
    try:
        about = await site.api.get(asker, f"/api/metrics/{rule['metric']}")
    except Refused:
        return None
    unit = "ratio" if agg == "ratio" else about["unit"] or "count"
    panel = Panel("tried", f"{agg or 'Value'} of {rule['metric']}", (ask,), unit)
    drawn = await chart(site, asker, panel, Wish(span, False, _limits(rule), bands, SERIES_MAX))
    return drawn if drawn.picture is not None else None


def _limits(rule: Document) -> tuple[Limit, ...]:
    """Where it strikes, and where it is well again; only of rules about the value itself."""
    threshold, recover = rule.get("threshold"), rule.get("recover")
    if rule.get("kind", "threshold") != "threshold" or not isinstance(threshold, int | float):
        return ()
    limits = [Limit(float(threshold), "fires at", "red")]
    if isinstance(recover, int | float) and recover != threshold:
        limits.append(Limit(float(recover), "well at", "green"))
    return tuple(limits)


def _step(rule: Document, length_s: int) -> int:
    """That of the window it looks at, as far as a chart can show it."""
    window = seconds(str(rule.get("window", "5m")))
    least = max(window, length_s // POINTS_MAX)
    return next((step for step in STEPS if step >= least), STEPS[-1])


def seconds(text: str) -> int:
    """Those of `5m`; 300 for what is none."""
    number, unit = text[:-1], text[-1:]
    if unit in UNITS and number.isascii() and number.isdigit() and len(number) < 8:
        return int(number) * UNITS[unit]
    return int(text) if text.isascii() and text.isdigit() and len(text) < 8 else 300


def _flat(given: Document) -> tuple[str, ...]:
    return tuple(f"{label}:{one}" for label, many in given.items() for one in many_of(many))
