"""`orchestra execution`: look at executions, and steer them."""

from collections.abc import Mapping

import click
from rich.text import Text

from orchestra.cli.client import Client, segment
from orchestra.cli.execution_batch import batch
from orchestra.cli.execution_preview import preview
from orchestra.cli.follow import conclude, show, until_ended
from orchestra.cli.options import json_of, remote
from orchestra.cli.printing import (
    console,
    milliseconds,
    plain,
    print_json,
    shortened,
    status,
    table,
)
from orchestra.cli.shapes import Execution, Executions, Logs, Signalled

REASON = click.option("--reason", metavar="TEXT", help="Why; it stands in the history.")
EXECUTION = click.argument("execution_id", metavar="EXECUTION")


@click.group()
def execution() -> None:
    """Look at executions, and steer them.

    \b
    Examples:
      orchestra execution list --status failed
      orchestra execution retry exe_01…
      orchestra execution batch retry --status failed
    """


execution.add_command(batch)


@execution.command("list")
@click.option("--status", "state", metavar="STATE", help="pending running paused completed …")
@click.option("--workflow", metavar="ID", help="Only executions of this workflow.")
@click.option("--limit", type=click.IntRange(1, 200), default=20, show_default=True)
@remote
def list_executions(
    client: Client, state: str | None, workflow: str | None, limit: int, as_json: bool
) -> None:
    """List executions, the newest first.

    \b
    Examples:
      orchestra execution list
      orchestra execution list --status failed --limit 100 --json
    """
    answer = client.get("/api/executions/", status=state, workflow=workflow, limit=limit)
    if as_json:
        print_json(answer.body)
        return
    page = answer.read(Executions)
    rows = table("execution", "status", "workflow", "started", "time")
    for one in page.items:
        rows.add_row(
            one.id,
            status(one.status),
            shortened(one.workflow_name or one.workflow_id, 40),
            (one.created_at or "")[11:19],
            milliseconds(one.duration_ms),
        )
    console().print(rows if page.items else "No executions.")
    if page.next_cursor:
        console().print("There are more: --limit.")


@click.command("status")
@EXECUTION
@click.option("--wait", is_flag=True, help="Wait for the end.")
@click.option("--follow", is_flag=True, help="Wait for the end, with a line for each step.")
@remote
def status_of(client: Client, execution_id: str, wait: bool, follow: bool, as_json: bool) -> None:
    """Show an execution: its state, its steps, its output.

    With --wait or --follow the exit code is 1 unless it completed.

    \b
    Examples:
      orchestra workflow status exe_01…
      orchestra workflow status exe_01… --follow
    """
    if wait or follow:
        conclude(until_ended(client, execution_id, follow, as_json), as_json, with_steps=not follow)
    else:
        show(client.get(f"/api/executions/{segment(execution_id)}/status"), as_json)


execution.add_command(status_of)


@execution.command("logs")
@EXECUTION
@click.option("--limit", type=click.IntRange(1, 200), default=200, show_default=True)
@remote
def logs(client: Client, execution_id: str, limit: int, as_json: bool) -> None:
    """Show what happened in an execution, in order.

    \b
    Examples:
      orchestra execution logs exe_01…
    """
    answer = client.get(f"/api/executions/{segment(execution_id)}/logs", limit=limit)
    if as_json:
        print_json(answer.body)
        return
    page = answer.read(Logs)
    rows = table("at", "event", "step", "try", "agent", "why")
    for line in page.logs:
        rows.add_row(
            line.at[11:23],
            plain(line.event),
            plain(line.step or ""),
            str(line.attempt or ""),
            plain(line.agent or ""),
            shortened((line.message or "").partition(": ")[2], 80),
        )
    console().print(rows if page.logs else "Nothing yet.")


@execution.command("pause")
@EXECUTION
@click.option(
    "--mode",
    type=click.Choice(["drain", "interrupt"]),
    default="drain",
    show_default=True,
    help="Let running steps finish, or stop them now; they run again on resume.",
)
@REASON
@remote
def pause(client: Client, execution_id: str, mode: str, reason: str | None, as_json: bool) -> None:
    """Pause: nothing new is handed out until it is resumed.

    \b
    Examples:
      orchestra execution pause exe_01… --reason "wrong price list"
    """
    body = {"mode": mode, **({"reason": reason} if reason else {})}
    steer(client, execution_id, "pause", body, as_json)


@execution.command("resume")
@EXECUTION
@remote
def resume(client: Client, execution_id: str, as_json: bool) -> None:
    """Go on after a pause.

    \b
    Examples:
      orchestra execution resume exe_01…
    """
    steer(client, execution_id, "resume", {}, as_json)


@execution.command("cancel")
@EXECUTION
@REASON
@remote
def cancel(client: Client, execution_id: str, reason: str | None, as_json: bool) -> None:
    """Cancel: no new work, running steps are stopped, then rollback if the workflow says so.

    \b
    Examples:
      orchestra execution cancel exe_01…
    """
    steer(client, execution_id, "cancel", {"reason": reason} if reason else {}, as_json)


@execution.command("rollback")
@EXECUTION
@click.option("--skip", is_flag=True, help="Pass over the compensation that cannot succeed.")
@click.option("--preview", "only_look", is_flag=True, help="Only tell what it would undo.")
@REASON
@remote
def rollback(
    client: Client, execution_id: str, skip: bool, only_look: bool, reason: str | None,
    as_json: bool,
) -> None:  # fmt: skip
    """Undo what was done, by the steps' compensations, the last one first.

    \b
    Examples:
      orchestra execution rollback exe_01… --reason "customer withdrew"
      orchestra execution rollback exe_01… --preview
      orchestra execution rollback exe_01… --skip
    """
    if only_look:
        preview(client, execution_id, as_json)
        return
    body = {**({"skip": True} if skip else {}), **({"reason": reason} if reason else {})}
    steer(client, execution_id, "rollback", body, as_json)


@execution.command("retry")
@EXECUTION
@remote
def retry(client: Client, execution_id: str, as_json: bool) -> None:
    """Continue a failed execution: failed steps are tried anew, completed ones stay.

    \b
    Examples:
      orchestra execution retry exe_01…
    """
    steer(client, execution_id, "retry", {}, as_json)


@execution.command("signal")
@EXECUTION
@click.argument("name", metavar="NAME")
@click.option("--payload", metavar="JSON", help="Any JSON; @FILE reads it from a file.")
@click.option("--idempotency-key", "once", metavar="TEXT", help="Repeats send one signal.")
@remote
def signal(
    client: Client,
    execution_id: str,
    name: str,
    payload: str | None,
    once: str | None,
    as_json: bool,
) -> None:
    """Send a signal that a step of an execution waits for. It counts once for each name.

    \b
    Examples:
      orchestra execution signal exe_01… payment.received --payload '{"amount": 120.5}'
      orchestra execution signal exe_01… approved
    """
    body = {"name": name, "payload": json_of(payload, "--payload")}
    headers = {"Idempotency-Key": once} if once else {}
    answer = client.post(f"/api/executions/{segment(execution_id)}/signal", body, headers)
    if as_json:
        print_json(answer.body)
        return
    sent = answer.read(Signalled)
    who = ", ".join(sent.steps) if sent.steps else "nobody yet: it is kept for who will"
    console().print(plain(f"{sent.id}  {sent.name}  waited for by: {who}"))


def steer(
    client: Client, execution_id: str, verb: str, body: Mapping[str, object], as_json: bool
) -> None:
    """Send a control verb, and say what state it led to."""
    answer = client.post(f"/api/executions/{segment(execution_id)}/{verb}", body)
    if as_json:
        print_json(answer.body)
        return
    after = answer.read(Execution)
    line = Text(f"{after.id}  ")
    line.append_text(status(after.status))
    console().print(line)
