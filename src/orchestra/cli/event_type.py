"""`orchestra event type`: what the data of types of events has to look like."""

from typing import Any

import click
import msgspec

from orchestra.cli.client import Client, segment
from orchestra.cli.options import json_object_of, remote
from orchestra.cli.printing import console, plain, print_json

AT = "/api/events/types"
NAME = click.argument("name", metavar="TYPE")


class Type(msgspec.Struct, frozen=True):
    """One of them, as far as a line shows it."""

    type: str
    told: str
    source: str | None


class Listed(msgspec.Struct, frozen=True):
    """All of them."""

    types: tuple[Type, ...]


@click.group("type")
def event_type() -> None:
    """Say what the data of your types of events looks like.

    \b
    Examples:
      orchestra event type list
      orchestra event type put order.placed --schema @order.schema.json
    """


@event_type.command("list")
@remote
def list_types(client: Client, as_json: bool) -> None:
    """List the built-in types, and those that have a schema.

    \b
    Examples:
      orchestra event type list
    """
    answer = client.get(AT)
    if as_json:
        print_json(answer.body)
        return
    for one in answer.read(Listed).types:
        whose = "built in" if one.source else "yours"
        console().print(f"{plain(one.type):32} {whose:9} {plain(one.told)}", soft_wrap=True)


@event_type.command("show")
@NAME
@remote
def show(client: Client, name: str, as_json: bool) -> None:
    """Show the schema of a type of yours.

    \b
    Examples:
      orchestra event type show order.placed
    """
    del as_json  # it is a JSON document
    print_json(client.get(f"{AT}/{segment(name)}").body)


@event_type.command("put")
@NAME
@click.option("--schema", required=True, metavar="JSON", help="JSON Schema; @FILE reads a file.")
@click.option("--backward", is_flag=True, help="Refuse a schema narrower than the one before.")
@click.option("--about", default="", metavar="TEXT", help="When it happens.")
@remote
def put(client: Client, name: str, schema: str, backward: bool, about: str, as_json: bool) -> None:
    """Say what the data of a type looks like: what does not fit is refused from now on.

    \b
    Examples:
      orchestra event type put order.placed --schema @order.schema.json --backward
    """
    body: dict[str, Any] = {
        "schema": json_object_of(schema, "--schema"),
        "compatibility": "backward" if backward else "none",
        "description": about,
    }
    kind = {"Content-Type": "application/json"}
    answer = client.call("PUT", f"{AT}/{segment(name)}", msgspec.json.encode(body), kind)
    if as_json:
        print_json(answer.body)
    else:
        console().print(f"kept {plain(name)}")


@event_type.command("remove")
@NAME
@click.confirmation_option("--yes", prompt="Events of this type are free again. Go on?")
@remote
def remove(client: Client, name: str, as_json: bool) -> None:
    """Forget the schema of a type.

    \b
    Examples:
      orchestra event type remove order.placed --yes
    """
    del as_json  # nothing comes back
    client.call("DELETE", f"{AT}/{segment(name)}")
