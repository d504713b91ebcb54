"""`orchestra queue`: look at queues, send, receive, and see to dead letters."""

from typing import Any

import click
import msgspec

from orchestra.cli.client import Client, segment
from orchestra.cli.options import bytes_of, remote
from orchestra.cli.printing import (
    as_text,
    console,
    milliseconds,
    plain,
    print_json,
    shortened,
    table,
)

NAME = click.argument("name", metavar="QUEUE")
BODY_SHOWN = 60


class Shown(msgspec.Struct, frozen=True):
    """A queue, as far as a line shows it."""

    name: str
    ready: int
    in_flight: int
    delayed: int
    dead: int
    oldest_ms: int


class Page(msgspec.Struct, frozen=True):
    """A page of queues."""

    queues: tuple[Shown, ...]
    cursor: str | None = None


class Taken(msgspec.Struct, frozen=True):
    """A received message, or a dead letter."""

    id: str
    body: Any
    receipt: str = ""
    attempt: int = 0
    attempts: int = 0
    error: str = ""


class Messages(msgspec.Struct, frozen=True):
    """Some of them."""

    messages: tuple[Taken, ...]
    cursor: str | None = None


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
    answer = client.get(_at(name))
    if as_json:
        print_json(answer.body)
        return
    rows = table("", "")
    for member, value in answer.read(dict[str, Any]).items():
        rows.add_row(member, plain(as_text(value)))
    console().print(rows)


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
    answer = client.post(f"{_at(name)}/messages", {"body": value} | wanted)
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
    answer = client.post(f"{_at(name)}/receive", {"max": most, "wait_ms": wait_ms})
    found = answer.read(Messages).messages
    if as_json:
        print_json(answer.body)
    for one in () if as_json else found:
        console().print(f"{one.id}  try {one.attempt}  {plain(as_text(one.body))}", soft_wrap=True)
    if not found and not as_json:
        console().print("Nothing to receive.")
    if ack and found:
        client.post(f"{_at(name)}/ack", {"receipts": [one.receipt for one in found]})


@queue.command("dead")
@NAME
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@remote
def dead(client: Client, name: str, limit: int, as_json: bool) -> None:
    """List dead letters and their reasons, the oldest first.

    \b
    Examples:
      orchestra queue dead orders
    """
    answer = client.get(f"{_at(name)}/dead", limit=limit)
    if as_json:
        print_json(answer.body)
        return
    page = answer.read(Messages)
    rows = table("message", "tries", "reason", "body")
    for one in page.messages:
        body = shortened(as_text(one.body), BODY_SHOWN)
        rows.add_row(one.id, str(one.attempts), shortened(one.error, BODY_SHOWN), body)
    console().print(rows if page.messages else "No dead letters.")
    if page.cursor:
        console().print("There are more: --limit.")


@queue.command("redrive")
@NAME
@click.argument("ids", metavar="[MESSAGE]...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All of them, as a job.")
@click.option("--per-s", type=click.IntRange(1, 10_000), help="So many a second, with --all.")
@click.option("--stop", is_flag=True, help="Stop the job.")
@remote
def redrive(client: Client, name: str, ids: tuple[str, ...], as_json: bool, **given: Any) -> None:
    """Put dead letters back in line: these MESSAGEs, or --all. Without either: how far the job is.

    \b
    Examples:
      orchestra queue redrive orders msg_...
      orchestra queue redrive orders --all --per-s 50
      orchestra queue redrive orders --stop
    """
    at = f"{_at(name)}/redrive"
    if given["stop"]:
        answer = client.call("DELETE", at)
    elif given["everything"]:
        answer = client.post(at, {"all": True, "per_s": given["per_s"] or 100})
    elif ids:
        answer = client.post(at, {"ids": ids})
    else:
        answer = client.get(at)
    if as_json:
        print_json(answer.body)
        return
    job = answer.read(dict[str, Any])
    console().print(f"{job['state']}: {job['moved']} of {job['total']} are back in line")


@queue.command("purge")
@NAME
@click.option("--dead", "only_dead", is_flag=True, help="Only the dead letters.")
@click.confirmation_option("--yes", prompt="Delete for good?", help="Do not ask.")
@remote
def purge(client: Client, name: str, only_dead: bool, as_json: bool) -> None:
    """Delete a queue with all that is in it, or only its dead letters.

    \b
    Examples:
      orchestra queue purge orders --dead --yes
    """
    if only_dead:
        answer = client.call("DELETE", f"{_at(name)}/dead")
        gone = answer.read(dict[str, Any])["deleted"]
        told = f"{gone} dead letters are gone"
    else:
        answer = client.call("DELETE", f"{_at(name)}?purge=true")
        told = "The queue is gone, with all that was in it."
    if as_json:
        print_json(answer.body or b"{}")
    else:
        console().print(told)


def _at(name: str) -> str:
    return f"/api/queues/{segment(name)}"
