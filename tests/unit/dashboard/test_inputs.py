"""A form made from a schema."""

from typing import Any

import pytest

from orchestra.dashboard.workflows.inputs import example_of, fields_of, input_of

SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["text", "count"],
    "properties": {
        "text": {"type": "string", "maxLength": 80, "description": "What was said"},
        "story": {"type": "string"},
        "count": {"type": "integer", "default": 3},
        "share": {"type": "number"},
        "loud": {"type": "boolean", "default": True},
        "kind": {"enum": ["mail", "chat", 7, None]},
        "more": {"type": "object"},
        "list": {"type": "array"},
        "any": {},
    },
}


def test_each_property_is_a_field_of_its_kind() -> None:
    found = {one.key: one for one in fields_of(SCHEMA, {"text": "hello", "kind": 7})}

    assert {key: one.kind for key, one in found.items()} == {
        "text": "text", "story": "long", "count": "number", "share": "number", "loud": "check",
        "kind": "choice", "more": "json", "list": "json", "any": "json",
    }  # fmt: skip
    assert (found["text"].value, found["count"].value, found["loud"].value) == (
        "hello",
        "3",
        "true",
    )
    assert found["kind"].value == "7"
    assert found["kind"].options[0] == ('"mail"', "mail")
    assert found["text"].required
    assert found["text"].hint == "What was said"


@pytest.mark.parametrize(
    ("schema", "given"),
    [
        (None, {}), (True, {}), ({"type": "array"}, {}), ({"properties": 7}, {}),
        ({"properties": {}}, {}), (SCHEMA, []), (SCHEMA, {"unknown": 1}),
        ({"properties": {f"p{i}": {} for i in range(61)}}, {}),
    ],
)  # fmt: skip
def test_what_a_form_cannot_say_is_written_as_json(schema: object, given: object) -> None:
    assert fields_of(schema, given) == []


def test_what_was_typed_is_read_as_the_schema_has_it() -> None:
    typed = {
        "in.text": "", "in.count": "12", "in.share": "0.5", "in.kind": '"chat"',
        "in.more": '{"a": [1]}', "in.list": "", "other": "x",
    }  # fmt: skip

    assert input_of(SCHEMA, typed) == (
        {"text": "", "count": 12, "share": 0.5, "loud": False, "kind": "chat", "more": {"a": [1]}},
        {},
    )


def test_what_cannot_be_read_is_told_at_its_field_and_kept() -> None:
    made, wrong = input_of(SCHEMA, {"in.count": "many", "in.more": "{"})

    assert set(wrong) == {"count", "more"}
    assert (made["count"], made["more"]) == ("many", "{")
    assert {one.key: one.value for one in fields_of(SCHEMA, made)}["count"] == "many"


def test_odd_schemas_do_no_harm() -> None:
    odd: dict[str, Any] = {
        "properties": {
            "a": 1, "b": None, "c": {"type": ["string", "null"]}, "d": {"enum": []},
            "e": {"type": "string", "maxLength": "x"}, "f": {"description": ["x"]},
        },
        "required": "a",
    }  # fmt: skip

    assert len(fields_of(odd, {})) == 6
    assert input_of(odd, {})[1] == {}
    assert isinstance(example_of(odd), dict)
