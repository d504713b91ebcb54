"""`orchestra workflow`: validate, run and list workflows."""

import hashlib
from pathlib import Path

import click

from orchestra.cli.client import Client, segment
from orchestra.cli.execution import status_of
from orchestra.cli.findings import NotSaved
from orchestra.cli.follow import conclude, until_ended
from orchestra.cli.lazy import LazyGroup
from orchestra.cli.options import bytes_of, json_object_of, remote
from orchestra.cli.printing import console, plain, print_json, status, table
from orchestra.cli.problems import Failed, Refused
from orchestra.cli.shapes import Execution, Saved, Workflows

WAIT_S = 30


@click.group(
    cls=LazyGroup,
    lazy={
        "validate": ("orchestra.cli.validate:validate", "Check a definition, without a server."),
    },
)
def workflow() -> None:
    """Validate, run and list workflows.

    \b
    Examples:
      orchestra workflow validate support.json
      orchestra workflow run support.json --input '{"text": "Where is my parcel?"}'
    """


workflow.add_command(status_of)


@workflow.command("list")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@remote
def list_workflows(client: Client, limit: int, as_json: bool) -> None:
    """List the workflows of the server.

    \b
    Examples:
      orchestra workflow list
    """
    answer = client.get("/api/workflows/", limit=limit)
    if as_json:
        print_json(answer.body)
        return
    page = answer.read(Workflows)
    rows = table("workflow", "name", "version", "status")
    for one in page.items:
        rows.add_row(one.id, plain(one.name), str(one.version), status(one.status))
    console().print(rows if page.items else "No workflows.")
    if page.next_cursor:
        console().print("There are more: --limit.")


@workflow.command("run")
@click.argument("reference", metavar="FILE|ID|NAME")
@click.option("--input", "input_data", metavar="JSON|@FILE", help="Input; @file, @- reads stdin.")
@click.option("--wait/--no-wait", default=True, show_default=True, help="Wait for the end.")
@click.option("--follow", is_flag=True, help="Wait, with a line for each step as it happens.")
@remote
def run(
    client: Client, reference: str, input_data: str | None, wait: bool, follow: bool, as_json: bool
) -> None:
    """Execute a workflow: a file with its definition, or one the server knows.

    The same file twice in a day is saved once. The exit code is 1 unless it completed.

    \b
    Examples:
      orchestra workflow run support.json --input '{"text": "Where is my parcel?"}'
      orchestra workflow run support.json --input @message.json --follow
      orchestra workflow run customer-support --no-wait --json
    """
    given = json_object_of(input_data, "--input")
    workflow_id = workflow_of(client, reference)
    prompt = wait and not follow
    answer = client.post(
        f"/api/workflows/{segment(workflow_id)}/execute",
        {"input_data": given},
        {"Prefer": f"wait={WAIT_S}"} if prompt else {},
    )
    started = answer.read(Execution)
    if not (wait or follow):
        if as_json:
            print_json(answer.body)
        else:
            console().print(f"{started.id}\norchestra workflow status {started.id} --follow")
        return
    ended = until_ended(client, started.id, follow, as_json)
    conclude(ended, as_json, with_steps=not follow)


def workflow_of(client: Client, reference: str) -> str:
    """The id behind what people type: a file is saved, an id stands, a name is looked up."""
    if reference == "-" or Path(reference).is_file() or reference.endswith(".json"):
        return save(client, reference).id
    if reference.startswith("wfl_"):
        return reference
    page = client.get("/api/workflows/", name=reference, limit=200).read(Workflows)
    found = [one for one in page.items if one.name == reference]
    if not found:
        raise Failed(f"no workflow is called {reference!r}, and there is no such file")
    if len(found) > 1:
        ids = ", ".join(one.id for one in found[:5])
        raise Failed(f"{len(found)} workflows are called {reference!r}; name one by its id: {ids}")
    return found[0].id


def save(client: Client, source: str) -> Saved:
    """Save the definition in a file. Its digest is the idempotency key: once a day is enough."""
    body = bytes_of(source)
    key = f"cli-{hashlib.sha256(body).hexdigest()}"
    try:
        return client.post("/api/workflows/", body, {"Idempotency-Key": key}).read(Saved)
    except Refused as refused:
        raise NotSaved(refused, body.decode("utf-8", errors="replace"), source) from refused
