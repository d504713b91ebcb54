"""Watching one execution until it ends, and telling of its steps."""

import time
from collections.abc import Iterator

from rich.console import Console
from rich.table import Table
from rich.text import Text

from orchestra.cli.client import Answer, Client, segment
from orchestra.cli.printing import (
    as_text,
    console,
    milliseconds,
    plain,
    print_json,
    print_value,
    shortened,
    status,
    table,
)
from orchestra.cli.shapes import Execution, Step

POLL_S = (0.05, 0.1, 0.2, 0.5, 1.0)
STEP_ENDED = frozenset({"completed", "failed", "skipped", "compensated"})


def states(client: Client, execution_id: str) -> Iterator[tuple[Execution, Answer]]:
    """The execution, again and again until it has ended, with the answer it came in.

    Asks often at first and then once a second; a paused execution is watched on.
    """
    asked = 0
    while True:
        answer = client.get(f"/api/executions/{segment(execution_id)}/status")
        execution = answer.read(Execution)
        yield execution, answer
        if execution.ended:
            return
        time.sleep(POLL_S[min(asked // 4, len(POLL_S) - 1)])
        asked += 1


def until_ended(client: Client, execution_id: str, follow: bool, as_json: bool) -> Answer:
    """Wait for the end; the last answer. With `follow`, a line for each step.

    For programs these lines go to standard error: standard output is one document.
    """
    told: dict[str, str] = {}
    out = console(stderr=as_json)
    seen = states(client, execution_id)
    execution, answer = next(seen)
    while True:
        if follow:
            tell_steps(out, execution, told)
        if execution.ended:
            return answer
        execution, answer = next(seen)


def tell_steps(out: Console, execution: Execution, told: dict[str, str]) -> None:
    """A line for each step that changed since `told`, which it updates."""
    for step in execution.steps:
        if told.get(step.path) != step.status and step.status != "waiting":
            told[step.path] = step.status
            out.print(step_line(step))


def step_line(step: Step) -> Text:
    """One step: state, path, time, and why."""
    line = Text()
    line.append_text(status(step.status))
    line.pad_right(max(0, 11 - len(line)))
    line.append(f" {plain(step.path)}")
    if step.status in STEP_ENDED and step.duration_ms is not None:
        line.append(f"  {milliseconds(step.duration_ms)}", style="dim")
    if step.attempts > 1:
        line.append(f"  attempt {step.attempts}", style="yellow")
    if step.agent:
        line.append(f"  {plain(step.agent)}", style="dim")
    if step.error:
        line.append(f"  {plain(step.error.code)}: {shortened(step.error.message, 80)}", style="red")
    elif step.reason:
        line.append(f"  ({plain(step.reason)})", style="dim")
    return line


def conclude(answer: Answer, as_json: bool, with_steps: bool = True) -> None:
    """Show an execution that should have completed; leave with 1 when it did not."""
    show(answer, as_json, with_steps)
    if answer.read(Execution).status != "completed":
        raise SystemExit(1)


def show(answer: Answer, as_json: bool, with_steps: bool = True) -> None:
    """An execution: as it came for programs; state, steps and output for people."""
    if as_json:
        print_json(answer.body)
        return
    execution = answer.read(Execution)
    out = console()
    head = Text()
    head.append_text(status(execution.status))
    head.append(f"  {execution.id}")
    head.append(f"  {plain(execution.workflow_name or execution.workflow_id)}")
    if execution.workflow_version:
        head.append(f" v{execution.workflow_version}", style="dim")
    head.append(f"  {milliseconds(execution.duration_ms)}", style="dim")
    out.print(head)
    used = execution.usage
    if used.input_tokens or used.output_tokens:
        cost = "" if used.cost_usd is None else f", ${used.cost_usd:.6g}"
        tokens = f"{used.input_tokens} tokens in, {used.output_tokens} out"
        out.print(Text(f"  {tokens}{cost}", style="dim"))
    if execution.error:
        message = f"{execution.error.code}: {execution.error.message}"
        out.print(Text(f"  {plain(message)}", style="red"))
    for one in execution.waiting_for:
        what = f"the signal {one.signal}, at most until" if one.signal else "a time:"
        out.print(Text(f"  {plain(one.step)} waits for {plain(what)} {one.until}", style="yellow"))
    if with_steps and execution.steps:
        out.print(steps_table(execution))
    if execution.output is not None:
        print_value("output", execution.output)


def steps_table(execution: Execution) -> Table:
    """The records of an execution's steps."""
    rows = table("step", "status", "tries", "time", "agent", "result")
    for step in execution.steps:
        if step.error:
            result = f"{step.error.code}: {step.error.message}"
        else:
            result = as_text(step.output) if step.output is not None else step.reason or ""
        rows.add_row(
            plain(step.path),
            status(step.status),
            str(step.attempts or ""),
            milliseconds(step.duration_ms),
            plain(step.agent or "") + (" (degraded)" if step.degraded else ""),
            shortened(result, 60),
        )
    return rows
