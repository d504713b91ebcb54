"""`orchestra contact`: who is told of alerts."""

from typing import Any

import click

from orchestra.cli.client import Client, segment
from orchestra.cli.options import remote
from orchestra.cli.printing import console, milliseconds, plain, print_json, table

AT = "/api/alerts/contacts/"
CONTACT = click.argument("contact_id", metavar="CONTACT")
KEEP = "Keep the secret: it is not shown again."


@click.group()
def contact() -> None:
    """Tell people and programs of alerts: by mail, by a signed webhook, in a chat.

    \b
    Examples:
      orchestra contact add oncall --to oncall@example.com --default
      orchestra contact add pager --webhook https://example.com/hook
      orchestra contact test con_...
    """


@contact.command("list")
@remote
def list_contacts(client: Client, as_json: bool) -> None:
    """List contacts.

    \b
    Examples:
      orchestra contact list
    """
    answer = client.get(AT)
    if as_json:
        print_json(answer.body)
        return
    found = answer.read(dict[str, Any])["contacts"]
    rows = table("contact", "name", "kind", "to", "default")
    for one in found:
        where = ", ".join(one["to"]) or one["url"] or ""
        rows.add_row(
            one["id"],
            plain(one["name"]),
            one["kind"],
            plain(where),
            "yes" if one["default"] else "",
        )
    console().print(rows if found else "No contacts: nobody is told of alerts.")


@contact.command("add")
@click.argument("name", metavar="NAME")
@click.option("--to", "to", metavar="ADDRESS", multiple=True, help="By mail; repeatable.")
@click.option("--webhook", metavar="URL", help="By a webhook that is signed.")
@click.option("--slack", metavar="URL", help="In a chat: Slack, Mattermost, Discord's /slack.")
@click.option("--default", "is_default", is_flag=True, help="For rules that name nobody.")
@click.option("--no-resolved", is_flag=True, help="Tell nothing of the end of alerts.")
@remote
def add(client: Client, name: str, as_json: bool, **given: Any) -> None:
    """Make a contact that rules call NAME. Prints a webhook's secret, this once.

    \b
    Examples:
      orchestra contact add oncall --to a@example.com --to b@example.com
      orchestra contact add chat --slack https://hooks.slack.com/services/... --default
    """
    kinds = [kind for kind in ("to", "webhook", "slack") if given[kind]]
    if len(kinds) != 1:
        raise click.UsageError("say --to, --webhook or --slack, one of them")
    body: dict[str, Any] = {"name": name, "default": given["is_default"]}
    body["resolved"] = not given["no_resolved"]
    if kinds == ["to"]:
        body |= {"kind": "email", "to": list(given["to"])}
    else:
        body |= {"kind": kinds[0], "url": given[kinds[0]]}
    answer = client.post(AT, body)
    if as_json:
        print_json(answer.body)
        return
    made = answer.read(dict[str, Any])
    console().print(f"{made['id']}  {made['secret'] or ''}".rstrip(), soft_wrap=True)
    if made["secret"]:
        console(stderr=True).print(KEEP)


@contact.command("test")
@CONTACT
@remote
def test(client: Client, contact_id: str, as_json: bool) -> None:
    """Send a test now, and tell what came of it. Fails when somebody was not reached.

    \b
    Examples:
      orchestra contact test con_...
    """
    answer = client.post(f"{AT}{segment(contact_id)}/test")
    told = answer.read(dict[str, Any])
    if as_json:
        print_json(answer.body)
    else:
        for one in told["attempts"]:
            said = f"status {one['status']}" if one["status"] else "no answer"
            to = f"{plain(one['to'])}: " if one["to"] else ""
            detail = f": {plain(one['detail'])}" if one["detail"] else ""
            console().print(f"{to}{said} after {milliseconds(one['ms'])}{detail}", soft_wrap=True)
    if not told["delivered"]:
        raise SystemExit(1)


@contact.command("remove")
@CONTACT
@click.confirmation_option("--yes", prompt="Forget it, and what waits for it?", help="Do not ask.")
@remote
def remove(client: Client, contact_id: str, as_json: bool) -> None:
    """Forget a contact, and what waits for it.

    \b
    Examples:
      orchestra contact remove con_... --yes
    """
    answer = client.call("DELETE", f"{AT}{segment(contact_id)}")
    if as_json:
        print_json(answer.body or b"{}")
    else:
        console().print("It is gone.")
