"""`orchestra agent`: list, register and call agents."""

import click
import msgspec

from orchestra.cli.client import Answer, Client, segment
from orchestra.cli.options import bytes_of, json_object_of, remote, text_of
from orchestra.cli.printing import (
    as_text,
    console,
    plain,
    print_document,
    print_json,
    print_value,
    status,
    table,
)
from orchestra.cli.problems import Failed
from orchestra.cli.shapes import Agent, AgentPage, TaskAnswer


@click.group()
def agent() -> None:
    """List, register and call agents.

    \b
    Examples:
      orchestra agent list --type text_processor
      orchestra agent execute text_processor sentiment_analysis "I love it"
    """


@agent.command("list")
@click.option("--type", "agent_type", metavar="TYPE", help="Only agents of this type.")
@click.option("--capability", metavar="NAME", help="Only agents that declare it.")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@remote
def list_agents(
    client: Client, agent_type: str | None, capability: str | None, limit: int, as_json: bool
) -> None:
    """List the registered agents.

    \b
    Examples:
      orchestra agent list
      orchestra agent list --type text_processor --json
    """
    answer = client.get("/api/agents/", type=agent_type, capability=capability, limit=limit)
    if as_json:
        print_json(answer.body)
        return
    page = answer.read(AgentPage)
    rows = table("name", "type", "status", "provider", "capabilities")
    for one in page.items:
        names = ", ".join(capability.name for capability in one.capabilities)
        rows.add_row(
            plain(one.name), plain(one.agent_type), status(one.status), one.provider, plain(names)
        )
    console().print(rows if page.items else "No agents.")
    if page.next_cursor:
        console().print("There are more: --limit.")


@agent.command("show")
@click.argument("agent_id", metavar="AGENT")
@remote
def show(client: Client, agent_id: str, as_json: bool) -> None:
    """Show one agent, by name or id.

    \b
    Examples:
      orchestra agent show text-processor-1
    """
    answer = client.get(f"/api/agents/{segment(agent_id)}")
    if as_json:
        print_json(answer.body)
        return
    print_agent(answer)


@agent.command("register")
@click.argument("file", metavar="FILE|-")
@remote
def register(client: Client, file: str, as_json: bool) -> None:
    """Register an agent, or change it: the same name is the same agent.

    FILE holds {"name", "agent_type", "capabilities": [{"name", …}], …}; `-` is standard input.

    \b
    Examples:
      orchestra agent register agent.json
      echo '{"name": "a", "agent_type": "b", "capabilities": []}' | orchestra agent register -
    """
    answer = client.post("/api/agents/register", bytes_of(file))
    if as_json:
        print_json(answer.body)
        return
    console().print("Registered." if answer.status == 201 else "Was known; updated.")
    print_agent(answer)


@agent.command("execute")
@click.argument("agent_type", metavar="TYPE")
@click.argument("capability", metavar="CAPABILITY")
@click.argument("text", metavar="[TEXT|-]", required=False)
@click.option("--data", metavar="JSON|@FILE", help="More input: a JSON object, or @file with one.")
@remote
def execute(
    client: Client,
    agent_type: str,
    capability: str,
    text: str | None,
    data: str | None,
    as_json: bool,
) -> None:
    """Call an agent once, and print what it answers.

    TEXT becomes the input `text`; `-` reads it from standard input.

    \b
    Examples:
      orchestra agent execute text_processor sentiment_analysis "I am disappointed"
      orchestra agent execute text_processor text_analysis - --data '{"analysis_type": "intent"}'
      orchestra agent execute data_analyzer data_summary --data '{"data": [{"order": 1}]}'
    """
    input_data = json_object_of(data, "--data")
    if text is not None:
        input_data["text"] = text_of("-") if text == "-" else text
    input_data["task_type"] = capability
    answer = client.post(
        "/api/agents/execute", {"agent_type": agent_type, "input_data": input_data}
    )
    if as_json:
        print_json(answer.body)
        return
    result = answer.read(TaskAnswer)
    if result.status not in ("completed", ""):
        raise Failed(f"task {result.task_id} is {result.status}")
    print_value("output", result.output)


@agent.command("remove")
@click.argument("agent_id", metavar="AGENT")
@click.option("--drain-s", type=click.IntRange(0, 3600), help="Let its tasks finish, this long.")
@remote
def remove(client: Client, agent_id: str, drain_s: int | None, as_json: bool) -> None:
    """Remove an agent, by name or id.

    \b
    Examples:
      orchestra agent remove text-processor-1 --drain-s 30
    """
    query = "" if drain_s is None else f"?drain_s={drain_s}"
    answer = client.call("DELETE", f"/api/agents/{segment(agent_id)}{query}")
    if as_json:
        print_document(msgspec.json.decode(answer.body) if answer.body else {"removed": agent_id})
        return
    console().print(f"Removed {plain(agent_id)}.")


def print_agent(answer: Answer) -> None:
    """One agent, for people: a line a fact."""
    one = answer.read(Agent)
    rows = table("agent", plain(one.name))
    rows.add_row("id", one.id)
    rows.add_row("type", plain(one.agent_type))
    rows.add_row("status", status(one.status))
    rows.add_row("provider", one.provider)
    for capability in one.capabilities:
        rows.add_row("capability", plain(f"{capability.name}  {capability.description}".strip()))
    for warning in one.warnings:
        rows.add_row("warning", plain(as_text(warning)))
    console().print(rows)
