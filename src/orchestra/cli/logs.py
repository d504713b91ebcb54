"""`orchestra logs`: search what all replicas logged, and follow it."""

import time
from collections import deque
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import click
import msgspec
from rich.text import Text

from orchestra.cli.client import Client
from orchestra.cli.options import remote
from orchestra.cli.printing import as_text, console, plain, print_document
from orchestra.cli.problems import Unreachable

PAGE = 200
RETRY_S = (0.2, 0.5, 1.0, 2.0, 5.0)
STYLES = {"debug": "dim", "info": "green", "warning": "yellow", "error": "bold red"}
SHORT = {"warning": "warn", "critical": "error"}
KNOWN = ("ts", "level", "event", "tenant", "replica", "exception", "origin")
"""Members that are not told among the facts."""
ABOUT = ("execution_id", "step", "agent", "request_id")
FACT_SHOWN = 120


class Page(msgspec.Struct, frozen=True):
    """A page of lines."""

    lines: tuple[dict[str, Any], ...]
    next_cursor: str | None = None
    bounded: bool = False


@click.command()
@click.argument("query", nargs=-1)
@click.option("--since", default=None, metavar="TIME", help="As 1h, 30m, 7d or 2026-11-23T08:00.")
@click.option("--until", metavar="TIME", help="The same.")
@click.option(
    "--level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    help="At least that bad.",
)
@click.option("--limit", type=click.IntRange(1, 100_000), default=200, show_default=True)
@click.option("-f", "--follow", is_flag=True, help="Go on with lines as they come.")
@remote
def logs(client: Client, query: tuple[str, ...], as_json: bool, **given: Any) -> None:
    """Search the log of all replicas, or follow it until Ctrl-C.

    QUERY is words and "texts" that a line must have, member:value, -not, /pattern/. Put -- in
    front of one that begins with a minus.

    \b
    Examples:
      orchestra logs --since 1h --level warning
      orchestra logs execution:exe_... --follow
      orchestra logs 'agent:gpt* "rate limit" -retry /429|503/ latency_ms>=500'
    """
    q = " ".join((*query, f"level>={given['level']}" if given["level"] else "")).strip()
    span = {"from": _instant(given["since"]), "to": _instant(given["until"])}
    if not given["follow"]:
        shown = _searched(client, q, span, given["limit"], as_json)
        if not shown and not as_json:
            console(stderr=True).print("No lines.")
        return
    try:
        _follow(client, q, span, given["limit"], as_json)
    except KeyboardInterrupt:
        return


def _instant(text: str | None) -> str | None:
    """`1h` is an hour ago; anything else is for the server to read."""
    return f"-{text}" if text and text[0].isdigit() and text[-1] in "smhdw" else text


def _searched(
    client: Client, q: str, span: dict[str, str | None], limit: int, as_json: bool
) -> list[dict[str, Any]]:
    """Print the newest lines that match, the oldest of them first."""
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    while len(found) < limit:
        wanted = min(PAGE, limit - len(found))
        page = client.get("/api/logs/search", q=q, limit=wanted, cursor=cursor, **span).read(Page)
        found += page.lines
        cursor = page.next_cursor
        if cursor is None:
            break
    for line in reversed(found):
        print_line(line, as_json)
    return found


def _follow(client: Client, q: str, span: dict[str, str | None], limit: int, as_json: bool) -> None:
    """First what there is, then what comes: the stream is open before the search, so nothing is
    missed, and what both bring is told once.
    """
    ids, failed, told = list[str](), 0, deque[dict[str, Any]](maxlen=limit)
    first = True
    while True:
        try:
            for name, line in _stream(client, q, ids):
                failed = 0
                if name == "open" and first:
                    told.extend(_searched(client, q, span, limit, as_json))
                    first = False
                elif name == "resync":
                    console(stderr=True).print("lines are missing here: too many, or too old")
                elif name == "line" and line not in told:
                    print_line(line, as_json)
            time.sleep(RETRY_S[0])  # it ended in order: another replica takes over
        except Unreachable:
            if failed >= len(RETRY_S) or first:
                raise
            time.sleep(RETRY_S[failed])
            failed += 1


def _stream(client: Client, q: str, ids: list[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    query = {"q": q} | ({"after": ids[0]} if ids else {})
    yield from client.events("GET", f"/api/logs/tail?{urlencode(query)}", ids=ids)


def print_line(line: dict[str, Any], as_json: bool) -> None:
    """One line on one line, and an exception below it."""
    if as_json:
        print_document(line)
        return
    level = plain(line.get("level", "info"))
    text = Text()
    text.append(f"{plain(line.get('ts', ''))[11:23]}  ", style="dim")
    text.append(f"{SHORT.get(level, level):5}  ", style=STYLES.get(level, "bold red"))
    text.append(f"{plain(line.get('event', '')):26}", style="bold")
    for name, value in sorted(line.items(), key=lambda one: one[0] in ABOUT):
        if name not in KNOWN:
            shown = plain(as_text(value)).replace("\n", " ")
            shown = shown if len(shown) <= FACT_SHOWN else shown[: FACT_SHOWN - 1] + "…"
            text.append(f"  {plain(name)}=", style="cyan")
            text.append(shown)
    console().print(text, soft_wrap=True)
    if exception := line.get("exception"):
        console().print(Text(plain(exception), style="dim"), soft_wrap=True)
