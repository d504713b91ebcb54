"""`orchestra silence`: what nobody is told of for a while."""

from typing import Any

import click

from orchestra.cli.client import Client, segment
from orchestra.cli.options import remote
from orchestra.cli.printing import console, plain, print_json, status, table

AT = "/api/alerts/silences/"
MATCHES_SHOWN = 10


@click.group()
def silence() -> None:
    """Tell nobody of some alerts for a while. Their states go on.

    \b
    Examples:
      orchestra silence add agent=gpt severity!=critical --for 2h --comment "gpt is being moved"
      orchestra silence list
      orchestra silence remove sil_...
    """


@silence.command("list")
@remote
def list_silences(client: Client, as_json: bool) -> None:
    """List silences: those that are on, will be, or were a day ago.

    \b
    Examples:
      orchestra silence list
    """
    answer = client.get(AT)
    if as_json:
        print_json(answer.body)
        return
    found = answer.read(dict[str, Any])["silences"]
    rows = table("silence", "state", "until", "about", "author", "comment")
    for one in found:
        about = " ".join(f"{m['label']}{m['op']}{m['value']}" for m in one["matchers"])
        rows.add_row(
            one["id"], status(one["state"]), one["ends_at"], plain(about), plain(one["author"]),
            plain(one["comment"]),
        )  # fmt: skip
    console().print(rows if found else "No silences.")


@silence.command("add")
@click.argument("matchers", metavar="LABEL=VALUE...", nargs=-1, required=True)
@click.option("--for", "duration", metavar="TIME", required=True, help="As 30m, 2h or 7d.")
@click.option("--comment", required=True, help="Why.")
@click.option("--preview", is_flag=True, help="Only tell what it would be about.")
@remote
def add(client: Client, matchers: tuple[str, ...], as_json: bool, **given: Any) -> None:
    """Tell nobody of alerts that all of LABEL=VALUE fit: LABEL!=VALUE, or a * at the end of VALUE.

    LABEL is a label of the alert, or alertname, severity, rule.

    \b
    Examples:
      orchestra silence add agent=gpt* --for 2h --comment "new model"
      orchestra silence add alertname="Agent errors" --for 1d --comment known --preview
    """
    body: dict[str, Any] = {"matchers": [_matcher(text) for text in matchers]}
    if given["preview"]:
        answer = client.post(f"{AT}preview", body)
    else:
        answer = client.post(
            AT, body | {"duration": given["duration"], "comment": given["comment"]}
        )
    if as_json:
        print_json(answer.body)
        return
    told = answer.read(dict[str, Any])
    if not given["preview"]:
        console().print(f"{told['id']}  until {told['ends_at']}")
    out = console(stderr=not given["preview"])
    out.print(f"{told['count']} of the alerts that fire now are meant.")
    for one in told["matches"][:MATCHES_SHOWN]:
        labels = ", ".join(f"{name}={value}" for name, value in sorted(one["labels"].items()))
        out.print(f"  {one['id']}  {plain(labels)}", soft_wrap=True)


@silence.command("remove")
@click.argument("silence_id", metavar="SILENCE")
@remote
def remove(client: Client, silence_id: str, as_json: bool) -> None:
    """End a silence now. What still fires is said.

    \b
    Examples:
      orchestra silence remove sil_...
    """
    answer = client.call("DELETE", f"{AT}{segment(silence_id)}")
    if as_json:
        print_json(answer.body or b"{}")
    else:
        console().print("It is over.")


def _matcher(text: str) -> dict[str, str]:
    label, equals, value = text.partition("=")
    if not equals:
        raise click.BadParameter("is written LABEL=VALUE or LABEL!=VALUE")
    op = "!=" if label.endswith("!") else "="
    return {"label": label.removesuffix("!").strip(), "op": op, "value": value}
