"""JSON Schemas that people register: valid, bounded, and reaching nothing outside themselves."""

from collections.abc import Iterator, Mapping
from typing import Any, NoReturn, cast

import jsonschema_rs
import msgspec

from orchestra.schemas.work import (
    MEETING_MAX,
    Endless,
    meeting,
    nested_ids,
    patterns_in,
)

SCHEMA_MAX_BYTES = 65_536
DEPTH_MAX = 64
PATTERNS_MAX = 64
PATTERN_MAX_BYTES = 1_048_576
"""What one pattern may take when it is compiled: `.{0,1000}` takes 700 KB."""


def fault_of(schema: Mapping[str, object]) -> str | None:
    """What is wrong with a schema; None when nothing is."""
    if len(msgspec.json.encode(schema)) > SCHEMA_MAX_BYTES:
        return f"a schema has at most {SCHEMA_MAX_BYTES} bytes"
    for name, target in _references(schema, 0):
        if name == "":
            return f"a schema is nested at most {DEPTH_MAX} deep"
        if not target.startswith("#"):
            return "a schema refers only to itself: $ref begins with #"
    if patterns_in(schema) > PATTERNS_MAX:
        return f"a schema has at most {PATTERNS_MAX} patterns"
    if fault := _fault_of_work(schema):
        return fault
    try:
        validator_of(dict(schema))
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError):
        return "not a JSON Schema (2020-12) that can be used"
    return None


def _fault_of_work(schema: Mapping[str, object]) -> str | None:
    """Whether checking a value might not end."""
    if next(nested_ids(schema), None) is not None:
        return "a schema has its $id at the top only"
    try:
        met = meeting(schema)
    except Endless:
        return "a schema refers to itself only for what is further down in a value"
    if met > MEETING_MAX:
        return f"more than {MEETING_MAX} of its parts would be checked at one place of a value"
    return None


def validator_of(schema: Any) -> Any:
    """What checks values. Linear patterns only: no look-around, no back references."""
    return jsonschema_rs.Draft202012Validator(
        schema,
        retriever=_refuse,
        pattern_options=jsonschema_rs.RegexOptions(size_limit=PATTERN_MAX_BYTES),
    )


def _references(value: object, depth: int) -> Iterator[tuple[str, str]]:
    if depth > DEPTH_MAX:
        yield "", ""
    elif isinstance(value, dict):
        for name, inner in cast("Mapping[str, Any]", value).items():
            if name in ("$ref", "$dynamicRef", "$schema") and isinstance(inner, str):
                if name != "$schema":
                    yield name, inner
            else:
                yield from _references(inner, depth + 1)
    elif isinstance(value, list):
        for inner in cast("list[Any]", value):
            yield from _references(inner, depth + 1)


def _refuse(uri: str) -> NoReturn:
    raise ValueError(f"not fetched: {len(uri)} characters")
