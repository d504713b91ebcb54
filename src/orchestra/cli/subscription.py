"""`orchestra event subscription`: durable readers, from the command line."""

from typing import Any

import click
import msgspec

from orchestra.cli.client import Client, segment
from orchestra.cli.options import remote
from orchestra.cli.printing import as_text, console, plain, print_json

AT = "/api/events/subscriptions"
NAME = click.argument("name", metavar="NAME")


class Filter(msgspec.Struct, frozen=True):
    """Which events."""

    event_types: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()


class Subscription(msgspec.Struct, frozen=True):
    """One of them, as far as a line shows it."""

    name: str
    event_filter: Filter
    start: str
    created_at: str


class Listed(msgspec.Struct, frozen=True):
    """All of them."""

    subscriptions: tuple[Subscription, ...]


class Lag(msgspec.Struct, frozen=True):
    """How far it is behind."""

    events: int
    more: bool
    oldest_age_ms: int | None


class Shown(msgspec.Struct, frozen=True):
    """One of them."""

    name: str
    lag: Lag


class Event(msgspec.Struct, frozen=True):
    """An event, as far as a line shows it."""

    id: str
    type: str
    time: str
    subject: str
    data: Any = None


class Pulled(msgspec.Struct, frozen=True):
    """What was taken, and what to acknowledge it by."""

    events: tuple[Event, ...]
    cursor: str | None


@click.group("subscription")
def subscription() -> None:
    """Read events durably: create, pull, handle, ack.

    \b
    Examples:
      orchestra event subscription create billing --type "order.*"
      orchestra event subscription pull billing --wait 20
      orchestra event subscription ack billing CURSOR
    """


@subscription.command("create")
@NAME
@click.option("--type", "types", multiple=True, metavar="PATTERN", help="As step.*; repeatable.")
@click.option("--source", "sources", multiple=True, metavar="SOURCE", help="Only from; repeatable.")
@click.option("--about", "keys", multiple=True, metavar="KEY", help="Only about; repeatable.")
@click.option(
    "--start",
    default="new",
    show_default=True,
    help="new, oldest, an instant, an event id, or a position.",
)
@remote
def create(client: Client, name: str, start: str, as_json: bool, **wanted: tuple[str, ...]) -> None:
    """Create a subscription. The same again changes nothing.

    \b
    Examples:
      orchestra event subscription create failures --type "*.failed"
      orchestra event subscription create billing --type "order.*" --start oldest
    """
    named = {"event_types": wanted["types"], "sources": wanted["sources"], "keys": wanted["keys"]}
    answer = client.post(AT, {"name": name, "event_filter": named, "start": start})
    if as_json:
        print_json(answer.body)
    else:
        console().print(f"created {plain(name)}")


@subscription.command("list")
@remote
def list_all(client: Client, as_json: bool) -> None:
    """List the subscriptions, with what waits in each.

    \b
    Examples:
      orchestra event subscription list
    """
    answer = client.get(AT)
    if as_json:
        print_json(answer.body)
        return
    found = answer.read(Listed).subscriptions
    for one in found:
        lag = client.get(f"{AT}/{segment(one.name)}").read(Shown).lag
        waits = f"{lag.events}{'+' if lag.more else ''} waiting"
        types = ", ".join(one.event_filter.event_types) or "**"
        console().print(f"{plain(one.name):24} {plain(types)}  {waits}", soft_wrap=True)
    if not found:
        console().print("No subscriptions.")


@subscription.command("pull")
@NAME
@click.option("--max", "most", type=click.IntRange(1, 200), default=50, show_default=True)
@click.option("--wait", "seconds", type=click.IntRange(0, 20), default=0, help="Seconds to wait.")
@click.option("--ack", "at_once", is_flag=True, help="Acknowledge them once they are printed.")
@remote
def pull(client: Client, name: str, most: int, seconds: int, at_once: bool, as_json: bool) -> None:
    """Take the next events. They come again in 30 s unless acknowledged.

    \b
    Examples:
      orchestra event subscription pull billing --wait 20 --ack
    """
    at = f"{AT}/{segment(name)}"
    answer = client.post(f"{at}/pull", {"max": most, "wait_ms": seconds * 1_000})
    pulled = answer.read(Pulled)
    if as_json:
        print_json(answer.body)
    else:
        for one in pulled.events:
            text = plain(as_text(one.data)) if one.data else ""
            line = f"{one.time[11:23]}  {plain(one.type):24} {plain(one.subject)}  {text[:100]}"
            console().print(line, soft_wrap=True)
        console().print(f"cursor {pulled.cursor}" if pulled.cursor else "No events.")
    if at_once and pulled.cursor:
        client.post(f"{at}/ack", {"cursor": pulled.cursor})


@subscription.command("ack")
@NAME
@click.argument("cursor", metavar="CURSOR")
@remote
def ack(client: Client, name: str, cursor: str, as_json: bool) -> None:
    """Acknowledge the events of a pull: they do not come again.

    \b
    Examples:
      orchestra event subscription ack billing 3.pul_...
    """
    answer = client.post(f"{AT}/{segment(name)}/ack", {"cursor": cursor})
    if as_json:
        print_json(answer.body)
    else:
        console().print("acknowledged")


@subscription.command("remove")
@NAME
@remote
def remove(client: Client, name: str, as_json: bool) -> None:
    """Remove a subscription, and where it was.

    \b
    Examples:
      orchestra event subscription remove billing
    """
    client.call("DELETE", f"{AT}/{segment(name)}")
    if as_json:
        print_json(b"{}")
    else:
        console().print(f"removed {plain(name)}")
