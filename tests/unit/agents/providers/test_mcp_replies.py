"""What tools say, and what a header can carry."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from orchestra.agents.providers import Answer, Failure
from orchestra.agents.providers.freshness import bounded_s, fresh_s
from orchestra.agents.providers.mcp_replies import answer_of
from orchestra.agents.providers.mcp_wire import header_value
from orchestra.agents.providers.rpc import Fault, document, failure_of_fault, responded

TEXT = {"type": "text", "text": "said"}
IMAGE = {"type": "image", "data": "aGk=", "mimeType": "image/png"}
json_values = some.recursive(
    some.none() | some.booleans() | some.integers() | some.text(max_size=8),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("result", "output"),
    [
        ({"content": [TEXT], "structuredContent": {"n": 1}}, {"n": 1}),
        ({"content": [TEXT], "structuredContent": 0}, 0),
        ({"content": [TEXT, TEXT]}, "said\nsaid"),
        ({"content": []}, None),
        ({"content": [IMAGE]}, {"content": [IMAGE]}),
        ({"content": [TEXT, IMAGE]}, {"text": "said", "content": [TEXT, IMAGE]}),
        ({"content": [TEXT], "isError": False, "resultType": "complete", "x": 1}, "said"),
    ],
)
def test_structured_content_goes_before_text_and_text_before_blocks(
    result: dict[str, Any], output: object
) -> None:
    said = answer_of(result)

    assert isinstance(said, Answer)
    assert said.output == output


@pytest.mark.parametrize(
    ("result", "code", "message"),
    [
        ({"content": [TEXT], "isError": True}, "agent.error", "the tool failed: said"),
        ({"isError": True}, "agent.error", "the tool failed"),
        ({"resultType": "input_required"}, "agent.input_required", "the tool asks for input"),
        ({}, "agent.invalid_response", "the agent answered without content"),
    ],
)
def test_what_is_no_answer_has_its_code(result: dict[str, Any], code: str, message: str) -> None:
    said = answer_of(result)

    assert isinstance(said, Failure)
    assert (said.error.code, said.error.message) == (code, message)


@given(
    some.dictionaries(
        some.sampled_from(["content", "structuredContent", "isError", "resultType"]), json_values
    )
)
def test_no_result_breaks_it(result: dict[str, Any]) -> None:
    assert isinstance(answer_of(result), Answer | Failure)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("add", "add"),
        ("a b", "a b"),
        (" a", "=?base64?IGE=?="),
        ("é", "=?base64?w6k=?="),
        ("a\r\nx: y", "=?base64?YQ0KeDogeQ==?="),
        ("=?base64?YQ==?=", "=?base64?PT9iYXNlNjQ/WVE9PT89?="),
        ("", "=?base64??="),
    ],
)
def test_what_a_header_cannot_carry_is_in_base64(text: str, value: str) -> None:
    assert header_value(text) == value


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"result": {"a": 1}}, {"a": 1}),
        ({"result": None}, None),
        ({"error": {"code": -32602, "message": "no"}}, Fault(-32602, "no")),
        ({"error": {"code": "x", "message": 3}}, Fault(0, "")),
        ({"error": "broken"}, None),
        ({}, None),
    ],
)
def test_a_response_is_a_result_or_a_fault(body: dict[str, Any], said: object) -> None:
    assert responded(body) == said


def test_faults_of_ours_are_final_and_others_are_the_agents() -> None:
    ours, theirs = failure_of_fault(Fault(-32602, "no")), failure_of_fault(Fault(-32050))

    assert (ours.error.code, ours.outcome, ours.elsewhere) == ("agent.bad_request", "none", False)
    assert (theirs.error.code, theirs.outcome, theirs.elsewhere) == ("agent.error", "fail", True)


@pytest.mark.parametrize("body", ["", "[]", "{", "\ud800", b"\xff", "[" * 100 + "]" * 100])
def test_what_is_no_object_is_no_document(body: str | bytes) -> None:
    assert document(body) is None


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("", 300), ("max-age=60", 60), ("public, MAX-AGE=60, x", 60), ("max-age=0", 1),
        ("no-store", 1), ("no-cache, max-age=60", 1), ("s-maxage=5", 300), ("max-age=x", 300),
        ("max-age=9999999999", 86_400),
    ],
)  # fmt: skip
def test_a_card_is_fresh_as_long_as_it_says_within_bounds(header: str, seconds: float) -> None:
    assert fresh_s(header) == seconds


def test_a_time_nobody_said_is_five_minutes() -> None:
    assert (bounded_s(None), bounded_s(0.01), bounded_s(1e9)) == (300, 1, 86_400)
