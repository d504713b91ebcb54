"""`orchestra agent inspect | why | select`: how an agent is, and who gets a task."""

import click

from orchestra.cli.agent_shapes import (
    Attempt,
    Events,
    Health,
    Performance,
    Selection,
    Told,
)
from orchestra.cli.client import Client, segment
from orchestra.cli.options import json_object_of, remote
from orchestra.cli.printing import (
    as_text,
    console,
    milliseconds,
    plain,
    print_document,
    print_json,
    shortened,
    status,
    table,
)
from orchestra.cli.shapes import Agent, members

EVENTS_SHOWN = 10


@click.command("inspect")
@click.argument("agent_id", metavar="AGENT")
@click.option("--window", metavar="TIME", default="1h", show_default=True, help="Such as 15m, 24h.")
@remote
def inspect(client: Client, agent_id: str, window: str, as_json: bool) -> None:
    """Show how one agent is, why, what it did, and what happened to it.

    \b
    Examples:
      orchestra agent inspect text_processor-builtin
      orchestra agent inspect gpt-mini --window 24h
    """
    at = f"/api/agents/{segment(agent_id)}"
    shown = client.get(at)
    health = client.get(f"{at}/health")
    did = client.get(f"{at}/performance", window=window)
    happened = client.get(f"{at}/events")
    if as_json:
        answers = {"agent": shown, "health": health, "performance": did, "events": happened}
        print_document({name: one.read(dict[str, object]) for name, one in answers.items()})
        return
    print_health(shown.read(Agent), health.read(Health))
    print_performance(did.read(Performance))
    print_events(happened.read(Events))


def print_health(agent: Agent, health: Health) -> None:
    """A line a fact; what does not apply is left out."""
    rows = table("agent", plain(agent.name))
    rows.add_row("type", plain(agent.agent_type))
    rows.add_row("provider", agent.provider)
    rows.add_row("status", status(health.status))
    rows.add_row("because", plain(health.reason))
    if health.since:
        rows.add_row("since", health.since[:19].replace("T", " "))
    if health.slots.max is not None:
        rows.add_row("load", f"{health.slots.in_use or 0} of {health.slots.max} tasks")
    if health.check.last:
        last = health.check.last
        told = f"{last.get('outcome')} {last.get('message') or ''} in {last.get('duration_ms')} ms"
        rows.add_row("last check", plain(told))
    if health.heartbeat.mode != "none":
        age = "never" if health.heartbeat.age_s is None else f"{health.heartbeat.age_s:.0f} s ago"
        rows.add_row("heartbeat", f"{age}{', late' if health.heartbeat.late else ''}")
    if health.breaker and health.breaker.state != "closed":
        failures = health.breaker.failures_in_row
        rows.add_row("breaker", f"{health.breaker.state}, {failures} failures in a row")
    if health.gate and health.gate.closed:
        rows.add_row("closed", f"for another {milliseconds(health.gate.wait_ms)}")
    console().print(rows)


def print_performance(did: Performance) -> None:
    """What it did; one line when it did nothing."""
    out = console()
    if not did.tasks:
        out.print(f"\nNo tasks in the last {did.window}.")
        return
    rows = table(f"last {did.window}", "")
    share = "–" if did.success_rate is None else f"{did.success_rate:.1%}"
    rows.add_row("tasks", f"{did.tasks}, {share} well")
    bad = did.outcomes.failed + did.outcomes.unknown
    if bad or did.outcomes.cancelled:
        told = f"{did.outcomes.failed} failed, {did.outcomes.unknown} unknown"
        rows.add_row("not well", f"{told}, {did.outcomes.cancelled} cancelled")
    spread = did.duration_ms
    rows.add_row("takes", f"{_ms(spread.p50)} in the middle, {_ms(spread.p95)} for 95 of 100")
    if did.first_token_ms.p50 is not None:
        rows.add_row("first token", _ms(did.first_token_ms.p50))
    if did.tokens.input or did.tokens.output:
        rows.add_row("tokens", f"{did.tokens.input} in, {did.tokens.output} out")
    if did.cost_usd is not None:
        rows.add_row("cost", f"${did.cost_usd:.4f}")
    out.print()
    out.print(rows)


def print_events(happened: Events) -> None:
    """The newest, newest last."""
    if not happened.items:
        return
    rows = table("at", "event", "")
    for one in happened.items[-EVENTS_SHOWN:]:
        facts = "  ".join(f"{name}={as_text(value)}" for name, value in one.data.items())
        rows.add_row(one.at[:19].replace("T", " "), plain(one.type), shortened(facts, 70))
    console().print()
    console().print(rows)


@click.command("select")
@click.argument("agent_type", metavar="TYPE")
@click.argument("capability", metavar="[CAPABILITY]", required=False)
@click.option("--data", metavar="JSON|@FILE", help="The input, as an object.")
@click.option("--strategy", metavar="NAME", help="least_load, ewma, cheapest, affinity.")
@click.option("--session", metavar="ID", help="For stickiness.")
@remote
def select(
    client: Client, agent_type: str, capability: str | None, as_json: bool, **how: str | None
) -> None:
    """Tell which agent would get a task now, and why not the others. Nothing is called.

    \b
    Examples:
      orchestra agent select text_processor sentiment_analysis
    """
    given = {"strategy": how["strategy"], "session_id": how["session"], "capability": capability}
    body: dict[str, object] = {"agent_type": agent_type}
    body["input_data"] = json_object_of(how["data"], "--data")
    body |= {name: value for name, value in given.items() if value is not None}
    answer = client.post("/api/agents/select", body)
    if as_json:
        print_json(answer.body)
        return
    found = answer.read(Selection)
    rows = table("name", "reason", "tier", "load", "latency ms")
    for one in found.agents:
        load = "–" if one.max is None else f"{one.in_flight or 0}/{one.max}"
        name = f"→ {one.agent}" if one.agent == found.chosen else f"  {one.agent}"
        rows.add_row(
            plain(name), plain(one.reason), _or_dash(one.tier), load, _or_dash(one.latency_ms)
        )
    out = console()
    out.print(rows if found.agents else f"No agents of type {plain(agent_type)}.")
    if found.chosen is None:
        wait = found.retry_after_ms
        out.print("Nobody now." if wait is None else f"Nobody for another {milliseconds(wait)}.")
        raise SystemExit(1)


@click.command("why")
@click.argument("task_id", metavar="TASK")
@remote
def why(client: Client, task_id: str, as_json: bool) -> None:
    """Tell who did a task, who was tried before, and why.

    Kept for an hour is what was streamed, went on without its caller, or had an Idempotency-Key;
    for a task that is waited for, see `execute --explain`.

    \b
    Examples:
      orchestra agent why tsk_019ab12e-5b21-7d44-93ab-2c7f6e1d0845
    """
    answer = client.get(f"/api/agents/tasks/{segment(task_id)}")
    if as_json:
        print_json(answer.body)
        return
    task = answer.read(Told)
    out = console()
    out.print(status(task.status))
    if task.error is not None:
        out.print(plain(f"{task.error.code}: {task.error.message}"))
    print_attempts(task.attempts)


def print_attempts(attempts: tuple[Attempt, ...]) -> None:
    """Each call: who, how it ended, how long it took, and what the choice was."""
    if not attempts:
        console().print("No agent was called yet.")
        return
    rows = table("try", "name", "outcome", "waited", "took", "why")
    for one in attempts:
        rows.add_row(
            str(one.n),
            plain(one.agent),
            plain(f"{one.outcome} {one.error.code if one.error else ''}".strip()),
            milliseconds(one.queue_ms),
            milliseconds(one.duration_ms),
            plain(reason_of(one)),
        )
    console().print(rows)


def reason_of(attempt: Attempt) -> str:
    """The choice in words."""
    why, parts = attempt.why, list[str]()
    if strategy := why.get("strategy"):
        parts.append(f"{strategy} of {why.get('eligible', '?')}")
    skipped = members(why.get("skipped"))
    parts += [f"{count} {reason}" for reason, count in skipped.items() if count]
    if why.get("fallback_of"):
        parts.append(f"fallback of {why['fallback_of']}")
    return ", ".join(parts)


def _ms(value: float | None) -> str:
    return "–" if value is None else milliseconds(round(value))


def _or_dash(value: float | None) -> str:
    return "–" if value is None else f"{value:g}"
