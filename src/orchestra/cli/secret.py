"""`orchestra secret`: set, list and remove secrets. A value is never an argument, and never shown.

An argument would stand in the shell's history and in the list of processes.
"""

import json
import sys

import click

from orchestra.cli.client import Client, segment
from orchestra.cli.lazy import LazyGroup
from orchestra.cli.options import bytes_of, remote
from orchestra.cli.printing import as_text, console, plain, print_document, print_json, table
from orchestra.cli.problems import Failed
from orchestra.cli.shapes import Secret, SecretPage


@click.group(
    cls=LazyGroup,
    lazy={"rotate": ("orchestra.cli.secret_rotate:rotate", "Let a new master key take over.")},
)
def secret() -> None:
    """Set, list and remove secrets: the credentials of agents.

    \b
    Examples:
      orchestra secret set openai --allow-host api.openai.com
      orchestra secret list
    """


@secret.command("set")
@click.argument("name", metavar="NAME")
@click.option("--from-file", metavar="FILE", help="Read the value from a file.")
@click.option(
    "--allow-host", "hosts", metavar="HOST", multiple=True, help="Send it there only; repeatable."
)
@click.option("--description", metavar="TEXT", default="", help="What it is for.")
@remote
def set_secret(
    client: Client,
    name: str,
    from_file: str | None,
    hosts: tuple[str, ...],
    description: str,
    as_json: bool,
) -> None:
    """Set a secret, or give it a new value.

    The value is asked for on a terminal, else read from standard input; one line break at its end
    is left out. HOST is a name such as api.openai.com, with a port if need be, or *.example.com.
    In a registration it is referred to as ${secret:NAME}.

    \b
    Examples:
      orchestra secret set openai --allow-host api.openai.com
      orchestra secret set openai --from-file key.txt --allow-host api.openai.com
      pass show openai | orchestra secret set openai --allow-host api.openai.com
    """
    value = value_from(from_file)
    body = {"value": value, "allowed_hosts": hosts, "description": description}
    answer = client.call(
        "PUT",
        f"/api/secrets/{segment(name)}",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    if as_json:
        print_json(answer.body)
        return
    one = answer.read(Secret)
    done = "Set." if answer.status == 201 else f"Set: version {one.version}."
    click.echo(f"{done} Refer to it as {plain(one.reference)}")
    for warning in one.warnings:
        click.echo(f"  warning: {plain(warning.message)}", err=True)


@secret.command("list")
@remote
def list_secrets(client: Client, as_json: bool) -> None:
    """List the secrets: names, where they may go, when and by whom they were set.

    \b
    Examples:
      orchestra secret list
    """
    answer = client.get("/api/secrets/")
    if as_json:
        print_json(answer.body)
        return
    page = answer.read(SecretPage)
    if not page.items:
        console().print("No secrets. Set one with: orchestra secret set NAME --allow-host HOST")
        return
    rows = table("name", "version", "hosts", "set", "by", "description")
    for one in page.items:
        hosts = ", ".join(one.allowed_hosts) or "any"
        when = one.updated_at[:16].replace("T", " ")
        rows.add_row(
            plain(one.name),
            str(one.version),
            plain(hosts),
            when,
            plain(one.updated_by),
            plain(as_text(one.description)),
        )
    console().print(rows)


@secret.command("remove")
@click.argument("name", metavar="NAME")
@remote
def remove(client: Client, name: str, as_json: bool) -> None:
    """Remove a secret. Agents that refer to it cannot be called until it is set again.

    \b
    Examples:
      orchestra secret remove openai
    """
    client.call("DELETE", f"/api/secrets/{segment(name)}")
    if as_json:
        print_document({"removed": name})
        return
    click.echo(f"Removed {plain(name)}.")


def value_from(file: str | None) -> str:
    """The value: from a file, from a person, from standard input. Raises Failed."""
    if file is None and sys.stdin.isatty():
        return str(click.prompt("Value", hide_input=True, confirmation_prompt="Once more"))
    try:
        value = bytes_of(file or "-").decode("utf-8")
    except UnicodeDecodeError as error:
        raise Failed("the value is not UTF-8 text") from error
    value = value.removesuffix("\n").removesuffix("\r")
    if not value:
        raise Failed("the value is empty")
    return value
