"""Workflows to begin with: complete, and run by the agents that are built in where that can be."""

from importlib.resources import files
from typing import Any, Final

import msgspec


class Example(msgspec.Struct, frozen=True):
    """A definition that somebody can start from."""

    name: str
    description: str
    text: str


def _read() -> dict[str, Example]:
    found: dict[str, Example] = {}
    folder = files("orchestra.dashboard.workflows") / "samples"
    for file in sorted(folder.iterdir(), key=lambda one: one.name):
        text = file.read_text("utf-8")
        document: dict[str, Any] = msgspec.json.decode(text)
        name = file.name.removesuffix(".json")
        found[name] = Example(name, str(document.get("description", "")), text)
    return found


EXAMPLES: Final = _read()
