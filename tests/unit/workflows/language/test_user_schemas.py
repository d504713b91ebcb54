from typing import Any

import pytest
from workflow_documents import a_document, a_step, codes, found

from orchestra.workflows.language.user_schemas import compiled


def doubling(levels: int) -> dict[str, Any]:
    defs: dict[str, Any] = {
        f"a{n}": {"anyOf": [{"$ref": f"#/$defs/a{n + 1}"}, {"$ref": f"#/$defs/a{n + 1}"}]}
        for n in range(levels)
    }
    return {"$ref": "#/$defs/a0", "$defs": {**defs, f"a{levels}": {"type": "string"}}}


def test_errors_have_a_pointer_into_the_value() -> None:
    schema = compiled({"required": ["a/b"], "properties": {"a/b": {"items": {"type": "string"}}}})

    assert schema.errors({"a/b": ["x", 1]}) == [("/a~1b/1", '1 is not of type "string"')]
    assert schema.errors({}) == [("", '"a/b" is a required property')]
    assert schema.errors({"a/b": []}) == []


def test_the_same_schema_is_compiled_once() -> None:
    assert compiled({"type": "object", "minProperties": 1}) is compiled(
        {"minProperties": 1, "type": "object"}
    )


def test_missing_properties_get_their_default_at_any_depth() -> None:
    schema = compiled(
        {
            "properties": {
                "a": {"default": {}, "properties": {"b": {"default": [1]}}},
                "rows": {"items": {"$ref": "#/$defs/row"}},
            },
            "$defs": {"row": {"properties": {"n": {"default": 0}}}},
        }
    )
    given = {"rows": [{}, {"n": 5}]}

    assert schema.defaulted(given) == {"a": {"b": [1]}, "rows": [{"n": 0}, {"n": 5}]}
    assert given == {"rows": [{}, {"n": 5}]}


def test_a_default_that_leads_to_itself_ends() -> None:
    schema = compiled({"properties": {"a": {"$ref": "#", "default": {}}}})

    assert schema.defaulted({}) == {"a": {}}


@pytest.mark.parametrize(
    ("schema", "code", "pointer"),
    [
        ({"type": "objct"}, "schema.invalid", "/input_schema/type"),
        ({"properties": {"a": {"type": 5}}}, "schema.invalid", "/input_schema/properties/a/type"),
        ({"pattern": "(?=a)b"}, "schema.invalid", "/input_schema/pattern"),
        ({"$ref": "#/nope"}, "schema.invalid", "/input_schema"),
        ({"items": {"$ref": "http://10.0.0.1/x"}}, "schema.remote_ref", "/input_schema/items/$ref"),
        ({"$ref": "other.json"}, "schema.remote_ref", "/input_schema/$ref"),
        (doubling(26), "schema.too_complex", "/input_schema"),
        ({"$ref": "#"}, "schema.too_complex", "/input_schema"),
        ({"description": "x" * 65_536}, "schema.too_complex", "/input_schema"),
        ([], "field.type", "/input_schema"),
    ],
)
def test_a_schema_that_cannot_be_used_is_found_when_saved(
    schema: Any, code: str, pointer: str
) -> None:
    finding = found(a_document(a_step(), input_schema=schema), code)

    assert finding.pointer == pointer


@pytest.mark.parametrize(
    "schema",
    [
        doubling(10),
        {"properties": {"left": {"$ref": "#"}, "right": {"$ref": "#"}}},
        {"$defs": {"n": {"$anchor": "n", "type": "number"}}, "$ref": "#n"},
        {"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object"},
    ],
)
def test_schemas_that_refer_to_themselves_within_reason_are_fine(schema: Any) -> None:
    assert codes(a_document(a_step(), input_schema=schema)) == []


def test_a_long_chain_of_references_is_too_complex_and_no_crash() -> None:
    chain: dict[str, Any] = {f"a{n}": {"$ref": f"#/$defs/a{n + 1}"} for n in range(1_800)}
    schema = {"$ref": "#/$defs/a0", "$defs": {**chain, "a1800": {}}}

    assert codes(a_document(a_step(), input_schema=schema)) == ["schema.too_complex"]
