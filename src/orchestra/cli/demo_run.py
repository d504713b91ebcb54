"""The demo's work: one execution for each message, a few at a time, with live progress."""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from typing import Any

import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from orchestra.cli.client import Client, segment
from orchestra.cli.follow import until_ended
from orchestra.cli.printing import as_text, console, shortened
from orchestra.cli.shapes import Execution, items, members

WAIT_S = 30


class Message(msgspec.Struct, frozen=True):
    """What a customer wrote, and what we know of them."""

    customer_id: str
    name: str
    text: str
    customer_history: list[dict[str, Any]] = []


class Handled(msgspec.Struct, frozen=True):
    """What the workflow made of a message."""

    customer_id: str
    name: str
    text: str
    execution_id: str
    status: str
    steps: int
    duration_ms: int
    sentiment: str = ""
    confidence: float | None = None
    intent: str = ""
    facts: tuple[str, ...] = ()
    history: str = ""
    reply: str = ""
    escalated: bool = False
    error: str | None = None

    @property
    def completed(self) -> bool:
        """Whether the execution went through."""
        return self.status == "completed"


def handle_all(
    client: Client, workflow_id: str, messages: Sequence[Message], concurrency: int, quiet: bool
) -> list[Handled]:
    """Execute the workflow for every message; results in the order of the messages.

    Progress is drawn on a terminal, and told once in plain text elsewhere.
    """
    out = console()
    threads = ThreadPoolExecutor(concurrency)
    try:
        futures = [threads.submit(handle, client, workflow_id, one) for one in messages]
        if out.is_terminal and not quiet:
            draw(out, futures)
        elif not quiet:
            out.print(f"Executing {len(messages)} messages, {concurrency} at a time …")
        return [future.result() for future in futures]
    finally:
        # Not waited for: when we are interrupted, the server's end is what ends them.
        threads.shutdown(wait=False, cancel_futures=True)


def draw(out: Console, futures: Sequence[Future[Handled]]) -> None:
    """A bar that moves with each execution that ends."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[last]}", style="dim"),
    )
    with Progress(*columns, console=out) as progress:
        bar = progress.add_task("Messages", total=len(futures), last="")
        for future in as_completed(futures):
            done = future.result()
            last = f"{shortened(done.name, 20)}: {done.sentiment or done.status}"
            progress.update(bar, advance=1, last=last)


def handle(client: Client, workflow_id: str, message: Message) -> Handled:
    """Execute the workflow for one message and wait for its end."""
    input_data = {
        "text": message.text,
        "customer_id": message.customer_id,
        "customer_history": message.customer_history,
    }
    started = client.post(
        f"/api/workflows/{segment(workflow_id)}/execute",
        {"input_data": input_data},
        {"Prefer": f"wait={WAIT_S}"},
    ).read(Execution)
    answer = until_ended(client, started.id, follow=False, as_json=True)
    return result_of(message, answer.read(Execution))


def result_of(message: Message, execution: Execution) -> Handled:
    """What an ended execution says about a message. An output of any shape can be read."""
    output = members(execution.output)
    return Handled(
        customer_id=message.customer_id,
        name=message.name,
        text=message.text,
        execution_id=execution.id,
        status=execution.status,
        steps=sum(step.status != "skipped" for step in execution.steps),
        duration_ms=execution.duration_ms or 0,
        sentiment=str(output.get("sentiment", "")),
        confidence=confidence_of(execution),
        intent=str(output.get("intent", "")),
        facts=tuple(as_text(fact) for fact in items(output.get("facts"))),
        history="; ".join(as_text(one).rstrip(".") for one in items(output.get("history"))),
        reply=str(output.get("reply", "")),
        escalated=bool(output.get("escalated", False)),
        error=f"{execution.error.code}: {execution.error.message}" if execution.error else None,
    )


def confidence_of(execution: Execution) -> float | None:
    """How sure the sentiment is, by the record of that step."""
    for step in execution.steps:
        if step.path == "sentiment":
            value = members(step.output).get("confidence")
            return float(value) if isinstance(value, int | float) else None
    return None
