"""Reading answers that must be JSON."""

import pytest
from llm_agents import said

from orchestra.agents.llm.structured import Misfit, bare, instruction, parsed, repair

SCHEMA: dict[str, object] = {
    "type": "object",
    "required": ["a"],
    "properties": {"a": {"type": "integer"}, "b~/c": {"type": "array", "items": {"minimum": 1}}},
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    "text",
    ['{"a": 1}', '  {"a": 1}\n', '```json\n{"a": 1}\n```', '```\n{"a": 1}```', '```{"a": 1}```',
     '```JSON5\n{"a":1}\n```\n'],
)  # fmt: skip
def test_one_code_fence_is_taken_off(text: str) -> None:
    assert parsed(text, SCHEMA) == {"a": 1}


@pytest.mark.parametrize(
    "text",
    ["", "``````", "```", "no", '{"a": 1} and more', '{"a": NaN}', "[" * 5_000, '{"a": "\ud800"}',
     "Here: ```json\n{}\n```"],
)  # fmt: skip
def test_what_is_not_one_json_value_is_a_misfit(text: str) -> None:
    with pytest.raises(Misfit) as caught:
        parsed(text, SCHEMA)

    assert caught.value.problems[0].code == "json"


def test_a_misfit_says_where_and_at_most_five_times() -> None:
    with pytest.raises(Misfit) as caught:
        parsed('{"a": "x", "b~/c": [0, 0, 0, 0, 0, 0], "d": 1}', SCHEMA)

    pointers = [one.pointer for one in caught.value.problems]
    assert len(pointers) == 5
    assert {"/a", "/b~0~1c/0"} <= {*pointers}


def test_an_empty_schema_takes_any_json() -> None:
    assert parsed("[1]", {}) == [1]
    assert "Schema" not in instruction({})


def test_a_repair_shows_the_answer_the_errors_and_the_schema() -> None:
    with pytest.raises(Misfit) as caught:
        parsed('{"a": "x"}', SCHEMA)

    quoted, ask = repair(said('{"a": "x"}', kept={"k": 1}), caught.value, SCHEMA)

    assert (quoted.role, quoted.text, quoted.kept) == ("assistant", '{"a": "x"}', {"k": 1})
    assert "- /a: " in ask.text
    assert '"additionalProperties":false' in ask.text


def test_fences_inside_an_answer_stay() -> None:
    assert bare("a ``` b") == "a ``` b"
    assert bare("``````") == "``````"
