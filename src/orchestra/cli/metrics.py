"""`orchestra metrics`: what was measured, over time; and everything at a glance."""

from typing import Any

import click
import msgspec

from orchestra.cli.client import Client
from orchestra.cli.options import remote
from orchestra.cli.printing import console, plain, print_json, table

BARS = "▁▂▃▄▅▆▇█"
WIDTH = 40
NOTHING = "-"

Values = tuple[float | None, ...]


class Shown(msgspec.Struct, frozen=True):
    """A metric in the list."""

    name: str
    type: str
    series: int
    unit: str | None = None


class Metrics(msgspec.Struct, frozen=True):
    """The list."""

    metrics: tuple[Shown, ...]


class Series(msgspec.Struct, frozen=True):
    """Values of one series."""

    labels: dict[str, str]
    values: Values


class Answer(msgspec.Struct, frozen=True):
    """What was asked for."""

    metric: str
    agg: str | None
    step_s: int
    series: tuple[Series, ...]
    unit: str | None = None
    others: Series | None = None
    bounded: dict[str, Any] | None = None


class Glance(msgspec.Struct, frozen=True):
    """The overview, as far as it is printed."""

    status: str
    window: str
    executions: dict[str, Any] | None = None
    agents: dict[str, Any] | None = None
    queues: dict[str, Any] | None = None
    usage: dict[str, Any] | None = None
    system: dict[str, Any] | None = None
    failing: tuple[dict[str, Any], ...] | None = None
    services: tuple[dict[str, Any], ...] = ()


@click.group()
def metrics() -> None:
    """Ask what was measured.

    \b
    Examples:
      orchestra metrics top
      orchestra metrics list
      orchestra metrics query orchestra_step_seconds --agg p95 --by workflow
    """


@metrics.command("list")
@remote
def list_metrics(client: Client, as_json: bool) -> None:
    """List the metrics there are.

    \b
    Examples:
      orchestra metrics list
    """
    answer = client.get("/api/metrics/")
    if as_json:
        print_json(answer.body)
        return
    rows = table("metric", "type", "unit", "series")
    found = answer.read(Metrics).metrics
    for one in found:
        rows.add_row(plain(one.name), one.type, plain(one.unit or NOTHING), str(one.series))
    console().print(rows if found else "Nothing was measured yet.")


@metrics.command("query")
@click.argument("metric")
@click.option("--agg", help="As rate, increase, avg, max, last, p95. By default what suits it.")
@click.option("--by", help="Labels, with commas: one line for each of their values.")
@click.option("--where", multiple=True, metavar="LABEL:VALUE", help="Only these; repeatable.")
@click.option("--of", metavar="LABEL:VALUE", help="The part, with --agg ratio.")
@click.option("--since", default="1h", show_default=True, help="As 10m, 1h, 7d.")
@click.option("--step", default="auto", show_default=True, help="As 10s, 1m, 1h.")
@click.option("--limit", type=click.IntRange(1, 100), default=20, show_default=True)
@remote
def query(client: Client, metric: str, as_json: bool, **given: Any) -> None:
    """Show values of a metric over time.

    \b
    Examples:
      orchestra metrics query orchestra_executions_total --agg increase --by outcome
      orchestra metrics query orchestra_steps_total --agg ratio --of outcome:failed --by workflow
    """
    parameters = {
        "metric": metric,
        "agg": given["agg"],
        "by": given["by"],
        "where": ",".join(given["where"]) or None,
        "of": given["of"],
        "from": f"-{given['since']}",
        "step": given["step"],
        "limit": given["limit"],
    }
    answer = client.get("/api/metrics/query", **{k: v for k, v in parameters.items() if v})
    if as_json:
        print_json(answer.body)
        return
    found = answer.read(Answer)
    rows = table("labels", "last", "greatest", f"{found.agg or ''} each {found.step_s} s")
    every = [(_labels(one.labels), one) for one in found.series]
    every += [("(others)", found.others)] if found.others else []
    for name, one in every:
        there = [value for value in one.values if value is not None]
        last, most = (_number(there[-1]), _number(max(there))) if there else (NOTHING, NOTHING)
        rows.add_row(plain(name), last, most, _line(one.values))
    console().print(rows if every else "No data.")
    if found.bounded:
        told = ", ".join(f"{name} {value}" for name, value in found.bounded.items())
        console().print(plain(f"Bounded: {told}"))


@metrics.command("top")
@click.option("--window", default="1h", show_default=True, help="As 10m, 1h, 24h.")
@remote
def top(client: Client, window: str, as_json: bool) -> None:
    """Show everything at a glance.

    \b
    Examples:
      orchestra metrics top --window 24h
    """
    answer = client.get("/api/dashboard/overview", window=window)
    if as_json:
        print_json(answer.body)
        return
    glance = answer.read(Glance)
    rows = table("", glance.status)
    for name in ("executions", "agents", "queues", "usage", "system"):
        part: dict[str, Any] = getattr(glance, name) or {}
        told = [f"{key} {_said(value)}" for key, value in part.items() if not _nested(value)]
        rows.add_row(name, plain("  ".join(told) or "not known"))
    for service in glance.services:
        if service.get("status") != "healthy":
            told_of = f"{service.get('status')}: {service.get('detail') or ''}"
            rows.add_row(plain(str(service.get("name"))), plain(told_of))
    for one in glance.failing or ():
        rows.add_row("failing", plain(f"{one['workflow']}: {one['failed']} of {one['of']}"))
    console().print(rows)


def _nested(value: object) -> bool:
    return isinstance(value, list | dict)


def _said(value: object) -> str:
    return NOTHING if value is None else _number(value) if isinstance(value, float) else str(value)


def _labels(labels: dict[str, str]) -> str:
    return " ".join(f"{name}={value}" for name, value in labels.items()) or "(all)"


def _number(value: float) -> str:
    return f"{value:.4g}"


def _line(values: Values) -> str:
    """A small picture: a bar for each value, a gap where there is none."""
    shown = _fewer(values)
    there = [value for value in shown if value is not None]
    if not there:
        return ""
    low, high = min(0.0, *there), max(there)
    scale = (len(BARS) - 1) / (high - low) if high > low else 0.0
    return "".join(" " if v is None else BARS[round((v - low) * scale)] for v in shown)


def _fewer(values: Values) -> list[float | None]:
    """At most 40 of them: the greatest of those that fall together."""
    size = -(-len(values) // WIDTH) or 1
    parts = [values[i : i + size] for i in range(0, len(values), size)]
    return [max((v for v in part if v is not None), default=None) for part in parts]
