"""`orchestra agent execute`: one task, its answer, and what is said on the way."""

import sys
from typing import Any

import click

from orchestra.cli.agent_inspect import print_attempts
from orchestra.cli.agent_shapes import Told
from orchestra.cli.client import Client
from orchestra.cli.options import json_object_of, remote, text_of
from orchestra.cli.printing import as_text, console, plain, print_document, print_json, print_value
from orchestra.cli.problems import Failed
from orchestra.cli.shapes import TaskAnswer, members

Event = tuple[str, dict[str, Any]]


@click.command("execute")
@click.argument("agent_type", metavar="TYPE")
@click.argument("capability", metavar="CAPABILITY")
@click.argument("text", metavar="[TEXT|-]", required=False)
@click.option("--data", metavar="JSON|@FILE", help="More input: a JSON object, or @file with one.")
@click.option("--agent", "agent_id", metavar="AGENT", help="This very agent, by name or id.")
@click.option("--timeout-s", type=click.FloatRange(0.1, 3_600), help="The longest it may take.")
@click.option("--stream", is_flag=True, help="Print text as the agent says it.")
@click.option("--explain", is_flag=True, help="Tell which agents were called, and why.")
@remote
def execute(
    client: Client,
    agent_type: str,
    capability: str,
    text: str | None,
    as_json: bool,
    **more: Any,
) -> None:
    """Have one task done, and print the answer.

    TEXT becomes the input `text`; `-` reads it from standard input.

    \b
    Examples:
      orchestra agent execute text_processor sentiment_analysis "I am disappointed"
      orchestra agent execute text_processor text_analysis - --data '{"analysis_type": "intent"}'
      orchestra agent execute data_analyzer data_summary --data '{"data": [{"order": 1}]}'
      orchestra agent execute writer draft "A haiku about queues" --stream
    """
    body = body_of(agent_type, capability, text, more)
    if more["stream"]:
        streamed(client, body, as_json)
        return
    answer = client.post("/api/agents/execute", body)
    if as_json:
        print_json(answer.body)
        return
    result = answer.read(TaskAnswer)
    if answer.status == 202:
        told = f"not done yet: orchestra agent why {result.task_id}"
        console().print(f"{plain(result.task_id)} is {plain(result.status)}, {told}")
        return
    if result.status not in ("completed", ""):
        raise Failed(f"task {result.task_id} is {result.status}")
    print_value("output", result.output)
    if more["explain"]:
        console().print()
        print_attempts(answer.read(Told).attempts)


def body_of(
    agent_type: str, capability: str, text: str | None, more: dict[str, Any]
) -> dict[str, Any]:
    """What is asked for."""
    input_data = json_object_of(more["data"], "--data")
    if text is not None:
        input_data["text"] = text_of("-") if text == "-" else text
    input_data["task_type"] = capability
    body: dict[str, Any] = {"agent_type": agent_type, "input_data": input_data}
    if more["agent_id"] is not None:
        body = {"agent": more["agent_id"], "input_data": input_data}
    if more["timeout_s"] is not None:
        body["timeout_ms"] = round(more["timeout_s"] * 1_000)
    return body


def streamed(client: Client, body: dict[str, Any], as_json: bool) -> None:
    """Text as it comes; for programs one JSON document a line: `{"event", …}`."""
    wrote, ended = False, False
    for name, data in client.events("POST", "/api/agents/execute", body):
        if as_json:
            print_document({"event": name, **data})
            ended = ended or name in ("result", "error")
            continue
        match name:
            case "delta":
                sys.stdout.write(plain(data.get("text", "")))
                sys.stdout.flush()
                wrote = True
            case "progress" | "log":
                click.echo(plain(as_text(data.get("message", data))), err=True)
            case "result":
                ended = True
                finish(data, wrote=wrote)
            case "error":
                if wrote:
                    click.echo()
                error = members(data.get("error")) or data
                told = error.get("message") or error.get("detail") or "the task failed"
                raise Failed(f"{told} [{error.get('code', 'failed')}]")
            case _:
                pass
    if not ended:
        raise Failed("the stream ended before the answer was complete")


def finish(data: dict[str, Any], *, wrote: bool) -> None:
    """The end: what was not shown yet."""
    output = data.get("output", data)
    if wrote:
        click.echo()
    text = members(output).get("text", output)
    if not wrote or not isinstance(text, str):
        print_value("output", output)
