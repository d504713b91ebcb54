"""`orchestra agent check | drain | enable | disable | remove`: what is done to one agent."""

from collections.abc import Callable

import click
import msgspec

from orchestra.cli.agent_shapes import Checked
from orchestra.cli.client import Client, segment
from orchestra.cli.options import remote
from orchestra.cli.printing import console, milliseconds, plain, print_document, print_json, status
from orchestra.cli.shapes import Agent


@click.command("check")
@click.argument("agent_id", metavar="AGENT")
@remote
def check(client: Client, agent_id: str, as_json: bool) -> None:
    """Ask an agent now whether it is well. Costs nothing: no task is sent.

    The exit code is 1 when it is not well.

    \b
    Examples:
      orchestra agent check gpt-mini
    """
    answer = client.post(f"/api/agents/{segment(agent_id)}/check")
    found = answer.read(Checked)
    if as_json:
        print_json(answer.body)
    else:
        out = console()
        if found.error is not None:
            out.print(plain(f"Not well: {found.error.message} [{found.error.code}]"))
        elif found.checked:
            out.print(f"Well, in {milliseconds(found.duration_ms)}.")
        else:
            out.print("There is nothing to ask it for free; its tasks tell how it is.")
        out.print(status(found.health.status), plain(found.health.reason))
    if found.well is False:
        raise SystemExit(1)


def steering(name: str, told: str, help_text: str) -> click.Command:
    """A command that puts an agent into another mode."""

    @click.command(name, help=help_text)
    @click.argument("agent_id", metavar="AGENT")
    @remote
    def command(client: Client, agent_id: str, as_json: bool) -> None:
        answer = client.post(f"/api/agents/{segment(agent_id)}/{name}")
        if as_json:
            print_json(answer.body)
            return
        one = answer.read(Agent)
        console().print(f"{plain(one.name)}: {told}")

    return command


EXAMPLE: Callable[[str], str] = "\n\n\b\nExamples:\n  orchestra agent {} gpt-mini".format

drain = steering(
    "drain",
    "no new tasks; what runs goes on.",
    "Give an agent no new tasks; what runs goes on." + EXAMPLE("drain"),
)
enable = steering(
    "enable",
    "gets tasks again.",
    "Give an agent tasks again, after drain or disable." + EXAMPLE("enable"),
)
disable = steering(
    "disable",
    "off until it is enabled.",
    "Turn an agent off until it is enabled." + EXAMPLE("disable"),
)


@click.command("remove")
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
