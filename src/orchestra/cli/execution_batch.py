"""`orchestra execution batch`: steer many executions at once."""

from collections.abc import Callable
from typing import Any, Final

import click
import msgspec

from orchestra.cli.client import Client
from orchestra.cli.options import remote
from orchestra.cli.printing import console, plain, print_json

ACTIONS: Final = ("pause", "resume", "cancel", "retry", "rollback")
FILTERS: Final = (
    ("status", "Several with commas: failed,cancelled"),
    ("workflow", "Id or name."),
    ("version", "Of the workflow."),
    ("label", "`name` or `name=value`."),
    ("agent", "An agent that worked in it."),
    ("error", "Its code, or the beginning: agent"),
    ("longer-than", "As 30s or 1h30m."),
    ("shorter-than", "As 30s or 1h30m."),
    ("started-after", "RFC 3339."),
    ("started-before", "RFC 3339."),
    ("q", "A part of id, workflow or a label."),
)
TYPED_FROM: Final = 100
BATCH: Final = "/api/executions/batch"


class Counted(msgspec.Struct, frozen=True):
    """What a batch would do."""

    matched: int = 0
    possible: int = 0
    complete: bool = True
    as_of: str = ""


class Item(msgspec.Struct, frozen=True):
    """What became of one."""

    id: str
    result: str = ""
    detail: str | None = None


class Page(msgspec.Struct, frozen=True):
    """One page of a batch."""

    done: int = 0
    refused: int = 0
    failed: int = 0
    items: tuple[Item, ...] = ()
    next_cursor: str | None = None


def filtered(command: Callable[..., None]) -> Callable[..., None]:
    """The options that say which executions."""
    for name, told in reversed(FILTERS):
        command = click.option(f"--{name}", metavar="TEXT", help=told)(command)
    return command


@click.command("batch")
@click.argument("action", type=click.Choice(ACTIONS))
@click.argument("ids", metavar="[EXECUTION]...", nargs=-1)
@filtered
@click.option("--all", "everything", is_flag=True, help="Every execution there is.")
@click.option("--dry-run", is_flag=True, help="Count them, and do nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--reason", metavar="TEXT", help="Why; it stands in the history.")
@remote
def batch(client: Client, action: str, ids: tuple[str, ...], as_json: bool, **given: Any) -> None:
    """Pause, resume, cancel, retry or roll back many executions: these, or all that suit.

    They are counted first, and the count is asked about. What begins after that is left alone. An
    execution that cannot be steered so is passed over. Stopped half way, the same command goes on.

    \b
    Examples:
      orchestra execution batch retry --status failed --error agent --dry-run
      orchestra execution batch cancel --workflow orders --reason "wrong price list"
      orchestra execution batch resume exe_01… exe_02…
    """
    choice = {name.replace("-", "_"): given[name.replace("-", "_")] for name, _ in FILTERS}
    choice = {name: value for name, value in choice.items() if value}
    if sum((bool(ids), bool(choice), bool(given["everything"]))) != 1:
        raise click.UsageError("say which: some EXECUTIONs, filters, or --all; one of them")
    body: dict[str, object] = {"action": action}
    body |= {"ids": ids} if ids else {"filter": choice}
    answer = client.post(BATCH, body | {"dry_run": True})
    if given["dry_run"] and as_json:
        print_json(answer.body)
        return
    counted = answer.read(Counted)
    more = "" if counted.complete else "more than "
    said = f"{action}: possible for {more}{counted.possible:,} of {more}{counted.matched:,}"
    if given["dry_run"] or not counted.possible:
        console().print(plain(said))
        return
    if not given["yes"]:
        _asked(said, counted.possible)
    body |= {"reason": given["reason"]} if given["reason"] else {}
    if not ids:
        body["filter"] = {"started_before": counted.as_of} | choice
    _carried_out(client, body, as_json)


def _asked(said: str, possible: int) -> None:
    """Many of them are confirmed by their number. Raises Abort."""
    if possible < TYPED_FROM:
        click.confirm(f"{said}. Go on?", abort=True)
    elif click.prompt(f"{said}. Type {possible} to go on", type=int) != possible:
        raise click.Abort


def _carried_out(client: Client, body: dict[str, object], as_json: bool) -> None:
    done = refused = failed = 0
    cursor: str | None = None
    while True:
        answer = client.post(BATCH, body | ({"cursor": cursor} if cursor else {}))
        page = answer.read(Page)
        done, refused, failed = done + page.done, refused + page.refused, failed + page.failed
        if as_json:
            print_json(answer.body)
        else:
            for one in page.items:
                if one.result == "failed":
                    console().print(plain(f"{one.id}  {one.detail}"))
        if page.next_cursor is None or page.next_cursor == cursor:
            break
        cursor = page.next_cursor
    if not as_json:
        console().print(f"{done} done, {refused} passed over, {failed} failed")
    if failed:
        raise SystemExit(1)
