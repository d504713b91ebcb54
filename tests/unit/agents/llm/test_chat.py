"""Chat Completions: what is asked, and what every server's way of answering means."""

from typing import Any

import msgspec
import pytest

from orchestra.agents.llm import Ask, Message, Said, ToolCall, ToolSpec
from orchestra.agents.llm.chat import body_of
from orchestra.agents.llm.chat_reading import ChatReader
from orchestra.agents.llm.sending import DONE, Hearing
from orchestra.agents.providers import Failure, Frame, Usage
from orchestra.clock import ManualClock

OPENAI = "https://api.openai.com/v1"
LOCAL = "http://127.0.0.1:11434/v1"
SCHEMA: dict[str, object] = {"type": "object", "properties": {"a": {"type": "string"}}}


def ask(**given: Any) -> Ask:
    fields: dict[str, Any] = {"model": "m", "system": "", "messages": (Message("user", "hi"),)}
    return Ask(**(fields | given))


def whole(**given: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": "hello", "refusal": None} | given
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": "gpt-5-mini-2026",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 12, "total_tokens": 21},
    }


def delta(finish: str | None = None, /, **given: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": given, "finish_reason": finish}
    return {"id": "chatcmpl-1", "model": "m-1", "choices": [choice], "usage": None}


def read(*chunks: dict[str, Any], done: bool = True) -> Said | Failure:
    reader = ChatReader(Hearing(ManualClock(), None))
    for chunk in chunks:
        if reader.event("message", chunk):
            return reader.end()
    assert not done or reader.event(DONE, {})
    return reader.end()


def said(*chunks: dict[str, Any]) -> Said:
    answer = read(*chunks)
    assert isinstance(answer, Said), answer
    return answer


def once(document: dict[str, Any]) -> Said | Failure:
    return ChatReader(Hearing(ManualClock(), None)).whole(document)


def test_the_limit_has_the_name_that_the_server_knows() -> None:
    asked = ask(max_output_tokens=5, params={"max_tokens": 9, "temperature": 0.1})

    assert body_of(asked, OPENAI, streamed=False) == {
        "temperature": 0.1,
        "model": "m",
        "messages": [{"role": "user", "content": "hi"}],
        "max_completion_tokens": 5,
    }
    assert body_of(asked, LOCAL, streamed=False)["max_tokens"] == 5


@pytest.mark.parametrize(
    ("given", "base_url", "name"),
    [("max_tokens", OPENAI, "max_completion_tokens"), ("max_tokens", LOCAL, "max_tokens"),
     ("max_output_tokens", LOCAL, "max_tokens"),
     ("max_completion_tokens", LOCAL, "max_completion_tokens")],
)  # fmt: skip
def test_a_limit_may_be_registered_under_any_of_its_names(
    given: str, base_url: str, name: str
) -> None:
    body = body_of(ask(params={given: 9}), base_url, streamed=False)

    assert {key: value for key, value in body.items() if key.startswith("max")} == {name: 9}


def test_a_stream_always_asks_for_its_usage() -> None:
    body = body_of(ask(), LOCAL, streamed=True)

    assert (body["stream"], body["stream_options"]) == (True, {"include_usage": True})


def test_only_a_closed_schema_is_called_strict() -> None:
    closed = {**SCHEMA, "required": ["a"], "additionalProperties": False}
    for schema, strict in ((SCHEMA, False), (closed, True)):
        body: Any = body_of(ask(schema=schema, schema_name="my answer"), OPENAI, streamed=False)
        assert body["response_format"] == {
            "type": "json_schema",
            "json_schema": {"name": "my_answer", "schema": schema, "strict": strict},
        }


def test_a_conversation_with_tools_reads_as_the_api_wants_it() -> None:
    call = ToolCall("call_1", "look", '{"a": "x"}')
    turns = (
        Message("user", "hi"),
        Message("assistant", tool_calls=(call,)),
        Message("tool", "found", tool_call_id="call_1"),
    )
    tools = (ToolSpec("look", "Looks", SCHEMA),)

    body = body_of(ask(system="Be.", messages=turns, tools=tools), OPENAI, streamed=False)

    function = {"name": "look", "arguments": '{"a": "x"}'}
    assert body["messages"] == [
        {"role": "system", "content": "Be."},
        {"role": "user", "content": "hi"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "call_1", "type": "function", "function": function}],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": "found"},
    ]
    described = {"name": "look", "description": "Looks", "parameters": SCHEMA}
    assert body["tools"] == [{"type": "function", "function": described}]


def test_an_answer_in_one_piece() -> None:
    document = whole()
    document["usage"]["prompt_tokens_details"] = {"cached_tokens": 4, "audio_tokens": 0}
    document["usage"]["completion_tokens_details"] = {"reasoning_tokens": 7}

    answer = once(document)

    usage = Usage(9, 12, cached_tokens=4, reasoning_tokens=7)
    assert answer == Said("hello", "stop", usage, model="gpt-5-mini-2026", response_id="chatcmpl-1")


@pytest.mark.parametrize(
    "document",
    [
        {"choices": [{"message": {"content": "hello"}}]},
        {"choices": [{"message": {"content": "hello"}, "finish_reason": "eos"}], "new": {"x": 1}},
        {"choices": [{"message": {"content": [{"type": "text", "text": "hello"}, {"type": "x"}]}}]},
        {"choices": [{"message": {"content": "hello", "tool_calls": None}}], "usage": None},
        {"choices": [{"message": {"content": "hello"}}], "usage": {"prompt_tokens": "many"}},
    ],
)
def test_what_is_missing_or_unknown_is_no_error(document: dict[str, Any]) -> None:
    answer = once(document)

    assert isinstance(answer, Said)
    assert (answer.text, answer.finish, answer.usage) == ("hello", "stop", Usage())


@pytest.mark.parametrize("document", [{}, {"choices": []}, {"choices": None}, {"choices": ["x"]}])
def test_an_answer_without_choices_is_none(document: dict[str, Any]) -> None:
    answer = once(document)

    assert isinstance(answer, Failure)
    assert answer.error.code == "agent.invalid_response"


def test_a_stream_is_put_together() -> None:
    usage = {"prompt_tokens": 3, "completion_tokens": 2}
    heard: list[Frame] = []
    clock = ManualClock()
    hearing = Hearing(clock, heard.append)
    reader = ChatReader(hearing)

    clock.advance(40)
    first = delta(role="assistant", content="", refusal=None, tool_calls=None)
    assert not reader.event("message", first)
    assert hearing.ttft_ms is None
    clock.advance(2)
    for chunk in (delta(content="hel"), delta(content="lo"), delta("stop"), {"choices": []}):
        assert not reader.event("message", chunk)
    assert not reader.event("message", {"choices": [], "usage": usage})
    assert reader.event(DONE, {})

    assert reader.end() == Said("hello", "stop", Usage(3, 2), model="m-1", response_id="chatcmpl-1")
    assert heard == [{"event": "delta", "text": "hel"}, {"event": "delta", "text": "lo"}]
    assert hearing.ttft_ms == 42


def test_done_without_a_finish_reason_is_a_cut_stream() -> None:
    answer = read(delta(content="hel"))

    assert isinstance(answer, Failure)
    assert (answer.error.code, answer.error.definite) == ("agent.lost", False)
    assert (answer.error.retryable, answer.elsewhere, answer.outcome) == (True, True, "fail")


@pytest.mark.parametrize(
    ("finish", "ours"),
    [("length", "length"), ("content_filter", "filtered"), ("tool_calls", "tools"),
     ("stop", "stop"), ("end_of_turn", "stop")],
)  # fmt: skip
def test_every_finish_reason_has_its_meaning(finish: str, ours: str) -> None:
    assert said(delta(content="x"), delta(finish)).finish == ours


def test_a_refusal_is_no_text() -> None:
    answer = said(delta(refusal="I can"), delta(refusal="not."), delta("stop"))

    assert (answer.text, answer.refusal, answer.finish) == ("", "I cannot.", "refused")


def fragment(index: int | None, **given: Any) -> dict[str, Any]:
    return delta(tool_calls=[({} if index is None else {"index": index}) | given])


def test_calls_come_in_fragments() -> None:
    answer = said(
        fragment(0, id="a", type="function", function={"name": "one", "arguments": ""}),
        fragment(0, function={"arguments": '{"x"'}),
        fragment(1, id="b", function={"name": "two", "arguments": "{}"}),
        fragment(0, function={"arguments": ": 1}"}),
        delta("tool_calls"),
    )

    assert answer.tool_calls == (ToolCall("a", "one", '{"x": 1}'), ToolCall("b", "two", "{}"))
    assert answer.finish == "tools"


def test_calls_without_an_index_go_by_their_id_and_objects_are_arguments() -> None:
    answer = said(
        fragment(None, id="a", function={"name": "one", "arguments": {"x": 1}}),
        fragment(None, id="b", function={"name": "two"}),
        fragment(None, function={"arguments": "{}"}),
        delta("stop"),
    )

    assert answer.tool_calls == (ToolCall("a", "one", '{"x":1}'), ToolCall("b", "two", "{}"))
    assert answer.finish == "tools"


def test_a_call_without_an_id_gets_one() -> None:
    answer = once(whole(content=None, tool_calls=[{"function": {"name": "f", "arguments": ""}}]))

    assert isinstance(answer, Said)
    assert answer.tool_calls == (ToolCall("call_0", "f", "{}"),)


def test_what_must_go_back_with_a_call_goes_back() -> None:
    signed = {"google": {"thought_signature": "c2ln"}}
    answer = said(
        delta(reasoning_content="let "),
        delta(reasoning_content="me"),
        delta(tool_calls=[{"index": 0, "id": "a", "function": {"name": "f"},
                           "extra_content": signed}]),
        delta("tool_calls"),
    )  # fmt: skip

    turn = Message("assistant", answer.text, answer.tool_calls, kept=answer.kept)
    (sent,) = msgspec.to_builtins(body_of(ask(messages=(turn,)), LOCAL, streamed=False)["messages"])

    assert sent["reasoning_content"] == "let me"
    assert sent["tool_calls"][0]["extra_content"] == signed


@pytest.mark.parametrize(
    ("error", "code", "outcome"),
    [({"code": 502, "message": "down"}, "agent.error", "fail"),
     ({"type": "rate_limit_error"}, "agent.rate_limited", "rate"),
     ({"type": "invalid_request_error", "code": "invalid_prompt"}, "agent.bad_request", "none"),
     ("it broke", "agent.error", "fail")],
)  # fmt: skip
def test_an_error_in_the_middle_ends_the_stream(error: Any, code: str, outcome: str) -> None:
    answer = read(delta(content="hel"), {"error": error}, done=False)

    assert isinstance(answer, Failure)
    assert (answer.error.code, answer.outcome) == (code, outcome)


def test_an_event_named_error_is_one() -> None:
    reader = ChatReader(Hearing(ManualClock(), None))

    assert reader.event("error", {"message": "slow down", "type": "rate_limit_error"})
    answer = reader.end()

    assert isinstance(answer, Failure)
    assert answer.error.code == "agent.rate_limited"


def test_only_the_first_choice_counts() -> None:
    other = {"choices": [{"index": 1, "delta": {"content": "no"}, "finish_reason": "stop"}]}

    assert said(delta(content="yes"), other, delta("stop")).text == "yes"
