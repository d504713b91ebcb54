"""What is held of a stream: limited as a whole, and put together in one go."""

import time
from typing import Any

import pytest

from orchestra.agents.llm import Said
from orchestra.agents.llm.chat_reading import ChatReader
from orchestra.agents.llm.holding import put_together
from orchestra.agents.llm.messages_reading import MessagesReader
from orchestra.agents.llm.responses_reading import ResponsesReader
from orchestra.agents.llm.sending import DONE, Hearing
from orchestra.agents.providers.sse import Malformed
from orchestra.clock import ManualClock

MANY: list[Any] = [[] for _ in range(100_000)]
ENDLESS: dict[str, tuple[Any, dict[str, Any]]] = {
    "chat": (ChatReader, {"choices": [{"delta": {"reasoning_details": MANY}}]}),
    "calls": (
        ChatReader,
        {"choices": [{"delta": {"tool_calls": [{"index": 0, "extra_content": {"x": MANY}}]}}]},
    ),
    "responses": (ResponsesReader, {"type": "response.output_item.done", "item": {"x": MANY}}),
    "messages": (MessagesReader, {"type": "content_block_start", "content_block": {"x": MANY}}),
}


def reader_of(kind: Any) -> Any:
    return kind(Hearing(ManualClock(), None))


@pytest.mark.parametrize("api", ENDLESS)
def test_an_answer_of_endless_small_values_is_given_up(api: str) -> None:
    kind, event = ENDLESS[api]
    reader = reader_of(kind)

    with pytest.raises(Malformed):
        _ = [reader.event("", event) for _ in range(10)]


def test_many_pieces_are_put_together_in_one_go() -> None:
    reader = reader_of(ChatReader)
    piece = {"choices": [{"delta": {"reasoning_content": "x" * 40}}]}
    call = {"id": "a", "function": {"name": "f"}}
    began = time.process_time()

    for _ in range(100_000):
        reader.event("", piece)
    last = {"delta": {"tool_calls": [call]}, "finish_reason": "tool_calls"}
    reader.event("", {"choices": [last]})
    assert reader.event(DONE, {})
    said = reader.end()

    assert isinstance(said, Said)
    assert said.kept == {"message": {"reasoning_content": "x" * 4_000_000}}
    assert time.process_time() - began < 5, "copying all for each piece takes minutes"


def test_pieces_of_texts_and_lists_are_joined_and_others_replaced() -> None:
    assert put_together(["a", "b"]) == "ab"
    assert put_together([[1], [2, 3]]) == [1, 2, 3]
    assert put_together(["a", {"b": 1}]) == {"b": 1}
