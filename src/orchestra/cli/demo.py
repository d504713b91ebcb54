"""`orchestra demo`: the customer-support workflow over real messages, from nothing to a table."""

import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

import click
import msgspec

from orchestra.cli.child import Child, server
from orchestra.cli.client import Client
from orchestra.cli.demo_run import Message, handle_all
from orchestra.cli.demo_table import print_results, print_totals
from orchestra.cli.options import AS_JSON
from orchestra.cli.printing import console, print_document
from orchestra.cli.shapes import Readiness, Saved

CONCURRENCY = 8


@click.command()
@click.option("--data", "data_dir", type=click.Path(path_type=Path), help="Keep the data here.")
@click.option("--port", type=click.IntRange(1, 65535), help="Default: a free one.")
@click.option("--concurrency", type=click.IntRange(1, 64), default=CONCURRENCY, show_default=True)
@click.option("--keep", is_flag=True, help="Keep the temporary data directory.")
@click.option("--serve", "stay", is_flag=True, help="Leave the server running, until Ctrl-C.")
@AS_JSON
def demo(
    data_dir: Path | None,
    port: int | None,
    concurrency: int,
    keep: bool,
    stay: bool,
    as_json: bool,
) -> None:
    """Run the customer-support workflow over the shipped messages, end to end.

    Starts a server of its own on the embedded store, saves the workflow, and executes it for every
    message: sentiment, intent, key facts, the customer's history, then a reply or an escalation.
    The exit code is 1 if any execution failed.

    \b
    Examples:
      orchestra demo
      orchestra demo --serve
      orchestra demo --json | jq '.results[] | select(.escalated)'
      orchestra demo --data ./demo-data --keep
    """
    out = console(stderr=as_json)
    # Like Ctrl-C: the server is stopped and the temporary directory goes.
    signal.signal(signal.SIGTERM, _interrupt)
    with place(data_dir, keep) as directory:
        out.print("Starting a server …")
        began = time.monotonic()
        with server(directory, port) as child:
            out.print(f"Ready at {child.url} after {time.monotonic() - began:.2f} s.")
            failed = perform(child, concurrency, as_json)
            if stay:
                linger(child, as_json)
        if keep or data_dir:
            out.print(f"The data is in {directory}: orchestra serve --data {directory}")
    if failed:
        raise SystemExit(1)


def perform(child: Child, concurrency: int, as_json: bool) -> int:
    """Save the workflow, execute it for every message, print the results; how many failed."""
    client = Client(child.url)
    definition = resource("customer-support.json")
    messages = msgspec.json.decode(resource("customer_messages.json"), type=list[Message])
    saved = client.post("/api/workflows/", definition).read(Saved)
    began = time.monotonic()
    results = handle_all(client, saved.id, messages, concurrency, quiet=as_json)
    seconds = time.monotonic() - began
    durability = client.get("/readyz").read(Readiness).durability
    mode = durability.effective if durability else "unknown"
    totals = {
        "executions": len(results),
        "failed": sum(not handled.completed for handled in results),
        "escalated": sum(handled.escalated for handled in results),
        "steps": sum(handled.steps for handled in results),
        "seconds": round(seconds, 3),
        "durability": mode,
    }
    if as_json:
        print_document(
            {"url": child.url, "workflow_id": saved.id, "results": results, "totals": totals}
        )
    else:
        print_results(results)
        print_totals(totals, [one for one in results if not one.completed])
    return sum(not handled.completed for handled in results)


def resource(name: str) -> bytes:
    """A file of the demo, as it was shipped."""
    return (files("orchestra") / "demo" / name).read_bytes()


@contextmanager
def place(data_dir: Path | None, keep: bool) -> Iterator[Path]:
    """The data directory: the given one, or a temporary one that goes unless it is kept."""
    if data_dir is not None:
        yield data_dir
    elif keep:
        yield Path(tempfile.mkdtemp(prefix="orchestra-demo-"))
    else:
        with tempfile.TemporaryDirectory(prefix="orchestra-demo-") as temporary:
            yield Path(temporary)


def linger(child: Child, as_json: bool) -> None:
    """Keep the server until Ctrl-C or SIGTERM, or until it ends by itself."""
    out = console(stderr=as_json)
    out.print(
        f"\nThe server is still running at {child.url} (Ctrl-C stops it). Try:\n"
        f"  orchestra execution list --url {child.url}\n"
        f"  orchestra agent list --url {child.url}\n"
        f"  curl {child.url}/api/executions/\n"
        f"  {child.url}/docs   in a browser"
    )
    try:
        child.process.wait()
    except KeyboardInterrupt:
        out.print("Stopping …")


def _interrupt(_signal: int, _frame: object) -> None:
    raise KeyboardInterrupt
