"""Responses: what is asked, and what its items and events mean."""

from typing import Any

import pytest

from orchestra.agents.llm import Ask, Message, Said, ToolCall, ToolSpec
from orchestra.agents.llm.responses import body_of
from orchestra.agents.llm.responses_reading import ResponsesReader
from orchestra.agents.llm.sending import Hearing
from orchestra.agents.providers import Failure, Frame, Usage
from orchestra.clock import ManualClock

SCHEMA: dict[str, object] = {"type": "object", "properties": {"a": {"type": "string"}}}
REASONING = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"}
CALL = {
    "type": "function_call",
    "id": "fc_1",
    "call_id": "call_1",
    "name": "look",
    "arguments": '{"a": "x"}',
}


def ask(**given: Any) -> Ask:
    fields: dict[str, Any] = {"model": "m", "system": "", "messages": (Message("user", "hi"),)}
    return Ask(**(fields | given))


def message(*texts: str, **given: Any) -> dict[str, Any]:
    content = [{"type": "output_text", "text": text, "annotations": []} for text in texts]
    return {"type": "message", "id": "msg_1", "role": "assistant", "content": content} | given


def response(*output: dict[str, Any], **given: Any) -> dict[str, Any]:
    usage = {
        "input_tokens": 30,
        "input_tokens_details": {"cached_tokens": 10, "cache_write_tokens": 2},
        "output_tokens": 8,
        "output_tokens_details": {"reasoning_tokens": 5},
    }
    document = {"id": "resp_1", "model": "gpt-5", "status": "completed", "output": output}
    return document | {"usage": usage, "error": None, "incomplete_details": None} | given


def once(document: dict[str, Any]) -> Said | Failure:
    document["output"] = list(document["output"])
    return ResponsesReader(Hearing(ManualClock(), None)).whole(document)


def read(*events: dict[str, Any]) -> tuple[Said | Failure, list[Frame]]:
    heard: list[Frame] = []
    reader = ResponsesReader(Hearing(ManualClock(), heard.append))
    ends = [reader.event(event["type"], event) for event in events]
    assert ends == [False] * (len(events) - 1) + [True]
    return reader.end(), heard


def test_nothing_is_stored_and_the_schema_has_its_place() -> None:
    asked = ask(system="Be.", schema=SCHEMA, max_output_tokens=9, params={"text": {"x": 1}})

    assert body_of(asked, streamed=True) == {
        "model": "m",
        "store": False,
        "stream": True,
        "instructions": "Be.",
        "input": [{"role": "user", "content": "hi"}],
        "max_output_tokens": 9,
        "text": {
            "x": 1,
            "format": {"type": "json_schema", "name": "answer", "schema": SCHEMA, "strict": False},
        },
    }


def test_a_limit_may_be_registered_under_any_of_its_names() -> None:
    body = body_of(ask(params={"max_tokens": 9}), streamed=False)

    assert (body["max_output_tokens"], "max_tokens" in body) == (9, False)


@pytest.mark.parametrize(
    ("model", "encrypted"),
    [("gpt-5-mini", True), ("o4-mini", True), ("gpt-4o", False), ("gpt-5-chat-latest", False),
     ("openai/gpt-oss-20b", True), ("llama", False)],
)  # fmt: skip
def test_reasoning_is_asked_for_where_there_is_some(model: str, encrypted: bool) -> None:
    tools = (ToolSpec("look", "Looks", SCHEMA),)

    body = body_of(ask(model=model, tools=tools), streamed=False)

    assert ("include" in body) is encrypted
    described = {"name": "look", "description": "Looks", "parameters": SCHEMA, "strict": False}
    assert body["tools"] == [{"type": "function", **described}]


def test_calls_and_their_answers_are_items() -> None:
    call = ToolCall("call_1", "look", '{"a": "x"}')
    turns = (Message("assistant", "Hm.", (call,)), Message("tool", "found", tool_call_id="call_1"))

    assert body_of(ask(messages=turns), streamed=False)["input"] == [
        {"role": "assistant", "content": "Hm."},
        {"type": "function_call", "call_id": "call_1", "name": "look", "arguments": '{"a": "x"}'},
        {"type": "function_call_output", "call_id": "call_1", "output": "found"},
    ]


def test_an_answer_in_one_piece() -> None:
    answer = once(response(message("hel", "lo")))

    usage = Usage(30, 8, cached_tokens=10, cache_write_tokens=2, reasoning_tokens=5)
    assert answer == Said("hello", "stop", usage, model="gpt-5", response_id="resp_1")


def test_items_that_the_model_needs_again_are_kept_as_they_were() -> None:
    stored = {"type": "reasoning", "id": "rs_0", "summary": []}
    answer = once(response(stored, REASONING, CALL))

    assert isinstance(answer, Said)
    assert answer.finish == "tools"
    assert answer.tool_calls == (ToolCall("call_1", "look", '{"a": "x"}'),)
    turn = Message("assistant", "", answer.tool_calls, kept=answer.kept)
    assert body_of(ask(messages=(turn,)), streamed=False)["input"] == [REASONING, CALL]


def test_thinking_aloud_is_not_the_answer() -> None:
    aloud, final = message("Let me see.", phase="commentary"), message("42", phase="final_answer")

    answer = once(response(aloud, final))

    assert isinstance(answer, Said)
    assert (answer.text, answer.kept) == ("42", [aloud, final])


@pytest.mark.parametrize(
    ("reason", "finish"), [("max_output_tokens", "length"), ("content_filter", "filtered")]
)
def test_a_cut_answer_says_why(reason: str, finish: str) -> None:
    cut = response(message("and"), status="incomplete", incomplete_details={"reason": reason})

    answer = once(cut)

    assert isinstance(answer, Said)
    assert (answer.text, answer.finish) == ("and", finish)


def test_a_refusal_is_no_text() -> None:
    part = {"type": "refusal", "refusal": "No."}

    answer = once(response(message() | {"content": [part]}))

    assert isinstance(answer, Said)
    assert (answer.text, answer.refusal, answer.finish) == ("", "No.", "refused")


def test_a_stream_is_heard_and_its_last_event_is_the_answer() -> None:
    answer, heard = read(
        {"type": "response.created", "response": {"status": "in_progress"}},
        {"type": "response.something.new", "x": 1},
        {"type": "response.output_text.delta", "delta": "hel"},
        {"type": "response.output_text.delta", "delta": "lo"},
        {"type": "response.completed", "response": response(message("hello")) | {"output": []}},
    )

    assert isinstance(answer, Said)
    assert [frame["text"] for frame in heard] == ["hel", "lo"]


def test_items_told_before_stand_in_for_an_empty_end() -> None:
    answer, _ = read(
        {"type": "response.output_item.done", "item": message("hello")},
        {"type": "response.completed", "response": {"status": "completed"}},
    )

    assert isinstance(answer, Said)
    assert (answer.text, answer.usage) == ("hello", Usage())


@pytest.mark.parametrize(
    ("error", "code", "elsewhere"),
    [({"code": "server_error", "message": "oh"}, "agent.error", True),
     ({"code": "rate_limit_exceeded", "message": "slow"}, "agent.rate_limited", True),
     ({"code": "invalid_prompt", "message": "no"}, "agent.bad_request", False),
     ({"code": "image_parse_error", "message": "no"}, "agent.bad_request", False)],
)  # fmt: skip
def test_a_failed_response_is_a_failure_and_was_paid(
    error: dict[str, Any], code: str, elsewhere: bool
) -> None:
    failed = response(status="failed", error=error)

    answer, _ = read({"type": "response.failed", "response": failed})

    assert isinstance(answer, Failure)
    assert (answer.error.code, answer.elsewhere) == (code, elsewhere)
    assert answer.error.definite
    assert answer.usage is not None
    assert answer.usage.input_tokens == 30


@pytest.mark.parametrize(
    "event",
    [{"type": "error", "code": "server_error", "message": "oh", "param": None},
     {"type": "error", "error": {"type": "server_error", "message": "oh"}}],
    ids=["flat", "nested"],
)  # fmt: skip
def test_an_error_event_ends_the_stream(event: dict[str, Any]) -> None:
    answer, _ = read(event)

    assert isinstance(answer, Failure)
    assert (answer.error.code, answer.outcome) == ("agent.error", "fail")
    assert answer.error.message.endswith(": oh")


def test_a_response_that_goes_on_elsewhere_is_no_answer() -> None:
    answer = once(response(status="queued"))

    assert isinstance(answer, Failure)
