"""The demo's results as a table that can be read at 80 columns, and wider."""

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from orchestra.cli.demo_run import Handled
from orchestra.cli.printing import console, milliseconds, plain, shortened

WIDE = 132
TONES = {"positive": "green", "negative": "red", "neutral": "yellow"}


def print_results(results: Sequence[Handled]) -> None:
    """One row a message: everything in columns where there is room, else stacked in one."""
    out = console()
    out.print()
    out.print(wide(results) if out.width >= WIDE else narrow(results, out))


def narrow(results: Sequence[Handled], out: Console) -> Table:
    """Customer and figures beside a column with message, facts and history, a line each."""
    rows = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    rows.add_column("customer", width=13, overflow="fold")
    room = max(20, out.width - 13 - 11 - 15 - 9 - 4)
    rows.add_column("message · facts · history", width=room, overflow="fold")
    rows.add_column("sentiment", width=11)
    rows.add_column("intent", width=15, overflow="fold")
    rows.add_column("time", width=8, justify="right")
    for handled in results:
        told = Text(shortened(handled.text, room))
        if handled.facts:
            told.append("\n· " + shortened(", ".join(handled.facts), room - 2), style="cyan")
        if handled.history:
            told.append("\n· " + shortened(handled.history, room - 2), style="dim")
        intent = Text(shortened(handled.intent.replace("_", " "), 15))
        if handled.escalated:
            intent.append("\nescalated", style="bold red")
        rows.add_row(
            Text(plain(handled.name)),
            told,
            tone(handled),
            intent,
            milliseconds(handled.duration_ms),
        )
    return rows


def wide(results: Sequence[Handled]) -> Table:
    """A column for each fact."""
    rows = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    headings = (
        "customer",
        "message",
        "sentiment",
        "intent",
        "key facts",
        "history",
        "escalated",
        "time",
    )
    for heading in headings:
        rows.add_column(heading, justify="right" if heading == "time" else "left")
    for handled in results:
        rows.add_row(
            Text(shortened(handled.name, 18)),
            Text(shortened(handled.text, 34)),
            tone(handled),
            Text(shortened(handled.intent.replace("_", " "), 16)),
            Text(shortened(", ".join(handled.facts), 26), style="cyan"),
            Text(shortened(handled.history, 30), style="dim"),
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
        said.append(f"\n{handled.confidence:.0%} sure", style="dim")
    return said


def print_totals(totals: Mapping[str, object], failures: Sequence[Handled] = ()) -> None:
    """The line below the table, and why what failed failed."""
    out = console()
    out.print()
    for handled in failures:
        out.print(Text(f"{handled.name}: {plain(handled.error)} ({handled.execution_id})", "red"))
    out.print(
        f"{totals['executions']} executions ({totals['failed']} failed, {totals['escalated']} "
        f"escalated), {totals['steps']} steps in {totals['seconds']} s, "
        f"durability {totals['durability']}."
    )
