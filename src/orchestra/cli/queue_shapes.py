"""What the commands about queues read of answers."""

from typing import Any

import click
import msgspec

from orchestra.cli.client import segment

NAME = click.argument("name", metavar="QUEUE")
BODY_SHOWN = 60
STATES = ("ready", "waiting", "delayed", "in_flight")
KINDS = ("failed", "lost", "buried")


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
    kind: str = ""
    error: str = ""
    group: str | None = None
    until: str | None = None


class Messages(msgspec.Struct, frozen=True):
    """Some of them."""

    messages: tuple[Taken, ...]
    cursor: str | None = None


def at(name: str) -> str:
    """Where a queue is."""
    return f"/api/queues/{segment(name)}"
