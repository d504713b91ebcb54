"""Schemas whose check would not end are not taken; those that people write are."""

from typing import Any

import msgspec
import pytest

from orchestra.schemas.judging import fault_of

JSON = {
    "anyOf": [
        {"type": ["string", "number", "boolean", "null"]},
        {"type": "array", "items": {"$ref": "#"}},
        {"type": "object", "additionalProperties": {"$ref": "#"}},
    ]
}


def as_read(schema: dict[str, Any]) -> dict[str, Any]:
    """No two parts of it are the same object."""
    return msgspec.json.decode(msgspec.json.encode(schema))


def maybe(target: str) -> dict[str, Any]:
    return {"anyOf": [{"$ref": target}, {"type": "null"}], "default": None}


def doubled(word: str, steps: int, last: dict[str, Any]) -> dict[str, Any]:
    """Each step asks for the next one twice."""
    steps_to = {f"a{i}": {word: [{"$ref": f"#/$defs/a{i - 1}"}] * 2} for i in range(1, steps)}
    return {"$defs": {"a0": last, **steps_to}, "$ref": f"#/$defs/a{steps - 1}"}


@pytest.mark.parametrize(
    "schema",
    [
        doubled("anyOf", 30, {"type": "string"}),
        doubled("allOf", 12, {"type": "string"}),
        {"$ref": "#"},
        {"anyOf": [{"type": "string"}, {"$ref": "#"}]},
        {"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"not": {"$ref": "#/$defs/a"}}}},
        {"$defs": {"x y": {"$ref": "#/$defs/x%20y"}}},
        {"$dynamicAnchor": "n", "allOf": [{"$dynamicRef": "#n"}]},
        {"properties": {"c": {"$id": "https://x.example/", "$ref": "#"}}},
        {"anyOf": [{"properties": {"c": {"$ref": "#"}}}, {"properties": {"c": {"$ref": "#"}}}]},
        {"allOf": [{"items": {"$ref": "#"}}, {"prefixItems": [1], "contains": {"$ref": "#"}}]},
        {"anyOf": [JSON, JSON, {"items": {"$ref": "#"}}, {"items": [{"$ref": "#"}]}]},
        {"allOf": [{"pattern": f"a{i}"} for i in range(65)]},
        {"patternProperties": {f"a{i}": {} for i in range(65)}},
        {"pattern": "(a|b|c|ab){9000}"},
        {"patternProperties": {"a": {"$ref": "#"}, "b": {"$ref": "#"}}},
    ],
)  # fmt: skip
def test_a_schema_whose_check_would_not_end_is_refused(schema: dict[str, Any]) -> None:
    assert fault_of(as_read(schema)) is not None


@pytest.mark.parametrize(
    "schema",
    [
        {},
        JSON,
        {"properties": {"left": {"$ref": "#"}, "right": {"$ref": "#"}}},
        {"properties": {"left": maybe("#"), "right": maybe("#"), "all": {"items": maybe("#")}}},
        {"properties": {"children": {"type": "array", "items": {"$ref": "#"}}}, "required": []},
        {"anyOf": [{"properties": {"n": {"const": i}}} for i in range(300)]},
        {"properties": {"not": {"type": "string"}, "$ref": {"type": "string"}}},
        {"pattern": "^.{0,1000}$", "properties": {"pattern": {"pattern": "^[\\w.-]{1,255}$"}}},
        {"$id": "https://x.example/s", "$defs": {"a": {"$anchor": "b"}}, "$ref": "#b"},
        doubled("anyOf", 8, {"type": "string"}),
    ],
)
def test_schemas_that_people_write_are_taken(schema: dict[str, Any]) -> None:
    assert fault_of(as_read(schema)) is None
