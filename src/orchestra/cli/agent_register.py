"""`orchestra agent register | discover`: agents come in."""

import json
from typing import Any

import click
import msgspec

from orchestra.cli.agent_shapes import Discovered
from orchestra.cli.client import Client
from orchestra.cli.options import bytes_of, remote
from orchestra.cli.printing import console, plain, print_json, shortened, status, table
from orchestra.cli.showing_agents import print_agent

Flags = dict[str, Any]


@click.command("register")
@click.argument("file", metavar="[FILE|-]", required=False)
@click.option("--name", metavar="NAME", help="Unique; the same name is the same agent.")
@click.option("--type", "agent_type", metavar="TYPE", help="The pool it belongs to.")
@click.option("--capability", "capabilities", metavar="NAME", multiple=True, help="Repeatable.")
@click.option("--provider", metavar="NAME", help="http, openai, anthropic, a2a, mcp, python, pull.")
@click.option("--endpoint", metavar="URL", help="Of http: where tasks are posted.")
@click.option("--model", metavar="NAME", help="Of openai and anthropic.")
@click.option("--base-url", metavar="URL", help="Of openai and anthropic: another server.")
@click.option("--card-url", metavar="URL", help="Of a2a.")
@click.option("--mcp-url", "mcp_url", metavar="URL", help="Of mcp.")
@click.option("--secret", metavar="NAME", help="Credentials: see orchestra secret set.")
@click.option("--max-concurrency", type=click.IntRange(1, 10_000), help="Tasks at once.")
@click.option("--priority", type=click.IntRange(0, 15), help="Lower is asked first.")
@click.option("--set", "more", metavar="FIELD=JSON", multiple=True, help="Any other field.")
@remote
def register(client: Client, file: str | None, as_json: bool, **flags: Any) -> None:
    """Register an agent, or change it: the same name is the same agent.

    FILE holds {"name", "agent_type", "capabilities": [{"name", …}], …}; `-` is standard input.
    Options win over the file; without a file they are the registration.

    \b
    Examples:
      orchestra agent register agent.json
      orchestra agent register --name resizer --type image --capability resize \\
          --endpoint https://images.example.com/run
      orchestra agent register --name gpt-mini --type text_processor --provider openai \\
          --model gpt-5-mini --secret openai
    """
    body = body_of(file, flags)
    answer = client.post("/api/agents/register", body)
    if as_json:
        print_json(answer.body)
        return
    console().print("Registered." if answer.status == 201 else "Was known; updated.")
    print_agent(answer)


def body_of(file: str | None, flags: Flags) -> bytes:
    """The registration: the file as it is, unless options change it."""
    document = document_of(flags)
    if file is None:
        if not document:
            raise click.UsageError("name a FILE, or say at least --name and --type")
        missing = [option for option in ("name", "agent_type") if option not in document]
        if missing:
            names = " and ".join("--type" if one == "agent_type" else f"--{one}" for one in missing)
            raise click.UsageError(f"without a FILE, {names} is needed")
        document.setdefault("capabilities", [])
        return json.dumps(document).encode()
    body = bytes_of(file)
    if not document:
        return body
    try:
        whole = msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise click.UsageError(f"{file} is not a JSON object: {error}") from error
    return json.dumps(whole | document).encode()


def document_of(flags: Flags) -> Flags:
    """What the options say, as fields of a registration."""
    fields = {
        name: flags[name]
        for name in (
            "name", "agent_type", "provider", "endpoint", "model", "base_url", "card_url",
            "max_concurrency", "priority",
        )
        if flags[name] is not None
    }  # fmt: skip
    if flags["capabilities"]:
        fields["capabilities"] = [{"name": name} for name in flags["capabilities"]]
    if flags["mcp_url"] is not None:
        fields["url"] = flags["mcp_url"]
    if flags["secret"] is not None:
        fields["auth"] = {"type": "bearer", "secret": "${secret:" + flags["secret"] + "}"}
    for pair in flags["more"]:
        name, given, value = pair.partition("=")
        if not given:
            raise click.BadParameter(f"{pair!r} is not FIELD=JSON", param_hint="--set")
        try:
            fields[name] = json.loads(value)
        except ValueError:
            fields[name] = value
    return fields


@click.command("discover")
@click.argument("address", metavar="URL")
@click.option("--register", "take", is_flag=True, help="Register what is found.")
@click.option("--name", metavar="NAME", help="For the agent, if one is found.")
@click.option("--type", "agent_type", metavar="TYPE", help="The pool it is to belong to.")
@click.option("--secret", metavar="NAME", help="Credentials: see orchestra secret set.")
@remote
def discover(
    client: Client, address: str, take: bool, secret: str | None, as_json: bool, **named: str | None
) -> None:
    """Look behind a URL: an A2A agent, an MCP server, a server of models.

    The exit code is 1 when nothing is there.

    \b
    Examples:
      orchestra agent discover https://agents.example.com
      orchestra agent discover http://127.0.0.1:4041/mcp --register --name sums
    """
    body: Flags = {"url": address, "register": take, **named}
    if secret is not None:
        body["auth"] = {"type": "bearer", "secret": "${secret:" + secret + "}"}
    body = {field: value for field, value in body.items() if value is not None}
    answer = client.post("/api/agents/discover", body)
    found = answer.read(Discovered)
    if as_json:
        print_json(answer.body)
    else:
        print_discovered(found, take)
    if not found.found:
        raise SystemExit(1)


def print_discovered(found: Discovered, taken: bool) -> None:
    """What there is; where nothing is, what was tried."""
    out = console()
    for one in found.found:
        rows = table(plain(one.kind), plain(one.url))
        rows.add_row("name", plain(one.registration.get("name", "")))
        rows.add_row("type", plain(one.registration.get("agent_type", "")))
        for capability in one.capabilities:
            told = f"{capability.get('name')}  {capability.get('description', '')}"
            rows.add_row("capability", shortened(told, 70))
        for warning in one.warnings:
            rows.add_row("warning", plain(warning.message))
        if one.agent is not None:
            rows.add_row("registered", one.agent.id)
            rows.add_row("status", status(one.agent.status))
        out.print(rows)
    if not found.found:
        out.print(f"Nothing that can be called is at {plain(found.url)}.")
        # MCP is looked for at two addresses: both failing alike is one line.
        for line in dict.fromkeys(f"  {missed.kind}: {missed.message}" for missed in found.tried):
            out.print(plain(line))
    elif not taken:
        out.print("Nothing was registered: add --register, or see --json for the registrations.")
