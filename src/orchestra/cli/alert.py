"""`orchestra alert`: what fires, and who sees to it."""

from typing import Any

import click

from orchestra.cli.alert_rule import rule
from orchestra.cli.client import Client, segment
from orchestra.cli.options import remote
from orchestra.cli.printing import console, plain, print_json, status, table

AT = "/api/alerts/"
ALERT = click.argument("alert_id", metavar="ALERT")
STATES = ("pending", "firing", "recovering", "flapping")
SEVERITIES = ("info", "warning", "critical")


@click.group()
def alert() -> None:
    """See what fires, and say that you see to it. Rules say when something fires.

    \b
    Examples:
      orchestra alert list
      orchestra alert ack alr_...
      orchestra alert rule apply rules.json
    """


@alert.command("list")
@click.option("--state", type=click.Choice(STATES), help="Only those in this state.")
@click.option("--severity", type=click.Choice(SEVERITIES), help="Only of this severity.")
@click.option("--rule", "rule_id", metavar="RULE", help="Only of this rule.")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@remote
def list_alerts(client: Client, as_json: bool, **given: Any) -> None:
    """List alerts that are not ok, those that began last first.

    \b
    Examples:
      orchestra alert list --state firing --severity critical
    """
    given["rule"] = given.pop("rule_id")
    asked = given["rule"] or given["state"] or given["severity"]
    answer = client.get(AT, **given)
    if as_json:
        print_json(answer.body)
        return
    found = answer.read(dict[str, Any])["alerts"]
    for one in found:  # an id is copied: it is never broken
        console().print(
            f"{_state(one)}  {plain(one['severity'])}  since {one['since']}  {plain(one['id'])}\n"
            f"    {_line(one['summary'])}",
            soft_wrap=True,
        )
    if not found:
        console().print("There is none of these." if asked else "Nothing fires.")


@alert.command("show")
@ALERT
@remote
def show(client: Client, alert_id: str, as_json: bool) -> None:
    """Show one alert, also for two days after it was resolved.

    \b
    Examples:
      orchestra alert show alr_...
    """
    answer = client.get(f"{AT}{segment(alert_id)}")
    if as_json:
        print_json(answer.body)
        return
    _print(answer.read(dict[str, Any]))


@alert.command("ack")
@ALERT
@click.option("--undo", is_flag=True, help="Take it back.")
@remote
def acknowledge(client: Client, alert_id: str, undo: bool, as_json: bool) -> None:
    """Say that you see to an alert: nobody is told of it again.

    \b
    Examples:
      orchestra alert ack alr_...
      orchestra alert ack alr_... --undo
    """
    method = "DELETE" if undo else "POST"
    answer = client.call(method, f"{AT}{segment(alert_id)}/acknowledge")
    if as_json:
        print_json(answer.body)
        return
    _print(answer.read(dict[str, Any]))


@alert.command("history")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@remote
def history(client: Client, limit: int, as_json: bool) -> None:
    """Show what was said of alerts in 90 days, the newest first.

    \b
    Examples:
      orchestra alert history --limit 10
    """
    answer = client.get(f"{AT}history", limit=limit)
    if as_json:
        print_json(answer.body)
        return
    found = answer.read(dict[str, Any])["items"]
    rows = table("at", "event", "severity", "what")
    for one in found:
        word = one["type"].removeprefix("alert.")
        rows.add_row(one["at"], status(word), plain(one["severity"]), plain(one["summary"]))
    console().print(rows if found else "Nothing was said.")


def _print(one: dict[str, Any]) -> None:
    seen = one["acknowledged"]
    value = None if one["value"] is None else f"{one['value']:.6g}"
    times = "once" if one["episode"] == 1 else f"{one['episode']} times"
    lines = (
        ("alert", one["id"]), ("rule", f"{one['name']} ({one['rule_id']})"),
        ("state", f"{_state(one)} since {one['since']}"), ("severity", one["severity"]),
        ("what", one["summary"]), ("value", value), ("fired at", one["fired_at"]),
        ("fired", times), ("runbook", one["runbook"]),
        ("seen to by", f"{seen['by']} since {seen['at']}" if seen else None),
        ("silenced by", one["silenced_by"]),
    )  # fmt: skip
    for name, value in lines:
        if value not in (None, ""):
            console().print(f"{name:12} {_line(value)}", soft_wrap=True)


def _line(text: object) -> str:
    """On one line: what follows is ours again."""
    return " ".join(plain(text).split())


def _state(one: dict[str, Any]) -> str:
    return "flapping" if one["flapping"] else plain(one["state"])


alert.add_command(rule)
