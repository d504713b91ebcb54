"""Messages: what is asked, and what its blocks and events mean."""

from typing import Any

import pytest

from orchestra.agents.llm import Ask, Message, Said, ToolCall, ToolSpec
from orchestra.agents.llm.messages import body_of
from orchestra.agents.llm.messages_reading import MessagesReader
from orchestra.agents.llm.sending import Hearing
from orchestra.agents.providers import Failure, Frame, Usage
from orchestra.clock import ManualClock

CLOSED: dict[str, object] = {
    "type": "object",
    "properties": {"a": {"type": "string"}},
    "required": ["a"],
    "additionalProperties": False,
}
THINKING = {"type": "thinking", "thinking": "Hm. Well.", "signature": "c2ln"}
TOOL_USE = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"a": "x"}}


def ask(**given: Any) -> Ask:
    fields: dict[str, Any] = {"model": "m", "system": "", "messages": (Message("user", "hi"),)}
    return Ask(**(fields | given))


def message(*content: dict[str, Any], **given: Any) -> dict[str, Any]:
    usage = {"input_tokens": 10, "output_tokens": 5}
    document = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-5"}
    return document | {"content": list(content), "stop_reason": "end_turn", "usage": usage} | given


def text(said: str) -> dict[str, Any]:
    return {"type": "text", "text": said}


def once(document: dict[str, Any]) -> Said:
    answer = MessagesReader(Hearing(ManualClock(), None)).whole(document)
    assert isinstance(answer, Said), answer
    return answer


def block(index: int, start: dict[str, Any], *deltas: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"type": "content_block_start", "index": index, "content_block": start},
        *({"type": "content_block_delta", "index": index, "delta": one} for one in deltas),
        {"type": "content_block_stop", "index": index},
    ]


def read(*events: dict[str, Any], begun: bool = True) -> tuple[Said | Failure, list[Frame]]:
    heard: list[Frame] = []
    reader = MessagesReader(Hearing(ManualClock(), heard.append))
    start = {"type": "message_start", "message": message(stop_reason=None)}
    assert not begun or not reader.event("message_start", start)
    ends = [reader.event(event["type"], event) for event in events]
    assert ends == [False] * (len(events) - 1) + [True]
    return reader.end(), heard


def test_the_limit_is_always_there() -> None:
    assert body_of(ask(), streamed=False)["max_tokens"] == 4_096
    assert body_of(ask(params={"max_tokens": 9}), streamed=False)["max_tokens"] == 9
    assert body_of(ask(params={"max_output_tokens": 9}), streamed=False)["max_tokens"] == 9
    assert body_of(ask(params={"max_tokens": 9}, max_output_tokens=5), streamed=True) == {
        "model": "m",
        "max_tokens": 5,
        "stream": True,
        "messages": [{"role": "user", "content": [text("hi")]}],
    }


def test_the_schema_goes_into_the_format_beside_what_was_there() -> None:
    asked = ask(schema=CLOSED, params={"output_config": {"effort": "low"}})

    schema_format = {"type": "json_schema", "schema": CLOSED}
    config = body_of(asked, streamed=False)["output_config"]
    assert config == {"effort": "low", "format": schema_format}


def test_a_schema_that_no_grammar_says_goes_into_the_prompt() -> None:
    body = body_of(ask(system="Be.", schema={"type": "object"}), streamed=False)

    assert "output_config" not in body
    assert str(body["system"]).startswith("Be.\n\nAnswer with JSON alone")
    assert str(body["system"]).endswith('{"type":"object"}')


def test_the_answers_of_tools_are_one_turn_of_the_user() -> None:
    calls = (ToolCall("t1", "look", '{"a": "x"}'), ToolCall("t2", "look", "{bro"))
    turns = (
        Message("user", "hi"),
        Message("assistant", "", calls),
        Message("tool", "found", tool_call_id="t1"),
        Message("tool", "lost", tool_call_id="t2"),
        Message("user", "go on"),
    )
    tools = (ToolSpec("look", "Looks", CLOSED),)

    body = body_of(ask(messages=turns, tools=tools), streamed=False)

    assert body["tools"] == [{"name": "look", "description": "Looks", "input_schema": CLOSED}]
    assert body["messages"] == [
        {"role": "user", "content": [text("hi")]},
        {
            "role": "assistant",
            "content": [
                {"type": "tool_use", "id": "t1", "name": "look", "input": {"a": "x"}},
                {"type": "tool_use", "id": "t2", "name": "look", "input": {}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "t1", "content": "found"},
                {"type": "tool_result", "tool_use_id": "t2", "content": "lost"},
                text("go on"),
            ],
        },
    ]


def test_input_counts_what_the_cache_gave_and_took() -> None:
    usage = {
        "input_tokens": 10,
        "cache_read_input_tokens": 100,
        "cache_creation_input_tokens": 1_000,
        "output_tokens": 5,
        "output_tokens_details": {"thinking_tokens": 3},
        "service_tier": "standard",
    }

    answer = once(message(text("hel"), text("lo"), usage=usage))

    expected = Usage(1_110, 5, cached_tokens=100, cache_write_tokens=1_000, reasoning_tokens=3)
    assert answer == Said("hello", "stop", expected, model="claude-5", response_id="msg_1")


@pytest.mark.parametrize(
    ("reason", "finish"),
    [("end_turn", "stop"), ("stop_sequence", "stop"), ("max_tokens", "length"),
     ("model_context_window_exceeded", "length"), ("refusal", "refused"), ("new", "stop")],
)  # fmt: skip
def test_every_stop_reason_has_its_meaning(reason: str, finish: str) -> None:
    assert once(message(text("x"), stop_reason=reason)).finish == finish


def test_a_refusal_says_why() -> None:
    details = {"type": "refusal", "category": "bio", "explanation": "Not that."}

    answer = once(message(stop_reason="refusal", stop_details=details))

    assert (answer.text, answer.refusal) == ("", "Not that.")
    assert once(message(stop_reason="refusal")).refusal


def test_thinking_goes_back_with_the_call_it_led_to() -> None:
    answer = once(message(THINKING, text(""), TOOL_USE, stop_reason="tool_use"))

    assert answer.finish == "tools"
    assert answer.tool_calls == (ToolCall("toolu_1", "look", '{"a":"x"}'),)
    turn = Message("assistant", "", answer.tool_calls, kept=answer.kept)
    sent = body_of(ask(messages=(turn,)), streamed=False)["messages"]
    assert sent == [{"role": "assistant", "content": [THINKING, TOOL_USE]}]


def test_a_stream_is_put_together() -> None:
    answer, heard = read(
        {"type": "ping"},
        {"type": "something_new", "index": 7},
        *block(
            0,
            {"type": "thinking", "thinking": "", "signature": ""},
            {"type": "thinking_delta", "thinking": "Hm. "},
            {"type": "thinking_delta", "thinking": "Well."},
            {"type": "new_delta", "x": 1},
            {"type": "signature_delta", "signature": "c2ln"},
        ),
        *block(1, text(""), {"type": "text_delta", "text": "hel"},
               {"type": "text_delta", "text": "lo"}),
        *block(2, TOOL_USE | {"input": {}},
               {"type": "input_json_delta", "partial_json": '{"a"'},
               {"type": "input_json_delta", "partial_json": ': "x"}'}),
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"},
         "usage": {"output_tokens": 50, "input_tokens": None}},
        {"type": "message_stop"},
    )  # fmt: skip

    assert isinstance(answer, Said)
    assert (answer.text, answer.finish, answer.usage) == ("hello", "tools", Usage(10, 50))
    assert answer.tool_calls == (ToolCall("toolu_1", "look", '{"a": "x"}'),)
    assert answer.kept == [THINKING, text("hello"), TOOL_USE]
    assert [frame["text"] for frame in heard] == ["hel", "lo"]


def test_arguments_that_were_cut_stay_as_they_are() -> None:
    answer, _ = read(
        *block(0, TOOL_USE | {"input": {}}, {"type": "input_json_delta", "partial_json": '{"a'}),
        {"type": "message_delta", "delta": {"stop_reason": "max_tokens"}, "usage": {}},
        {"type": "message_stop"},
    )

    assert isinstance(answer, Said)
    assert (answer.finish, answer.tool_calls[0].arguments) == ("length", '{"a')


@pytest.mark.parametrize(
    ("kind", "code", "outcome"),
    [("overloaded_error", "agent.error", "fail"), ("api_error", "agent.error", "fail"),
     ("rate_limit_error", "agent.rate_limited", "rate"),
     ("authentication_error", "agent.auth", "deny"),
     ("billing_error", "agent.rate_limited", "rate"),
     ("invalid_request_error", "agent.bad_request", "none")],
)  # fmt: skip
def test_an_error_event_ends_the_stream_and_the_input_was_paid(
    kind: str, code: str, outcome: str
) -> None:
    answer, _ = read({"type": "error", "error": {"type": kind, "message": "oh"}})

    assert isinstance(answer, Failure)
    assert (answer.error.code, answer.outcome, answer.usage) == (code, outcome, Usage(10, 5))


def test_a_stream_that_never_began_is_cut() -> None:
    answer, _ = read({"type": "message_stop"}, begun=False)

    assert isinstance(answer, Failure)
    assert answer.error.code == "agent.lost"
