"""`orchestra analytics`: where time and money go, and what would save some."""

import click

from orchestra.cli.analytics_shapes import Agents, Costs, Insights, Resting, Workflow
from orchestra.cli.client import Client, segment
from orchestra.cli.options import remote
from orchestra.cli.printing import console, plain, print_json, table

NOTHING = "-"
RANKS = (
    "tasks", "success_rate", "p50_ms", "p95_ms", "p99_ms", "first_token_p50_ms", "tokens",
    "cost_usd", "cost_usd_per_success", "retries", "fallbacks", "uptime",
)  # fmt: skip
WINDOW = click.option("--window", default="30d", show_default=True, help="As 1h, 7d, 30d.")


@click.group()
def analytics() -> None:
    """Show where time and money go.

    \b
    Examples:
      orchestra analytics insights
      orchestra analytics workflow triage --window 7d
      orchestra analytics agents --rank p95_ms
      orchestra analytics costs --by model
    """


@analytics.command("workflow")
@click.argument("workflow")
@WINDOW
@remote
def of_workflow(client: Client, workflow: str, window: str, as_json: bool) -> None:
    """Show how a workflow goes, by its id or name, and its critical path.

    \b
    Examples:
      orchestra analytics workflow triage --window 7d
    """
    answer = client.get(f"/api/analytics/workflows/{segment(workflow)}", window=window)
    if as_json:
        print_json(answer.body)
        return
    found = answer.read(Workflow)
    ends, took, spent = found.executions, found.duration, found.spent
    head = table("", plain(found.name))
    ended = f"{_number(ends['ended'])} ended, {_percent(ends['success_rate'])} succeeded"
    head.add_row("executions", f"{ended} ({found.window})")
    head.add_row(
        "duration", "  ".join(f"{p} {_ms(took[f'{p}_ms'])}" for p in ("p50", "p95", "p99"))
    )
    head.add_row("cost", f"{_usd(spent['cost_usd'])}, {_usd(spent['cost_usd_each'])} each")
    head.add_row("bottleneck", plain(found.critical_path.bottleneck or NOTHING))
    for one in found.failures[:5]:
        where = f"{one.step}: {one.code}" if one.step else one.code
        head.add_row("failed", plain(f"{where} ({one.executions})"))
    head.add_row("steps rest on", _resting(found.profiles))
    console().print(head)
    shares = {one.step: one for one in found.critical_path.steps}
    rows = table("step", "kind", "of the path", "waiting", "p50", "p95", "failed", "again", "cost")
    for step in found.steps:
        on = shares.get(step.step)
        rows.add_row(
            plain(step.step), step.kind, _percent(on.share if on else None),
            _percent(on.waiting if on else None), _ms(step.p50_ms), _ms(step.p95_ms),
            str(step.failed), str(step.retried), _usd(step.cost_usd),
        )  # fmt: skip
    if found.steps:
        console().print(rows)


@analytics.command("agents")
@WINDOW
@click.option("--rank", type=click.Choice(RANKS), default="tasks", show_default=True)
@remote
def of_agents(client: Client, window: str, rank: str, as_json: bool) -> None:
    """Rank agents by what they did, how well, how quickly, for how much.

    \b
    Examples:
      orchestra analytics agents --rank cost_usd_per_success
    """
    answer = client.get("/api/analytics/agents", window=window, rank=rank)
    if as_json:
        print_json(answer.body)
        return
    found = answer.read(Agents).agents
    rows = table("agent", "tasks", "success", "p50", "p95", "tokens", "cost", "a success")
    for one in found:
        rows.add_row(
            plain(one.agent), str(one.tasks), _percent(one.success_rate), _ms(one.p50_ms),
            _ms(one.p95_ms), _number(one.tokens), _usd(one.cost_usd),
            _usd(one.cost_usd_per_success),
        )  # fmt: skip
    console().print(rows if found else "No agent did anything.")


@analytics.command("costs")
@WINDOW
@click.option(
    "--by",
    type=click.Choice(("workflow", "agent", "model", "day", "tenant")),
    default="workflow",
    show_default=True,
)
@remote
def of_costs(client: Client, window: str, by: str, as_json: bool) -> None:
    """Show what was spent on what.

    \b
    Examples:
      orchestra analytics costs --by model --window 7d
    """
    answer = client.get("/api/analytics/costs", window=window, by=by)
    if as_json:
        print_json(answer.body)
        return
    found = answer.read(Costs)
    rows = table(by, "cost", "share", "tokens")
    for one in found.lines:
        name = plain(one.key if one.key is not None else "(unknown)")
        rows.add_row(name, _usd(one.cost_usd), _percent(one.share), _number(one.tokens))
    rows.add_row("(all)", _usd(found.cost_usd), "", _number(found.tokens))
    console().print(rows if found.lines else "Nothing was spent.")
    if found.unpriced is not None and found.unpriced.steps:
        told = f"{found.unpriced.tokens} tokens of {found.unpriced.steps} steps"
        console().print(f"Not in it: {told}, whose price nobody knows.")


@analytics.command("insights")
@WINDOW
@click.option("--workflow", help="Only of this one, by its id or name.")
@remote
def of_insights(client: Client, window: str, workflow: str | None, as_json: bool) -> None:
    """Show what would save most, the largest saving first.

    \b
    Examples:
      orchestra analytics insights --workflow triage
    """
    named = {"workflow": workflow} if workflow else {}
    answer = client.get("/api/analytics/insights", window=window, **named)
    if as_json:
        print_json(answer.body)
        return
    found = answer.read(Insights)
    rows = table("saves", "sure", "workflow", "what")
    for one in found.insights:
        parts = [_ms(one.saves.ms)] if one.saves.ms is not None else []
        parts += [_usd(one.saves.cost_usd)] if one.saves.cost_usd is not None else []
        saved = " ".join(parts) or NOTHING
        rows.add_row(saved, _percent(one.confidence), plain(one.name), plain(one.text))
    console().print(rows if found.insights else "Nothing to tell yet.")
    console().print(f"Rests on {_resting(found.profiles)}.")


def _resting(one: Resting) -> str:
    of = f" of {one.of}" if one.of is not None else ""
    return f"{one.executions}{of} executions" + (", a sample" if one.sampled else "")


def _number(value: float | None) -> str:
    return NOTHING if value is None else f"{value:g}" if value < 1e6 else f"{value:.0f}"


def _percent(share: float | None) -> str:
    return NOTHING if share is None else f"{share:.1%}"


def _ms(value: float | None) -> str:
    if value is None:
        return NOTHING
    return f"{value:.0f} ms" if value < 10_000 else f"{value / 1_000:.1f} s"


def _usd(value: float | None) -> str:
    if value is None:
        return NOTHING
    return f"${value:.2f}" if value >= 1 else f"${value:.6f}"
