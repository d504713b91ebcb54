"""Schemas as the APIs take them: each compiles a subset of JSON Schema into a grammar.

What they cannot enforce is checked afterwards anyway, so a looser grammar is as good; one that is
refused is not. https://platform.openai.com/docs/guides/structured-outputs,
https://platform.claude.com/docs/en/build-with-claude/structured-outputs.
"""

import re
from typing import cast

from orchestra.agents.llm.fields import Document, text

DEPTH_MAX = 32
NAME_MAX_CHARS = 64
_LOOSE = frozenset(
    {
        "allOf", "oneOf", "not", "if", "then", "else", "patternProperties", "prefixItems",
        "dependentRequired", "dependentSchemas", "unevaluatedProperties", "contains", "$dynamicRef",
    }
)  # fmt: skip
_TAKEN = ("type", "title", "description", "const", "default", "required", "$ref")
_FORMATS = frozenset(
    {"date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"}
)


class _Unfit(Exception):
    """No grammar of theirs allows what this schema does."""


def named(name: str) -> str:
    """A name of a schema that every API takes."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", name)[:NAME_MAX_CHARS] or "answer"


def is_strict(schema: Document) -> bool:
    """Whether OpenAI enforces it as it is: every object closed, every property required."""
    return schema.get("type") == "object" and _closed(schema, 0)


def _closed(value: object, depth: int) -> bool:
    if not isinstance(value, dict) or depth > DEPTH_MAX:
        return False
    schema = cast("Document", value)
    if _LOOSE & schema.keys() or not ({"type", "anyOf", "$ref", "enum", "const"} & schema.keys()):
        return False
    properties = _mapping(schema.get("properties"))
    if schema.get("type") == "object" or properties:
        required = schema.get("required", [])
        names = set(cast("list[str]", required)) if isinstance(required, list) else set[str]()
        if schema.get("additionalProperties") is not False or names != set(properties):
            return False
    below = [*properties.values(), *_mapping(schema.get("$defs")).values()]
    if "items" in schema:
        below.append(schema["items"])
    any_of = schema.get("anyOf", [])
    below += cast("list[object]", any_of) if isinstance(any_of, list) else [None]
    return all(_closed(one, depth + 1) for one in below)


def constrained(schema: Document) -> dict[str, object] | None:
    """The schema as Anthropic takes it, looser where it must be; None when it cannot be said."""
    try:
        return _constrained(schema, 0)
    except _Unfit:
        return None


def _constrained(value: object, depth: int) -> dict[str, object]:
    if not isinstance(value, dict) or depth > DEPTH_MAX:
        raise _Unfit
    schema = cast("Document", value)
    kinds = schema.get("type")
    if isinstance(kinds, list):
        each = [{**schema, "type": kind} for kind in cast("list[object]", kinds)]
        return {"anyOf": [_constrained(one, depth + 1) for one in each]}
    taken = {name: schema[name] for name in _TAKEN if name in schema}
    for name in ("anyOf", "oneOf"):
        choices = schema.get(name)
        if isinstance(choices, list):
            taken["anyOf"] = [_constrained(one, depth + 1) for one in cast("list[object]", choices)]
    values = schema.get("enum")
    if isinstance(values, list):
        if any(isinstance(one, dict | list) for one in cast("list[object]", values)):
            raise _Unfit
        taken["enum"] = cast("list[object]", values)
    if text(schema, "format") in _FORMATS:
        taken["format"] = schema["format"]
    if schema.get("minItems") in (0, 1):
        taken["minItems"] = schema["minItems"]
    if not ({"type", "anyOf", "enum", "const", "$ref"} & taken.keys()):
        raise _Unfit
    return taken | _parts(schema, depth)


def _parts(schema: Document, depth: int) -> dict[str, object]:
    """What a schema is made of: properties, items, definitions."""
    parts: dict[str, object] = {}
    if schema.get("type") == "object":
        properties = _mapping(schema.get("properties"))
        if not properties:
            raise _Unfit  # anything goes, and a closed object without properties allows nothing
        parts["properties"] = {
            name: _constrained(one, depth + 1) for name, one in properties.items()
        }
        parts["additionalProperties"] = False
    if schema.get("type") == "array":
        parts["items"] = _constrained(schema.get("items"), depth + 1)
    definitions = _mapping(schema.get("$defs"))
    if definitions:
        parts["$defs"] = {name: _constrained(one, depth + 1) for name, one in definitions.items()}
    reference = schema.get("$ref")
    if reference is not None and not str(reference).startswith("#/$defs/"):
        raise _Unfit
    if any("$ref" in str(one) for one in definitions.values()):
        raise _Unfit  # one may refer to itself, which no grammar of theirs does
    return parts


def _mapping(value: object) -> dict[str, object]:
    return cast("dict[str, object]", value) if isinstance(value, dict) else {}
