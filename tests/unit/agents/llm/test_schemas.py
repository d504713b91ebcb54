"""Schemas as the APIs take them."""

from typing import Any

import pytest

from orchestra.agents.llm.schemas import constrained, is_strict, named


def closed(**properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": [*properties],
        "additionalProperties": False,
    }


TEXT = {"type": "string"}


@pytest.mark.parametrize(
    ("schema", "strict"),
    [
        (closed(a=TEXT), True),
        (closed(a={"type": "array", "items": closed(b=TEXT)}), True),
        (closed(a={"anyOf": [TEXT, {"type": "null"}]}), True),
        (closed(a={"$ref": "#/$defs/x"}) | {"$defs": {"x": closed(b=TEXT)}}, True),
        (closed(a={"$ref": "#/$defs/x"}) | {"$defs": {"x": {"type": "object"}}}, False),
        (closed(a=TEXT) | {"required": []}, False),
        (closed(a=TEXT) | {"additionalProperties": True}, False),
        (closed(a={"type": "array", "items": {"type": "object"}}), False),
        (closed(a={}), False),
        (closed(a=True), False),
        (closed(a={"oneOf": [TEXT]}), False),
        (TEXT, False),
        ({}, False),
    ],
)
def test_only_what_is_closed_all_the_way_is_strict(schema: dict[str, Any], strict: bool) -> None:
    assert is_strict(schema) is strict


def test_a_grammar_is_looser_where_it_must_be() -> None:
    schema = {
        "type": "object",
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "properties": {
            "score": {"type": "number", "minimum": 0, "maximum": 1, "description": "0 to 1"},
            "name": {"type": ["string", "null"], "maxLength": 9},
            "when": {"type": "string", "format": "date", "pattern": "^2"},
            "tags": {"type": "array", "items": {"enum": ["a", "b"]}, "minItems": 2},
            "either": {"oneOf": [TEXT, {"const": 1}]},
        },
        "required": ["score"],
    }

    assert constrained(schema) == {
        "type": "object",
        "properties": {
            "score": {"type": "number", "description": "0 to 1"},
            "name": {"anyOf": [TEXT, {"type": "null"}]},
            "when": {"type": "string", "format": "date"},
            "tags": {"type": "array", "items": {"enum": ["a", "b"]}},
            "either": {"anyOf": [TEXT, {"const": 1}]},
        },
        "required": ["score"],
        "additionalProperties": False,
    }


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": "object"},
        {"type": "object", "additionalProperties": TEXT},
        {"type": "array"},
        closed(a=True),
        closed(a={"$ref": "#"}),
        closed(a={"enum": [{"b": 1}]}),
        closed(a={"$ref": "#/$defs/x"}) | {"$defs": {"x": closed(b={"$ref": "#/$defs/x"})}},
    ],
)
def test_what_no_grammar_says_is_left_to_the_prompt(schema: dict[str, Any]) -> None:
    assert constrained(schema) is None


def test_depth_has_a_limit() -> None:
    schema: dict[str, Any] = TEXT
    for _ in range(100):
        schema = closed(a=schema)

    assert constrained(schema) is None
    assert not is_strict(schema)


def test_a_name_is_one_that_every_api_takes() -> None:
    assert named("sentiment analysis/1.0") == "sentiment_analysis_1_0"
    assert named("ü" * 100) == "_" * 64
    assert named("") == "answer"
