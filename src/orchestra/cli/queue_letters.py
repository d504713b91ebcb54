"""`orchestra queue dead`, `redrive` and `purge`: see to dead letters."""

from collections.abc import Callable, Mapping
from typing import Any

import click

from orchestra.cli.client import Client
from orchestra.cli.options import remote
from orchestra.cli.printing import as_text, console, plain, print_json, shortened, table
from orchestra.cli.queue_shapes import BODY_SHOWN, KINDS, NAME, Messages, at

CHOICE = ("kind", "error", "group", "since", "until")


def chosen(command: Callable[..., None]) -> Callable[..., None]:
    """The options that say which dead letters."""
    options = (
        click.option("--kind", type=click.Choice(KINDS), help="How they died."),
        click.option("--error", metavar="TEXT", help="A part of the reason."),
        click.option("--group", metavar="GROUP", help="Only of this group."),
        click.option("--since", metavar="INSTANT", help="Died then or later."),
        click.option("--until", metavar="INSTANT", help="Died before."),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.command("dead")
@NAME
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@chosen
@remote
def dead(client: Client, name: str, limit: int, as_json: bool, **choice: Any) -> None:
    """List dead letters and their reasons, the oldest first: all, or those that suit.

    \b
    Examples:
      orchestra queue dead orders
      orchestra queue dead orders --error "timed out" --since 2026-11-23T08:00:00Z
    """
    answer = client.get(f"{at(name)}/dead", limit=limit, **_given(choice))
    if as_json:
        print_json(answer.body)
        return
    page = answer.read(Messages)
    rows = table("message", "tries", "kind", "reason", "body")
    for one in page.messages:
        body = shortened(as_text(one.body), BODY_SHOWN)
        reason = shortened(one.error, BODY_SHOWN)
        rows.add_row(one.id, str(one.attempts), one.kind, plain(reason), body)
    console().print(rows if page.messages else "No dead letters.")
    if page.cursor:
        console().print("There are more: --limit.")


@click.command("redrive")
@NAME
@click.argument("ids", metavar="[MESSAGE]...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All of them, as a job.")
@click.option("--per-s", type=click.IntRange(1, 10_000), help="So many a second, as a job.")
@click.option("--stop", is_flag=True, help="Stop the job.")
@chosen
@remote
def redrive(client: Client, name: str, ids: tuple[str, ...], as_json: bool, **given: Any) -> None:
    """Put dead letters back in line: these MESSAGEs, those that suit, or --all.

    Without any of it: how far the job is.

    \b
    Examples:
      orchestra queue redrive orders msg_...
      orchestra queue redrive orders --all --per-s 50
      orchestra queue redrive orders --error "timed out" --kind failed
      orchestra queue redrive orders --stop
    """
    choice = _given({name: given[name] for name in CHOICE})
    where = f"{at(name)}/redrive"
    if given["stop"]:
        answer = client.call("DELETE", where)
    elif given["everything"]:
        answer = client.post(where, {"all": True, "per_s": given["per_s"] or 100})
    elif choice:
        answer = client.post(where, {"filter": choice, "per_s": given["per_s"] or 100})
    elif ids:
        answer = client.post(where, {"ids": ids})
    else:
        answer = client.get(where)
    if as_json:
        print_json(answer.body)
        return
    job = answer.read(dict[str, Any])
    console().print(f"{job['state']}: {job['moved']} of {job['total']} are back in line")


@click.command("purge")
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
        answer = client.call("DELETE", f"{at(name)}/dead")
        gone = answer.read(dict[str, Any])["deleted"]
        told = f"{gone} dead letters are gone"
    else:
        answer = client.call("DELETE", f"{at(name)}?purge=true")
        told = "The queue is gone, with all that was in it."
    if as_json:
        print_json(answer.body or b"{}")
    else:
        console().print(told)


def _given(choice: Mapping[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in choice.items() if value is not None}
