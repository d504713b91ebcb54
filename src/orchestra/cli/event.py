"""`orchestra event`: follow what happens, list what happened, publish."""

import time
from typing import Any, cast
from urllib.parse import urlencode

import click
import msgspec

from orchestra.cli.client import Client, segment
from orchestra.cli.event_type import event_type
from orchestra.cli.options import json_object_of, remote
from orchestra.cli.printing import as_text, console, plain, print_document, print_json
from orchestra.cli.problems import Unreachable
from orchestra.cli.subscription import subscription

TYPES = click.option(
    "--type", "types", multiple=True, metavar="PATTERN", help="As step.* or **.failed; repeatable."
)
DATA_SHOWN = 100
RETRY_S = (0.2, 0.5, 1.0, 2.0, 5.0)


class Told(msgspec.Struct, frozen=True):
    """An event, as far as a line shows it."""

    id: str
    type: str
    time: str
    source: str
    subject: str
    data: Any = None


class Page(msgspec.Struct, frozen=True):
    """A page of events."""

    events: tuple[Told, ...]
    cursor: str | None = None


@click.group()
def event() -> None:
    """Follow, list and publish events.

    \b
    Examples:
      orchestra event follow --type "workflow.*"
      orchestra event list --type step.failed --limit 20
      orchestra event publish order.placed shop order-17 --data '{"total": 120.5}'
    """


event.add_command(subscription)
event.add_command(event_type)


@event.command("follow")
@TYPES
@click.option("--execution", metavar="ID", help="Only what this execution does.")
@click.option("--since", metavar="ID", help="Go on behind this id of a stream.")
@remote
def follow(
    client: Client, types: tuple[str, ...], execution: str | None, since: str | None, as_json: bool
) -> None:
    """Print events as they happen, until Ctrl-C. Reconnects, and misses nothing.

    \b
    Examples:
      orchestra event follow
      orchestra event follow --type "step.*" --execution exe_...
    """
    ids, failed = [since] if since else list[str](), 0
    while True:
        try:
            query: list[tuple[str, str]] = [("types", one) for one in types]
            query += [("execution_id", execution)] if execution else []
            query += [("since", ids[0])] if ids else []
            for name, data in client.events(
                "GET", f"/api/events/stream?{urlencode(query)}", ids=ids
            ):
                failed = 0
                if name == "resync":
                    console(stderr=True).print("events are missing here: too many, or too old")
                elif as_json:
                    print_document(data)
                else:
                    print_line(msgspec.convert(data, Told))
        except Unreachable:
            if failed >= len(RETRY_S) or not ids:
                raise
            time.sleep(RETRY_S[failed])
            failed += 1
        except KeyboardInterrupt:
            return


@event.command("list")
@TYPES
@click.option("--about", metavar="KEY", help="Only what is about this.")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@click.option("--oldest", is_flag=True, help="The oldest first.")
@remote
def list_events(
    client: Client,
    types: tuple[str, ...],
    about: str | None,
    limit: int,
    oldest: bool,
    as_json: bool,
) -> None:
    """List events that are kept, the newest first.

    \b
    Examples:
      orchestra event list
      orchestra event list --type "**" --about exe_... --oldest
    """
    answer = client.get(
        "/api/events/",
        types=",".join(types) or None,
        key=about,
        limit=limit,
        order="oldest" if oldest else "newest",
    )
    if as_json:
        print_json(answer.body)
        return
    page = answer.read(Page)
    for one in page.events:
        print_line(one)
    if not page.events:
        console().print("No events.")


@event.command("show")
@click.argument("event_id", metavar="EVENT")
@remote
def show(client: Client, event_id: str, as_json: bool) -> None:
    """Show one event.

    \b
    Examples:
      orchestra event show evt_...
    """
    answer = client.get(f"/api/events/{segment(event_id)}")
    if as_json:
        print_json(answer.body)
    else:
        console().print(as_text(answer.read(dict[str, Any])))


@event.command("publish")
@click.argument("event_type", metavar="TYPE")
@click.argument("source", metavar="SOURCE")
@click.argument("about", metavar="KEY")
@click.option("--data", metavar="JSON", help="An object, @file or @-.")
@click.option("--dedup", metavar="ID", help="A repeat within 24 h is the same event.")
@remote
def publish(client: Client, as_json: bool, **given: str | None) -> None:
    """Publish an event of TYPE, from SOURCE, about KEY.

    \b
    Examples:
      orchestra event publish order.placed shop order-17 --data '{"total": 120.5}'
    """
    body: dict[str, Any] = {
        "event_type": given["event_type"],
        "source_service": given["source"],
        "source_id": given["about"],
        "payload": json_object_of(given["data"], "--data"),
    }
    unique = {"dedup_id": given["dedup"]} if given["dedup"] else {}
    answer = client.post("/api/events/publish", body | unique)
    if as_json:
        print_json(answer.body)
    else:
        console().print(f"published {answer.read(dict[str, Any])['event_id']}")


def print_line(told: Told) -> None:
    """One event on one line."""
    about, data = plain(told.subject), told.data
    if isinstance(data, dict):  # what it is about need not be said twice
        members = cast("dict[str, Any]", data)
        data = {name: value for name, value in members.items() if value != told.subject}
    text = plain(as_text(data)) if data else ""
    text = text if len(text) <= DATA_SHOWN else text[: DATA_SHOWN - 1] + "…"
    console().print(f"{told.time[11:23]}  {plain(told.type):24} {about}  {text}", soft_wrap=True)
