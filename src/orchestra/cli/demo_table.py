"""The demo's results as a table that can be read at 80 columns, and wider."""

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from orchestra.cli.demo_run import Handled
from orchestra.cli.printing import console, milliseconds, plain, shortened

WIDE = 140
FAILURES_SHOWN = 5
TONES = {"positive": "green", "negative": "red", "neutral": "yellow"}


def print_results(results: Sequence[Handled]) -> None:
    """One row a message: everything in columns where there is room, else stacked in one."""
    out = console()
    out.print()
    out.print(wide(results, out) if out.width >= WIDE else narrow(results, out))


def narrow(results: Sequence[Handled], out: Console) -> Table:
    """What the customer wrote and what was found in it, stacked; the verdict beside it."""
    room = max(20, out.width - 15 - 16 - 7 - 3)
    rows = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    rows.add_column("customer", width=15, overflow="fold")
    rows.add_column("message, key facts, history", width=room)
    rows.add_column("verdict", width=16, overflow="fold")
    rows.add_column("time", width=7, justify="right")
    for handled in results:
        told = Text(shortened(handled.text, room))
        if handled.facts:
            told.append("\nfacts: " + shortened(", ".join(handled.facts), room - 7), style="cyan")
        if handled.history:
            told.append("\nhistory: " + shortened(handled.history, room - 9), style="dim")
        verdict = tone(handled)
        verdict.append(f"\n{shortened(handled.intent.replace('_', ' '), 16)}")
        if handled.escalated:
            verdict.append("\nescalated", style="bold red")
        time = milliseconds(handled.duration_ms)
        rows.add_row(Text(plain(handled.name)), told, verdict, time)
    return rows


def wide(results: Sequence[Handled], out: Console) -> Table:
    """A column for each fact, a line for each message."""
    left = out.width - sum((17, 13, 16, 9, 7)) - 2 * 7
    message, facts = left * 2 // 5, left * 3 // 10
    history = left - message - facts
    rows = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for heading, width in (
        ("customer", 17),
        ("message", message),
        ("sentiment", 13),
        ("intent", 16),
        ("key facts", facts),
        ("history", history),
        ("escalated", 9),
    ):
        rows.add_column(heading, width=width)
    rows.add_column("time", width=7, justify="right")
    for handled in results:
        rows.add_row(
            Text(shortened(handled.name, 17)),
            Text(shortened(handled.text, message)),
            tone(handled),
            Text(shortened(handled.intent.replace("_", " "), 16)),
            Text(shortened(", ".join(handled.facts), facts), style="cyan"),
            Text(shortened(handled.history, history), style="dim"),
            Text("yes", style="bold red") if handled.escalated else Text("no", style="dim"),
            milliseconds(handled.duration_ms),
        )
    return rows


def tone(handled: Handled) -> Text:
    """The sentiment and how sure it is; of a failed execution, its state."""
    if not handled.completed:
        return Text(plain(handled.status), style="bold red")
    said = Text(shortened(handled.sentiment, 9), style=TONES.get(handled.sentiment, ""))
    if handled.confidence is not None:
        said.append(f" {handled.confidence:.0%}", style="dim")
    return said


def print_totals(totals: Mapping[str, object], failures: Sequence[Handled] = ()) -> None:
    """The line below the table, and why what failed failed."""
    out = console()
    out.print()
    for handled in failures[:FAILURES_SHOWN]:
        out.print(Text(f"{handled.name}: {plain(handled.error)} ({handled.execution_id})", "red"))
    if len(failures) > FAILURES_SHOWN:
        out.print(Text(f"… and {len(failures) - FAILURES_SHOWN} more", "red"))
    out.print(
        f"{totals['executions']} executions ({totals['failed']} failed, {totals['escalated']} "
        f"escalated), {totals['steps']} steps in {totals['seconds']} s, "
        f"durability {totals['durability']}."
    )
