"""One agent, for people: a line a fact."""

import click

from orchestra.cli.client import Answer
from orchestra.cli.printing import as_text, console, plain, status, table
from orchestra.cli.shapes import Agent, members


def print_agent(answer: Answer) -> None:
    """What was answered about an agent, with what to do about its warnings."""
    one = answer.read(Agent)
    rows = table("agent", plain(one.name))
    rows.add_row("id", one.id)
    rows.add_row("type", plain(one.agent_type))
    rows.add_row("status", status(one.status))
    rows.add_row("provider", one.provider)
    for name in ("endpoint", "base_url", "model", "card_url", "url"):
        if value := getattr(one, name):
            rows.add_row(name.replace("_", " "), plain(value))
    for capability in one.capabilities:
        rows.add_row("capability", plain(f"{capability.name}  {capability.description}".strip()))
    if one.plugin is not None:
        rows.add_row("plugin", plain(f"{one.plugin.get('file')} {one.plugin.get('version')}"))
        if one.plugin.get("error"):
            rows.add_row("broken", plain(one.plugin["error"]))
    if one.pull is not None:
        rows.add_row("poll", plain(one.pull.get("poll_url", "")))
    for warning in one.warnings:
        told = members(warning)
        text = f"{told.get('message')} [{told.get('code')}]" if told else as_text(warning)
        rows.add_row("warning", plain(text))
    console().print(rows)
    if one.pull is not None and one.pull.get("token"):
        click.echo(f"\nIts token, shown this once:\n{plain(one.pull['token'])}")
