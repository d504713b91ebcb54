"""`orchestra alert rule`: when something fires."""

import json
from collections.abc import Mapping
from typing import Any, cast

import click
import msgspec

from orchestra.cli.client import Client, segment
from orchestra.cli.options import bytes_of, remote
from orchestra.cli.printing import console, plain, print_document, print_json, table

AT = "/api/alerts/rules"
RULE = click.argument("rule_id", metavar="RULE")
FILE = click.argument("file", metavar="FILE|-")
MADE = ("id", "built_in", "created_at", "updated_at", "revision", "evaluation", "warnings")
"""Members of a rule that nobody writes."""
PAGE, PAGES_MAX = 200, 10
SHOWN_MAX = 20

Document = dict[str, Any]


@click.group("rule")
def rule() -> None:
    """Rules: what is watched, and when somebody is told.

    \b
    Examples:
      orchestra alert rule list
      orchestra alert rule test slow-checkout.json --from -7d
      orchestra alert rule apply slow-checkout.json
      orchestra alert rule disable alr_builtin_loop_lag
    """


@rule.command("list")
@remote
def list_rules(client: Client, as_json: bool) -> None:
    """List rules, those that come with the product first.

    \b
    Examples:
      orchestra alert rule list
    """
    found = _all(client)
    if as_json:
        print_document({"rules": found})
        return
    for one in found:  # an id is copied: it is never broken
        state = one["evaluation"]["state"] if one["enabled"] else "disabled"
        told = {"no_data": "no data yet"}.get(state, plain(state))
        console().print(
            f"{plain(one['id'])}  {told}, {plain(one['severity'])}\n"
            f"    {' '.join(plain(one['name']).split())}: {plain(_watches(one))}",
            soft_wrap=True,
        )


@rule.command("show")
@RULE
@remote
def show(client: Client, rule_id: str, as_json: bool) -> None:
    """Show one rule.

    \b
    Examples:
      orchestra alert rule show alr_...
    """
    answer = client.get(f"{AT}/{segment(rule_id)}")
    if as_json:
        print_json(answer.body)
        return
    _print(answer.read(Document))


@rule.command("apply")
@FILE
@remote
def apply(client: Client, file: str, as_json: bool) -> None:
    """Keep the rule in FILE, or all of {"rules": [...]}. One of the same name is changed.

    \b
    Examples:
      orchestra alert rule apply rules.json
      orchestra alert rule list --json | orchestra alert rule apply -
    """
    known = {one["name"]: one for one in _all(client)}
    done: list[Document] = []
    for wanted in _rules(file):
        body = {name: value for name, value in wanted.items() if name not in MADE}
        had = known.get(cast("str", body.get("name")))
        word, one = _kept(client, body, had)
        done.append(one)
        known[one["name"]] = one
        if not as_json:
            console().print(f"{word:10} {plain(one['id'])}  {plain(one['name'])}", soft_wrap=True)
            for warning in one["warnings"]:
                near = ", ".join(map(str, warning["near"]))
                told = f"{warning['pointer']}: {warning['message']}"
                told += f" (did you mean {near}?)" if near else ""
                console(stderr=True).print(f"  {plain(told)}", soft_wrap=True)
    if as_json:
        print_document({"rules": done})


@rule.command("test")
@FILE
@click.option("--from", "since", metavar="TIME", default="-24h", show_default=True)
@click.option("--to", "until", metavar="TIME", default="now", show_default=True)
@remote
def test(client: Client, file: str, since: str, until: str, as_json: bool) -> None:
    """Try the rule in FILE on what was measured: when it would have fired. Nothing is kept.

    \b
    Examples:
      orchestra alert rule test slow-checkout.json --from -7d
    """
    rules = _rules(file)
    if len(rules) != 1:
        raise click.UsageError("FILE must hold one rule")
    body = {name: value for name, value in rules[0].items() if name not in MADE}
    answer = client.post(f"{AT}/test", body | {"from": since, "to": until})
    if as_json:
        print_json(answer.body)
        return
    found = answer.read(Document)
    out = console()
    looked = f"{found['looks']} looks, {found['step_s']} s apart at most"
    out.print(f"It would have fired {found['fired']} times ({looked}).", soft_wrap=True)
    rows = table("fired", "resolved", "worst", "labels")
    for one in found["episodes"][:SHOWN_MAX]:
        labels = ", ".join(f"{name}={value}" for name, value in sorted(one["labels"].items()))
        worst = "-" if one["worst"] is None else f"{one['worst']:.6g}"
        rows.add_row(one["fired_at"], one["resolved_at"] or "-", worst, plain(labels))
    if found["episodes"]:
        out.print(rows)
    bounded: Document = found["bounded"] or {}
    for name, value in bounded.items():
        console(stderr=True).print(f"bounded: {plain(name)} {plain(value)}", soft_wrap=True)


@rule.command("enable")
@RULE
@remote
def enable(client: Client, rule_id: str, as_json: bool) -> None:
    """Turn a rule on.

    \b
    Examples:
      orchestra alert rule enable alr_...
    """
    _turn(client, rule_id, as_json, enabled=True)


@rule.command("disable")
@RULE
@remote
def disable(client: Client, rule_id: str, as_json: bool) -> None:
    """Turn a rule off: its alerts that fire are resolved.

    \b
    Examples:
      orchestra alert rule disable alr_builtin_loop_lag
    """
    _turn(client, rule_id, as_json, enabled=False)


@rule.command("delete")
@RULE
@remote
def delete(client: Client, rule_id: str, as_json: bool) -> None:
    """Forget a rule: its alerts that fire are resolved.

    \b
    Examples:
      orchestra alert rule delete alr_...
    """
    answer = client.call("DELETE", f"{AT}/{segment(rule_id)}")
    if as_json:
        print_json(answer.body or b"{}")
    else:
        console().print("It is gone.")


def _turn(client: Client, rule_id: str, as_json: bool, *, enabled: bool) -> None:
    had = client.get(f"{AT}/{segment(rule_id)}").read(Document)
    body = {name: value for name, value in had.items() if name not in MADE}
    _, one = _kept(client, body | {"enabled": enabled}, had)
    if as_json:
        print_document(one)
    else:
        _print(one)


def _kept(client: Client, body: Document, had: Document | None) -> tuple[str, Document]:
    """Make it, or put it in the place of the one that is there; and what was done."""
    if had is None:
        return "made", client.post(AT, body).read(Document)
    same = {name: value for name, value in had.items() if name not in MADE}
    if same == body:
        return "unchanged", had
    headers = {"Content-Type": "application/json", "If-Match": f'"{had["revision"]}"'}
    path = f"{AT}/{segment(had['id'])}"
    answer = client.call("PUT", path, json.dumps(body).encode(), headers)
    return "changed", answer.read(Document)


def _all(client: Client) -> list[Document]:
    found: list[Document] = []
    cursor: str | None = None
    for _ in range(PAGES_MAX):
        page = client.get(AT, limit=PAGE, cursor=cursor).read(Document)
        found += page["rules"]
        cursor = page["cursor"]
        if cursor is None:
            break
    return found


def _rules(file: str) -> list[Document]:
    """The rules in a file: one, or several under `rules`."""
    try:
        given = msgspec.json.decode(bytes_of(file), type=Document)
    except msgspec.DecodeError as error:
        raise click.UsageError(f"{file} is not a JSON object: {error}") from error
    try:
        return msgspec.convert(given.get("rules", [given]), list[Document])
    except msgspec.ValidationError as error:
        raise click.UsageError(f"{file}: `rules` is a list of rules") from error


def _watches(one: Mapping[str, Any]) -> str:
    """A rule in a line."""
    window = one.get("window", "1h and 6h")
    match one["kind"]:
        case "absent":
            return f"nothing of {one['metric']} in {window}"
        case "log":
            return f"lines with {one['query']} in {window} {one['op']} {one['threshold']:g}"
        case kind:
            what = f"{one.get('agg') or 'value'} of {one['metric']} in {window}"
            limit = f"{one.get('op', '>')} {one['threshold']:g}"
            return f"{what} {limit}" if kind == "threshold" else f"{kind} of {what} {limit}"


def _print(one: Mapping[str, Any]) -> None:
    went = one["evaluation"]
    lines = (
        ("rule", one["id"]), ("name", one["name"]), ("watches", _watches(one)),
        ("by", ", ".join(one.get("by", []))), ("for", one["for"]), ("severity", one["severity"]),
        ("enabled", "yes" if one["enabled"] else "no"), ("state", went["state"]),
        ("error", went["error"]), ("tells", ", ".join(one["notify"])),
        ("revision", one["revision"]),
    )  # fmt: skip
    for name, value in lines:
        if value not in (None, ""):
            console().print(f"{name:12} {plain(value)}", soft_wrap=True)
