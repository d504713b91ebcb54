"""`orchestra hook`: addresses by which others start workflows here, or answer waiting steps."""

from typing import Any

import click

from orchestra.cli.client import Client, segment
from orchestra.cli.options import remote, text_of
from orchestra.cli.printing import (
    as_text,
    console,
    plain,
    print_json,
    print_members,
    shortened,
    status,
    table,
)

HOOK = click.argument("hook_id", metavar="HOOK")
SCHEMES = ("standard-webhooks", "github", "slack", "stripe")
SECRET_FILE = click.option(
    "--secret-file", metavar="FILE", help="The sender's; - is standard input."
)
SHOWN = 40


@click.group()
def hook() -> None:
    """Let others tell us: a push, a message, an approval, each signed by its sender.

    \b
    Examples:
      orchestra hook add pushes --scheme github --workflow wfl_...
      orchestra hook add approvals --signal approved --execution '${input.execution_id}'
      orchestra hook list
    """


@hook.command("list")
@remote
def list_hooks(client: Client, as_json: bool) -> None:
    """List inbound hooks.

    \b
    Examples:
      orchestra hook list
    """
    answer = client.get("/api/webhooks/inbound")
    if as_json:
        print_json(answer.body)
        return
    found = answer.read(dict[str, Any])["hooks"]
    rows = table("hook", "name", "status", "signed", "does")
    for one in found:
        signed = "public" if one["public"] else one["scheme"]
        does = shortened(as_text(one["target"]), SHOWN) if one["target"] else "an event"
        rows.add_row(one["id"], plain(one["name"]), status(one["state"]), signed, does)
    console().print(rows if found else "No hooks.")


@hook.command("add")
@click.argument("name", metavar="NAME")
@click.option("--scheme", type=click.Choice(SCHEMES), default=SCHEMES[0], show_default=True)
@SECRET_FILE
@click.option("--workflow", metavar="ID", help="Start this workflow with what comes.")
@click.option("--signal", metavar="NAME", help="Tell a waiting step; with --execution.")
@click.option("--execution", metavar="ID", help="Whom; ${input.…} is where what comes names it.")
@click.option("--header", "headers", metavar="NAME", multiple=True, help="Pass it on; repeatable.")
@click.option("--public", is_flag=True, help="Believe everybody. Only for administrators.")
@remote
def add(client: Client, name: str, as_json: bool, **given: Any) -> None:
    """Make an address. Prints it and the secret to be given to the sender, this once.

    \b
    Examples:
      orchestra hook add pushes --scheme github --workflow wfl_...
      orchestra hook add mentions --scheme slack --secret-file signing-secret.txt
    """
    wanted: dict[str, Any] = {"name": name, "scheme": given["scheme"], "headers": given["headers"]}
    if given["workflow"]:
        wanted["target"] = {"workflow": given["workflow"]}
    if given["signal"] or given["execution"]:
        signal = {"execution": given["execution"] or "", "name": given["signal"] or ""}
        wanted["target"] = wanted.get("target", {}) | {"signal": signal}
    wanted |= {"public": True} if given["public"] else {}
    if given["secret_file"]:
        wanted["secret"] = text_of(given["secret_file"]).strip()
    answer = client.post("/api/webhooks/inbound", wanted)
    if as_json:
        print_json(answer.body)
        return
    made = answer.read(dict[str, Any])
    url = made["url"] if "://" in made["url"] else f"{client.url.rstrip('/')}{made['url']}"
    console().print(f"{made['id']}  {url}", soft_wrap=True)
    if made["secret"]:
        console().print(made["secret"], soft_wrap=True)
        console(stderr=True).print("Give the sender both. The secret is not shown again.")


@hook.command("show")
@HOOK
@remote
def show(client: Client, hook_id: str, as_json: bool) -> None:
    """Show one hook.

    \b
    Examples:
      orchestra hook show ihk_...
    """
    answer = client.get(_at(hook_id))
    if as_json:
        print_json(answer.body)
    else:
        print_members(answer.read(dict[str, Any]))


@hook.command("rotate")
@HOOK
@click.option("--overlap-h", type=click.IntRange(0, 168), default=24, show_default=True)
@SECRET_FILE
@remote
def rotate(
    client: Client, hook_id: str, overlap_h: int, secret_file: str | None, as_json: bool
) -> None:
    """Replace the secret. The old one is believed, too, for so many hours.

    \b
    Examples:
      orchestra hook rotate ihk_... --overlap-h 48
    """
    wanted: dict[str, Any] = {"overlap_h": overlap_h}
    if secret_file:
        wanted["secret"] = text_of(secret_file).strip()
    answer = client.post(f"{_at(hook_id)}/rotate-secret", wanted)
    if as_json:
        print_json(answer.body)
        return
    console().print(answer.read(dict[str, Any])["secret"], soft_wrap=True)
    console(stderr=True).print("Give it to the sender: it is not shown again.")


@hook.command("remove")
@HOOK
@click.confirmation_option("--yes", prompt="Refuse what comes there?", help="Do not ask.")
@remote
def remove(client: Client, hook_id: str, as_json: bool) -> None:
    """Forget a hook: what comes there is refused.

    \b
    Examples:
      orchestra hook remove ihk_... --yes
    """
    answer = client.call("DELETE", _at(hook_id))
    if as_json:
        print_json(answer.body or b"{}")
    else:
        console().print("It is gone.")


def _at(hook_id: str) -> str:
    return f"/api/webhooks/inbound/{segment(hook_id)}"
