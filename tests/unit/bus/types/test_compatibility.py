"""Whether a schema takes all that the one before it took."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestra.bus.types.compatibility import narrowed
from orchestra.schemas.validators import Validator

Schema = dict[str, Any]


def places(old: Schema, new: Schema) -> list[str]:
    """Where it is narrower."""
    return [finding.pointer for finding in narrowed(old, new)]


ORDER: Schema = {
    "type": "object",
    "properties": {"total": {"type": "number", "minimum": 0}, "note": {"type": "string"}},
    "required": ["total"],
}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"type": "integer"}, {"type": "number"}),
        ({"type": "string"}, {"type": ["string", "null"]}),
        ({"type": "string", "maxLength": 3}, {"type": "string", "maxLength": 4}),
        ({"type": "string", "maxLength": 3}, {"type": "string"}),
        ({"minimum": 3}, {"minimum": 2}),
        ({"enum": ["a"]}, {"enum": ["a", "b"]}),
        ({"const": "a"}, {"enum": ["a", "b"]}),
        ({"multipleOf": 6}, {"multipleOf": 3}),
        ({"anyOf": [{"type": "string"}]}, {"anyOf": [{"type": "null"}, {"type": "string"}]}),
        (ORDER, ORDER | {"required": []}),
        (ORDER, ORDER | {"properties": ORDER["properties"] | {"new": {"type": "string"}}}),
        (ORDER, {"type": "object"}),
        (ORDER | {"additionalProperties": False}, ORDER),
        ({"pattern": "^a"}, {}),
        ({"title": "A", "type": "string"}, {"title": "B", "type": "string", "format": "date"}),
        ({"items": {"type": "integer"}}, {"items": {"type": "number"}}),
    ],
)
def test_wider_is_compatible(old: Schema, new: Schema) -> None:
    assert places(old, new) == []


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ({"type": "number"}, {"type": "integer"}, "/type"),
        ({}, {"type": "string"}, "/type"),
        ({"type": "string"}, {"type": "string", "maxLength": 3}, "/maxLength"),
        ({"minimum": 2}, {"minimum": 3}, "/minimum"),
        ({"enum": ["a", "b"]}, {"enum": ["a"]}, "/enum"),
        ({"enum": [1]}, {"enum": [True]}, "/enum"),
        ({"type": "string"}, {"type": "string", "const": "a"}, "/const"),
        ({"multipleOf": 3}, {"multipleOf": 6}, "/multipleOf"),
        ({}, {"uniqueItems": True}, "/uniqueItems"),
        ({"anyOf": [{"type": "string"}, {}]}, {"anyOf": [{"type": "string"}]}, "/anyOf"),
        (ORDER, ORDER | {"required": ["total", "note"]}, "/required"),
        (ORDER, ORDER | {"additionalProperties": False}, "/additionalProperties"),
        (
            ORDER,
            ORDER | {"properties": {"total": {"type": "number", "minimum": 1}}},
            "/properties/total/minimum",
        ),
        ({"pattern": "^a"}, {"pattern": "^b"}, "/pattern"),
        ({"items": {"type": "number"}}, {"items": {"type": "integer"}}, "/items/type"),
        ({"items": {}}, {"items": False}, "/items"),
        ({}, {"not": {"type": "string"}}, "/not"),
    ],
)
def test_narrower_is_found_where_it_is(old: Schema, new: Schema, where: str) -> None:
    assert places(old, new) == [where]


def test_everything_that_is_narrower_is_found() -> None:
    new = {"type": "object", "required": ["a", "total"], "properties": {"note": {"maxLength": 3}}}

    assert places(ORDER, new) == ["/required", "/properties/note/maxLength"]


def test_references_are_followed_also_in_circles() -> None:
    def tree(leaf: Schema) -> Schema:
        node = {"type": "object", "properties": {"of": {"$ref": "#/$defs/node"}, "leaf": leaf}}
        return {"$ref": "#/$defs/node", "$defs": {"node": node}}

    assert places(tree({"type": "integer"}), tree({"type": "number"})) == []
    assert places(tree({"type": "number"}), tree({"type": "integer"})) == ["/properties/leaf/type"]


def test_the_same_words_about_other_definitions_are_not_the_same() -> None:
    def schema(kind: str) -> Schema:
        return {"oneOf": [{"$ref": "#/$defs/a"}], "$defs": {"a": {"type": kind}}}

    assert places(schema("string"), schema("null")) == ["/oneOf"]


KINDS = st.sampled_from(["null", "boolean", "number", "integer", "string", "object", "array"])
LEAF = st.fixed_dictionaries(
    {},
    optional={
        "type": st.one_of(KINDS, st.lists(KINDS, min_size=1, max_size=3, unique=True)),
        "minimum": st.integers(-2, 2),
        "maximum": st.integers(-2, 2),
        "maxLength": st.integers(0, 3),
        "minLength": st.integers(0, 3),
        "enum": st.lists(st.sampled_from([0, 1, "", "a", None, True]), min_size=1, unique=True),
    },
)
SCALARS = st.sampled_from([None, True, False, -2, 0, 1, 1.5, "", "a", "abcd"])
SCHEMAS = st.recursive(
    LEAF,
    lambda inner: st.fixed_dictionaries(
        {}, optional={"items": inner, "anyOf": st.lists(inner, min_size=1, max_size=2)}
    ),
    max_leaves=6,
)
OBJECTS = st.fixed_dictionaries(
    {"properties": st.fixed_dictionaries({"a": LEAF, "b": LEAF})},
    optional={
        "required": st.lists(st.sampled_from(["a", "b"]), unique=True),
        "additionalProperties": st.one_of(st.booleans(), LEAF),
        "maxProperties": st.integers(0, 2),
    },
)


@given(SCHEMAS, SCHEMAS, st.lists(st.one_of(SCALARS, st.lists(SCALARS, max_size=2)), max_size=5))
def test_what_passes_as_wider_refuses_nothing(
    old: Schema, new: Schema, values: list[object]
) -> None:
    assert narrowed(old, new) or refused(old, new, values) == []


@given(
    OBJECTS,
    OBJECTS,
    st.lists(st.dictionaries(st.sampled_from(["a", "b", "c"]), SCALARS), max_size=5),
)
def test_what_passes_as_wider_refuses_no_object(
    old: Schema, new: Schema, values: list[object]
) -> None:
    assert narrowed(old, new) or refused(old, new, values) == []


def refused(old: Schema, new: Schema, values: list[object]) -> list[object]:
    """Values the old schema took, and the new one does not."""
    before, after = Validator(old), Validator(new)
    return [value for value in values if before.fits(value) and not after.fits(value)]
