"""`orchestra agent list | show | plugins`: what there is."""

import click

from orchestra.cli.agent_shapes import Plugins
from orchestra.cli.client import Client, segment
from orchestra.cli.options import remote
from orchestra.cli.printing import console, plain, print_json, status, table
from orchestra.cli.shapes import AgentPage
from orchestra.cli.showing_agents import print_agent


@click.command("list")
@click.option("--type", metavar="TYPE", help="Only agents of this type.")
@click.option("--capability", metavar="NAME", help="Only agents that declare it.")
@click.option("--status", metavar="STATUS", help="Such as healthy, unhealthy, waiting.")
@click.option("--label", metavar="NAME[:VALUE]", help="Only agents with this label.")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@remote
def list_agents(client: Client, limit: int, as_json: bool, **wanted: str | None) -> None:
    """List the registered agents.

    \b
    Examples:
      orchestra agent list
      orchestra agent list --type text_processor --json
    """
    answer = client.get("/api/agents/", **wanted, limit=limit)
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
    if not page.items:
        narrowed = any(value is not None for value in wanted.values())
        hint = " like that." if narrowed else ". Register one: orchestra agent register --help"
        console().print(f"No agents{hint}")
        return
    console().print(rows)
    if page.next_cursor:
        console().print("There are more: --limit.")


@click.command("show")
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


@click.command("plugins")
@remote
def plugins(client: Client, as_json: bool) -> None:
    """List the plugins of the server: agents it found in its folder, and what broke.

    The exit code is 1 when one is broken.

    \b
    Examples:
      orchestra agent plugins
    """
    answer = client.get("/api/agents/plugins")
    page = answer.read(Plugins)
    if as_json:
        print_json(answer.body)
    else:
        print_plugins(page)
    if any(one.error for one in page.items):
        raise SystemExit(1)


def print_plugins(page: Plugins) -> None:
    """A line each; the whole error of what is broken."""
    out = console()
    if not page.enabled:
        out.print("Plugins are off: start the server with --plugins FOLDER.")
        return
    rows = table("file", "version", "type", "name", "since", "")
    for one in page.items:
        rows.add_row(
            plain(one.file),
            one.version or "–",
            plain(one.agent_type or "–"),
            plain(one.agent or "–"),
            (one.loaded_at or "–")[:19].replace("T", " "),
            status("broken") if one.error else "",
        )
    out.print(rows if page.items else "No plugins in the folder yet.")
    for one in page.items:
        if one.error:
            served = f" (version {one.version} is served on)" if one.version else ""
            out.print(f"\n{plain(one.file)} is broken{served}:")
            out.print(plain(one.error))
