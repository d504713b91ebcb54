"""Answers whose fields were replaced, lost, or made another type: each is read or is a failure."""

import random
from typing import Any

import msgspec
import pytest

from orchestra.agents.llm import Said
from orchestra.agents.llm.chat_reading import ChatReader
from orchestra.agents.llm.messages_reading import MessagesReader
from orchestra.agents.llm.responses_reading import ResponsesReader
from orchestra.agents.llm.sending import DONE, Hearing
from orchestra.agents.providers import Failure
from orchestra.clock import ManualClock

ROUNDS = 3_000
JUNK: list[Any] = [None, True, 0, -1, 3.5, "", "x", [], {}, [None], {"a": None}, 1 << 60, "error"]
USAGE = {"input_tokens": 1, "output_tokens": 2, "output_tokens_details": {"thinking_tokens": 1}}
CALL = {"index": 0, "id": "a", "function": {"name": "f", "arguments": "{}"}, "extra_content": {}}
TEXT = {"type": "message", "content": [{"type": "output_text", "text": "x"}], "phase": "x"}
FUNCTION = {"type": "function_call", "call_id": "c", "name": "n", "arguments": "{}"}
RESPONSE = {
    "id": "r",
    "status": "incomplete",
    "incomplete_details": {"reason": "content_filter"},
    "output": [{"type": "reasoning", "encrypted_content": "x"}, TEXT, FUNCTION],
    "usage": USAGE | {"input_tokens_details": {"cached_tokens": 1}},
}
TOOL_USE = {"type": "tool_use", "id": "i", "name": "n", "input": {}}
MESSAGE = {
    "id": "m",
    "type": "message",
    "content": [{"type": "text", "text": "x"}, TOOL_USE, {"type": "thinking", "signature": "x"}],
    "stop_reason": "refusal",
    "stop_details": {"explanation": "no"},
    "usage": USAGE,
}


def piece(kind: str, **fields: str) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": 0, "delta": {"type": kind, **fields}}


STREAMS: dict[str, tuple[Any, Any, list[Any]]] = {
    "chat": (
        ChatReader,
        {"choices": [{"message": {"content": "x", "tool_calls": [CALL]}}], "usage": {}},
        [
            {"id": "c", "choices": [{"index": 0, "delta": {"content": "x", "refusal": "y"}}]},
            {"choices": [{"delta": {"tool_calls": [CALL], "reasoning_details": [{"a": 1}]}}]},
            {"choices": [{"delta": {}, "finish_reason": "stop"}]},
            {"choices": [], "usage": {"prompt_tokens": 1, "prompt_tokens_details": {}}},
            {"error": {"code": "x", "message": "m", "type": "t"}},
        ],
    ),
    "responses": (
        ResponsesReader,
        RESPONSE,
        [
            {"type": "response.output_text.delta", "delta": "x"},
            {"type": "response.output_item.done", "item": FUNCTION},
            {"type": "response.completed", "response": RESPONSE},
            {"type": "error", "error": {"code": "x"}},
        ],
    ),
    "messages": (
        MessagesReader,
        MESSAGE,
        [
            {"type": "message_start", "message": MESSAGE | {"content": []}},
            {"type": "content_block_start", "index": 0, "content_block": TOOL_USE},
            piece("input_json_delta", partial_json='{"a": 1}'),
            piece("citations_delta", citation="x"),
            {"type": "content_block_start", "index": 1, "content_block": {"type": "new"}},
            piece("text_delta", text="x"),
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": USAGE},
            {"type": "message_stop"},
            {"type": "error", "error": {"type": "overloaded_error"}},
        ],
    ),
}


def mutated(value: Any, chance: random.Random, share: float) -> Any:
    if chance.random() < share:
        return chance.choice(JUNK)
    if isinstance(value, dict):
        fields = {name: mutated(one, chance, share) for name, one in value.items()}
        return {name: one for name, one in fields.items() if chance.random() > share / 3}
    if isinstance(value, list):
        return [mutated(one, chance, share) for one in value if chance.random() > share / 3]
    return value


def read(api: str, chance: random.Random) -> Said | Failure:
    kind, whole, events = STREAMS[api]
    reader = kind(Hearing(ManualClock(), lambda _: None))
    share = chance.choice([0.02, 0.06, 0.15])
    if chance.random() < 0.3:
        document = mutated(whole, chance, share)
        return reader.whole(document if isinstance(document, dict) else {})
    for event in events:
        document = mutated(event, chance, share)
        if isinstance(document, dict) and chance.random() > share:
            name = chance.choice(["message", "message", "message", "error", DONE])
            if reader.event(name, document):
                break
    reader.usage()
    return reader.end()


@pytest.mark.parametrize("api", STREAMS)
def test_no_answer_makes_a_reader_fall_over(api: str) -> None:
    for seed in range(ROUNDS):
        answer = read(api, random.Random(seed))

        assert msgspec.json.decode(msgspec.json.encode(answer), type=type(answer)), seed
