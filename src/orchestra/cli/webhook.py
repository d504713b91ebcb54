"""`orchestra webhook`: who is told of events, what was sent to them, and sending it again."""

from typing import Any

import click

from orchestra.cli.client import Client, segment
from orchestra.cli.lazy import LazyGroup
from orchestra.cli.options import remote, text_of
from orchestra.cli.printing import (
    console,
    milliseconds,
    plain,
    print_json,
    print_members,
    shortened,
    status,
    table,
)

WEBHOOK = click.argument("webhook_id", metavar="WEBHOOK")
TYPES_SHOWN = 50
KEEP = "Keep it: it is not shown again."


@click.group(
    cls=LazyGroup,
    lazy={
        "deliveries": ("orchestra.cli.delivery:deliveries", "List what was sent to a webhook."),
        "redeliver": ("orchestra.cli.delivery:redeliver", "Send deliveries again."),
        "replay": ("orchestra.cli.delivery:replay", "Send a range of time once more."),
    },
)
def webhook() -> None:
    """Tell addresses outside of events: chats, automation services, your own receivers.

    \b
    Examples:
      orchestra webhook add "on call" https://example.com/hook --type workflow.failed
      orchestra webhook test whk_...
      orchestra webhook deliveries whk_... --status failed
      orchestra webhook redeliver whk_... dlv_...
    """


@webhook.command("list")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@remote
def list_webhooks(client: Client, limit: int, as_json: bool) -> None:
    """List webhooks, and how they are.

    \b
    Examples:
      orchestra webhook list
    """
    answer = client.get("/api/webhooks/", limit=limit)
    if as_json:
        print_json(answer.body)
        return
    page = answer.read(dict[str, Any])
    rows = table("webhook", "name", "status", "circuit", "waiting", "events")
    for one in page["webhooks"]:
        types = ", ".join(one["event_filter"]["event_types"]) or "all"
        rows.add_row(
            one["id"], plain(one["name"]), status(one["state"]), plain(one["circuit"]["state"]),
            str(one["waiting"]), shortened(types, TYPES_SHOWN),
        )  # fmt: skip
    console().print(rows if page["webhooks"] else "No webhooks.")
    if page["cursor"]:
        console().print("There are more: --limit.")


@webhook.command("add")
@click.argument("name", metavar="NAME")
@click.argument("address", metavar="URL")
@click.option("--type", "types", metavar="PATTERN", multiple=True, help="As step.*; repeatable.")
@click.option("--where", "expression", metavar="CONDITION", help="As event.data.total > 100.")
@click.option("--workflow", "workflows", metavar="ID", multiple=True, help="Only of these.")
@click.option(
    "--format", "shape", type=click.Choice(["cloudevents", "plain", "slack"]),
    help="cloudevents without it, slack for an address of Slack.",
)  # fmt: skip
@click.option("--ordering", type=click.Choice(["parallel", "key", "all"]), help="parallel.")
@click.option("--header", "headers", metavar="NAME:VALUE", multiple=True, help="Sent along.")
@click.option("--secret-file", metavar="FILE", help="Your own whsec_…; - is standard input.")
@remote
def add(client: Client, name: str, address: str, as_json: bool, **given: Any) -> None:
    """Tell URL of events, from now on. Prints the secret its receiver verifies with, this once.

    A header that is secret is named: Authorization:'Bearer ${secret:NAME}'.

    \b
    Examples:
      orchestra webhook add chat https://hooks.slack.com/services/... --type "workflow.*"
      orchestra webhook add big https://example.com/ --type order.placed \\
        --where "event.data.total > 100"
    """
    wanted: dict[str, Any] = {"name": name, "url": address}
    wanted["event_filter"] = {
        "event_types": given["types"],
        "expression": given["expression"] or "",
    }
    wanted["workflow_ids"] = given["workflows"]
    wanted |= {"format": given["shape"]} if given["shape"] else {}
    wanted |= {"ordering": given["ordering"]} if given["ordering"] else {}
    wanted["headers"] = dict(_header(one) for one in given["headers"])
    if given["secret_file"]:
        wanted["secret"] = text_of(given["secret_file"]).strip()
    answer = client.post("/api/webhooks/", wanted)
    if as_json:
        print_json(answer.body)
        return
    made = answer.read(dict[str, Any])
    console().print(f"{made['id']}  {made['secret']}", soft_wrap=True)
    console(stderr=True).print(KEEP)


@webhook.command("show")
@WEBHOOK
@remote
def show(client: Client, webhook_id: str, as_json: bool) -> None:
    """Show one webhook: its settings, and how it is.

    \b
    Examples:
      orchestra webhook show whk_...
    """
    answer = client.get(_at(webhook_id))
    if as_json:
        print_json(answer.body)
    else:
        print_members(answer.read(dict[str, Any]))


@webhook.command("test")
@WEBHOOK
@remote
def test(client: Client, webhook_id: str, as_json: bool) -> None:
    """Send an event now, once, and tell what came of it. Fails when that was no success.

    \b
    Examples:
      orchestra webhook test whk_...
    """
    answer = client.post(f"{_at(webhook_id)}/test")
    told = answer.read(dict[str, Any])
    if as_json:
        print_json(answer.body)
    else:
        said = f"status {told['status']}" if told["status"] else "no answer"
        why = f": {plain(told['error'])} {plain(told['detail'])}" if told["error"] else ""
        console().print(f"{said} after {milliseconds(told['ms'])}{why}".rstrip())
    if told["result"] != "delivered":
        raise SystemExit(1)


@webhook.command("enable")
@WEBHOOK
@remote
def enable(client: Client, webhook_id: str, as_json: bool) -> None:
    """Send to it again.

    \b
    Examples:
      orchestra webhook enable whk_...
    """
    answer = client.post(f"{_at(webhook_id)}/enable")
    if as_json:
        print_json(answer.body)
        return
    skipped = answer.read(dict[str, Any])["skipped"]
    console().print("It is on.")
    if skipped:
        again = f"orchestra webhook replay {webhook_id} --failed --since TIME"
        console().print(f"{skipped} deliveries were skipped: {again} sends them.")


@webhook.command("disable")
@WEBHOOK
@remote
def disable(client: Client, webhook_id: str, as_json: bool) -> None:
    """Send nothing more to it.

    \b
    Examples:
      orchestra webhook disable whk_...
    """
    answer = client.post(f"{_at(webhook_id)}/disable")
    if as_json:
        print_json(answer.body)
    else:
        console().print("It is off.")


@webhook.command("rotate")
@WEBHOOK
@click.option("--overlap-h", type=click.IntRange(0, 168), default=24, show_default=True)
@remote
def rotate(client: Client, webhook_id: str, overlap_h: int, as_json: bool) -> None:
    """Make a new secret. The old one signs, too, for so many hours.

    \b
    Examples:
      orchestra webhook rotate whk_... --overlap-h 48
    """
    answer = client.post(f"{_at(webhook_id)}/rotate-secret", {"overlap_h": overlap_h})
    if as_json:
        print_json(answer.body)
        return
    console().print(answer.read(dict[str, Any])["secret"], soft_wrap=True)
    console(stderr=True).print(KEEP)


@webhook.command("remove")
@WEBHOOK
@click.confirmation_option("--yes", prompt="Forget it, and what waits for it?", help="Do not ask.")
@remote
def remove(client: Client, webhook_id: str, as_json: bool) -> None:
    """Forget a webhook, and what waits for it.

    \b
    Examples:
      orchestra webhook remove whk_... --yes
    """
    answer = client.call("DELETE", _at(webhook_id))
    if as_json:
        print_json(answer.body or b"{}")
    else:
        console().print("It is gone.")


def _at(webhook_id: str) -> str:
    return f"/api/webhooks/{segment(webhook_id)}"


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon:
        raise click.BadParameter("is written NAME:VALUE", param_hint="--header")
    return name.strip(), value.strip()
