"""How results look: JSON for programs, tables and colours for people.

Text from a server or a file is data: it is escaped, so no markup and no terminal sequence in it
is obeyed.
"""

import json
import re
import sys
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from orchestra.cli.shapes import members

COLOURS = {
    "completed": "green",
    "healthy": "green",
    "active": "green",
    "running": "cyan",
    "pending": "cyan",
    "retrying": "yellow",
    "paused": "yellow",
    "waiting": "yellow",
    "degraded": "yellow",
    "skipped": "dim",
    "failed": "red",
    "broken": "red",
    "misconfigured": "red",
    "stale": "yellow",
    "draining": "yellow",
    "disabled": "dim",
    "unhealthy": "red",
    "offline": "red",
    "cancelled": "magenta",
    "rolling_back": "magenta",
    "rolled_back": "magenta",
    "compensated": "magenta",
}
WHOLE = frozenset(
    (
        "at",
        "event",
        "execution",
        "hook",
        "name",
        "status",
        "step",
        "try",
        "tries",
        "time",
        "webhook",
    )
)
"""Headings of columns that never wrap: what is next to them gives way."""
# C0 and C1 control characters but for line feed and tab: what a terminal would obey.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def console(stderr: bool = False) -> Console:
    """A console that fits the terminal, or 80 plain columns where there is none."""
    return Console(stderr=stderr, highlight=False, markup=False, emoji=False)


def print_json(body: bytes) -> None:
    """One JSON document on standard output, indented when a person looks at it."""
    if sys.stdout.isatty():
        body = msgspec.json.format(body, indent=2)
    sys.stdout.write(body.decode("utf-8", errors="replace") + "\n")


def print_document(document: object) -> None:
    """The same for a value."""
    print_json(msgspec.json.encode(document))


def plain(text: object) -> str:
    """`text` without anything that a terminal would obey."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", str(text))


def shortened(text: object, width: int) -> str:
    """`text` on one line of at most `width` characters."""
    line = " ".join(plain(text).split())
    return line if len(line) <= width else line[: max(0, width - 1)].rstrip() + "…"


def as_text(value: object) -> str:
    """A JSON value on one line; a text as it is."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def status(word: str) -> Text:
    """A state in its colour."""
    return Text(plain(word), style=COLOURS.get(word, ""))


def table(*headings: str) -> Table:
    """A table without frames; its columns wrap at words, but for names that are read whole."""
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for heading in headings:
        right = heading.endswith(" ms")
        made.add_column(
            heading,
            justify="right" if right else "left",
            overflow="fold",
            no_wrap=heading in WHOLE,
        )
    return made


def milliseconds(duration_ms: int | None) -> str:
    """A duration for people: `41 ms`, `1.24 s`, `3 min 5 s`."""
    if duration_ms is None:
        return "–"
    if duration_ms < 1_000:
        return f"{duration_ms} ms"
    if duration_ms < 60_000:
        return f"{duration_ms / 1_000:.2f} s"
    return f"{duration_ms // 60_000} min {duration_ms % 60_000 // 1_000} s"


def print_value(name: str, value: Any) -> None:
    """A JSON value under a heading: a line a member of an object, else the value."""
    rows = table(name, "")
    if not members(value):
        rows.add_row(plain(as_text(value)))
    for member, one in members(value).items():
        rows.add_row(plain(member), plain(as_text(one)))
    console().print(rows)


def print_members(document: dict[str, Any]) -> None:
    """What a thing has: a row a member."""
    rows = table("", "")
    for member, value in document.items():
        rows.add_row(member, plain(as_text(value)))
    console().print(rows)
