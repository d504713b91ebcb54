"""Request templates: a JSON value whose strings name places, `{{input.text}}`. Data, not code.

A string that is one place becomes the value there; in a longer string the place becomes text.
What was filled in is never looked at again.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

import msgspec

PLACE = re.compile(r"\{\{\s*([A-Za-z_][\w.\-]*)\s*\}\}")

ROOTS = ("input", "capability", "task_id")


class MissingInput(ValueError):
    """A place that is not there."""


def fill(template: object, scope: Mapping[str, object]) -> object:
    """The template with its places filled. Raises MissingInput."""
    if isinstance(template, str):
        whole = PLACE.fullmatch(template)
        if whole is not None:
            return walk(scope, whole[1])
        return PLACE.sub(lambda place: _text(walk(scope, place[1])), template)
    if isinstance(template, dict):
        fields = cast("dict[str, object]", template)
        return {name: fill(value, scope) for name, value in fields.items()}
    if isinstance(template, list):
        return [fill(item, scope) for item in cast("list[object]", template)]
    return template


def places(template: object) -> Iterator[str]:
    """Every place a template names."""
    if isinstance(template, str):
        yield from PLACE.findall(template)
    elif isinstance(template, dict):
        for value in cast("dict[str, object]", template).values():
            yield from places(value)
    elif isinstance(template, list):
        for item in cast("list[object]", template):
            yield from places(item)


def walk(value: object, path: str) -> object:
    """What is at `data.results.0.text`. Raises MissingInput."""
    found: Any = value
    for step in path.split("."):
        if isinstance(found, dict) and step in found:
            found = cast("dict[str, Any]", found)[step]
        elif isinstance(found, list) and step.isdigit() and int(step) < len(cast("Any", found)):
            found = cast("list[Any]", found)[int(step)]
        else:
            raise MissingInput(f"there is no {path[:64]}")
    return found


def _text(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
