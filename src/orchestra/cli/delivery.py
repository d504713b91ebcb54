"""`orchestra webhook deliveries`, `redeliver`, `replay`: what was sent, and sending it again."""

from typing import Any

import click

from orchestra.cli.client import Client, segment
from orchestra.cli.options import remote
from orchestra.cli.printing import (
    console,
    milliseconds,
    plain,
    print_document,
    print_json,
    shortened,
)

WEBHOOK = click.argument("webhook_id", metavar="WEBHOOK")
DETAIL_SHOWN = 60
RESULTS = ("delivered", "failed", "dead", "skipped")


@click.command("deliveries")
@WEBHOOK
@click.option("--status", type=click.Choice(RESULTS), help="Only tries that ended so.")
@click.option("--type", "event_type", metavar="TYPE", help="Only events of this type.")
@click.option("--since", metavar="TIME", help="As 2026-11-23T08:00:00Z.")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@remote
def deliveries(client: Client, webhook_id: str, as_json: bool, **given: Any) -> None:
    """List every try of late, the newest first.

    \b
    Examples:
      orchestra webhook deliveries whk_...
      orchestra webhook deliveries whk_... --status dead --type order.placed
    """
    answer = client.get(
        f"{_at(webhook_id)}/deliveries",
        status=given["status"],
        type=given["event_type"],
        since=given["since"],
        limit=given["limit"],
    )
    if as_json:
        print_json(answer.body)
        return
    page = answer.read(dict[str, Any])
    for one in page["deliveries"]:
        answered = f"{one['status'] or '–'} after {milliseconds(one['ms'])}"
        error = shortened(f"{one['error']} {one['detail']}".strip(), DETAIL_SHOWN)
        line = f"{one['at'][:19]}  {one['delivery']}  try {one['attempt']}  {one['result']:9}"
        line += f"  {answered}  {plain(one['type'])}  {error}"
        console().print(line.rstrip(), soft_wrap=True)
    if not page["deliveries"]:
        console().print("Nothing was sent.")
    if page["cursor"]:
        console().print("There are more: --limit.")


@click.command("redeliver")
@WEBHOOK
@click.argument("ids", metavar="DELIVERY...", nargs=-1, required=True)
@remote
def redeliver(client: Client, webhook_id: str, ids: tuple[str, ...], as_json: bool) -> None:
    """Send these deliveries again, under their ids.

    \b
    Examples:
      orchestra webhook redeliver whk_... dlv_...
    """
    found = [
        client.post(f"{_at(webhook_id)}/deliveries/{segment(one)}/redeliver").read(dict[str, Any])
        for one in ids
    ]
    if as_json:
        print_document({"redeliveries": found})
        return
    for one in found:
        console().print(f"{one['delivery']}  {one['status']}")


@click.command("replay")
@WEBHOOK
@click.option("--since", metavar="TIME", help="As 2026-11-23T08:00:00Z. Without it: how far it is.")
@click.option("--until", metavar="TIME", help="Now, without it.")
@click.option("--failed", is_flag=True, help="Only what was given up or skipped.")
@click.option("--type", "types", metavar="PATTERN", multiple=True, help="Only these; repeatable.")
@click.option("--per-s", type=click.IntRange(1, 100), help="So many a second; 100 without it.")
@click.option("--stop", is_flag=True, help="Stop it.")
@remote
def replay(client: Client, webhook_id: str, as_json: bool, **given: Any) -> None:
    """Send what happened in a range of time once more, as a job.

    \b
    Examples:
      orchestra webhook replay whk_... --since 2026-11-23T08:00:00Z --failed
      orchestra webhook replay whk_...
      orchestra webhook replay whk_... --stop
    """
    at = f"{_at(webhook_id)}/replay"
    if given["stop"]:
        answer = client.call("DELETE", at)
    elif given["since"]:
        wanted = {"since": given["since"], "failed_only": given["failed"]}
        wanted |= {"event_types": given["types"]}
        wanted |= {name: given[name] for name in ("until", "per_s") if given[name]}
        answer = client.post(at, wanted)
    else:
        answer = client.get(at)
    if as_json:
        print_json(answer.body)
        return
    job = answer.read(dict[str, Any])
    console().print(f"{job['state']}: {job['sent']} are in line")


def _at(webhook_id: str) -> str:
    return f"/api/webhooks/{segment(webhook_id)}"
