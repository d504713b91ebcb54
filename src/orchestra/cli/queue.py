"""`orchestra queue`: look at queues, send, receive, and see to dead letters."""

from typing import Any

import click
import msgspec

from orchestra.cli.client import Client
from orchestra.cli.options import bytes_of, remote
from orchestra.cli.printing import (
    as_text,
    console,
    milliseconds,
    plain,
    print_json,
    print_members,
    shortened,
    table,
)
from orchestra.cli.queue_letters import dead, purge, redrive
from orchestra.cli.queue_shapes import BODY_SHOWN, NAME, STATES, Messages, Page, at


@click.group()
def queue() -> None:
    """Look at queues, send and receive messages, see to dead letters.

    \b
    Examples:
      orchestra queue list
      orchestra queue send orders '{"order": 17}'
      orchestra queue dead orders
      orchestra queue redrive orders --all
    """


@queue.command("list")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@remote
def list_queues(client: Client, limit: int, as_json: bool) -> None:
    """List queues, and how many messages are where.

    \b
    Examples:
      orchestra queue list
    """
    answer = client.get("/api/queues/", limit=limit)
    if as_json:
        print_json(answer.body)
        return
    page = answer.read(Page)
    rows = table("queue", "ready", "in flight", "delayed", "dead", "oldest")
    for one in page.queues:
        counts = (one.ready, one.in_flight, one.delayed, one.dead)
        rows.add_row(plain(one.name), *map(str, counts), milliseconds(one.oldest_ms or None))
    console().print(rows if page.queues else "No queues.")
    if page.cursor:
        console().print("There are more: --limit.")


@queue.command("show")
@NAME
@remote
def show(client: Client, name: str, as_json: bool) -> None:
    """Show one queue: its options, and how many messages are where.

    \b
    Examples:
      orchestra queue show orders
    """
    answer = client.get(at(name))
    if as_json:
        print_json(answer.body)
    else:
        print_members(answer.read(dict[str, Any]))


@queue.command("send")
@NAME
@click.argument("body", metavar="JSON")
@click.option("--priority", type=click.IntRange(0, 3), help="0 is first; 2 without it.")
@click.option("--delay-ms", type=click.IntRange(0), help="To be received in so many ms.")
@click.option("--group", metavar="GROUP", help="Messages of a group: in order, one at a time.")
@click.option("--dedup", "dedup_id", metavar="ID", help="A repeat in 24 h is the same message.")
@remote
def send(client: Client, name: str, body: str, as_json: bool, **given: str | int | None) -> None:
    """Send a message. JSON is any value, @file or @-; the queue is made if need be.

    \b
    Examples:
      orchestra queue send orders '{"order": 17}'
      orchestra queue send orders @order.json --delay-ms 60000 --dedup order-17
    """
    text = bytes_of(body[1:]) if body.startswith("@") else body.encode()
    try:
        value = msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise click.BadParameter(f"not JSON: {error}", param_hint="JSON") from error
    wanted = {member: value for member, value in given.items() if value is not None}
    answer = client.post(f"{at(name)}/messages", {"body": value} | wanted)
    if as_json:
        print_json(answer.body)
    else:
        console().print(f"sent {answer.read(dict[str, Any])['ids'][0]}")


@queue.command("receive")
@NAME
@click.option("--max", "most", type=click.IntRange(1, 100), default=1, show_default=True)
@click.option("--wait-ms", type=click.IntRange(0, 20_000), default=0, show_default=True)
@click.option("--ack", is_flag=True, help="Settle what came: it is gone then.")
@remote
def receive(client: Client, name: str, most: int, wait_ms: int, ack: bool, as_json: bool) -> None:
    """Receive messages. Without --ack they come again when their lease ends.

    \b
    Examples:
      orchestra queue receive orders --max 10 --ack
    """
    answer = client.post(f"{at(name)}/receive", {"max": most, "wait_ms": wait_ms})
    found = answer.read(Messages).messages
    if as_json:
        print_json(answer.body)
    for one in () if as_json else found:
        console().print(f"{one.id}  try {one.attempt}  {plain(as_text(one.body))}", soft_wrap=True)
    if not found and not as_json:
        console().print("Nothing to receive.")
    if ack and found:
        client.post(f"{at(name)}/ack", {"receipts": [one.receipt for one in found]})


@queue.command("peek")
@NAME
@click.option("--state", type=click.Choice(STATES), default="ready", show_default=True)
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@remote
def peek(client: Client, name: str, state: str, limit: int, as_json: bool) -> None:
    """Look at messages without taking them, in line.

    \b
    Examples:
      orchestra queue peek orders
      orchestra queue peek orders --state delayed
    """
    answer = client.get(f"{at(name)}/messages", state=state, limit=limit)
    if as_json:
        print_json(answer.body)
        return
    page = answer.read(Messages)
    rows = table("message", "tries", "group", "until", "body")
    for one in page.messages:
        body = shortened(as_text(one.body), BODY_SHOWN)
        rows.add_row(one.id, str(one.attempts), plain(one.group or ""), one.until or "", body)
    console().print(rows if page.messages else f"Nothing is {state.replace('_', ' ')}.")
    if page.cursor:
        console().print("There are more: --limit.")


for command in (dead, redrive, purge):
    queue.add_command(command)
