"""Responses: OpenAI's newer API. https://platform.openai.com/docs/api-reference/responses.

Nothing is stored there (`store: false`), so what a reasoning model must be given back travels
with the conversation, encrypted by them. A stream is complete with `response.completed`,
`.incomplete` or `.failed`, or an `error`.
"""

import re
from collections.abc import Mapping

from orchestra.agents import TaskError
from orchestra.agents.llm import Ask, Message, Said
from orchestra.agents.llm.fields import inner, join, limit_and_rest, listed
from orchestra.agents.llm.responses_reading import ResponsesReader
from orchestra.agents.llm.schemas import is_strict, named
from orchestra.agents.llm.sending import Request, Sending, encode, json_headers, secrets_of
from orchestra.agents.providers import Emit, Failure
from orchestra.agents.records import LlmReach

_REASONING = re.compile(r"(?:.*/)?(?:o\d|gpt-(?:[5-9]|\d\d)|codex|gpt-oss)(?!.*chat)")


class ResponsesWire:
    """Responses over HTTP."""

    def __init__(self, sending: Sending) -> None:
        self._sending = sending

    async def ask(
        self,
        reach: LlmReach,
        credentials: Mapping[str, str],
        ask: Ask,
        timeout_s: float,
        emit: Emit | None,
    ) -> Said | Failure:
        """One response. Streams when `emit` is given."""
        hearing = self._sending.hearing(emit)
        secrets = secrets_of(credentials)
        request = Request(
            join(reach.base_url, "/responses"),
            json_headers(credentials),
            encode(body_of(ask, streamed=emit is not None)),
            timeout_s,
            emit is not None,
            secrets,
        )
        return await self._sending.exchange(request, ResponsesReader(hearing, secrets), hearing)

    async def check(
        self, reach: LlmReach, credentials: Mapping[str, str], timeout_s: float
    ) -> TaskError | None:
        """The list of models."""
        url = join(reach.base_url, "/models")
        return await self._sending.check(url, json_headers(credentials), timeout_s)


def body_of(ask: Ask, *, streamed: bool) -> dict[str, object]:
    """The body of a request."""
    limit, params = limit_and_rest(ask.params, ask.max_output_tokens)
    body: dict[str, object] = {**params, "model": ask.model, "store": False}
    body["input"] = [item for message in ask.messages for item in _items(message)]
    if ask.system:
        body["instructions"] = ask.system
    if limit is not None:
        body["max_output_tokens"] = limit
    if ask.schema is not None:
        schema_format = {
            "type": "json_schema",
            "name": named(ask.schema_name),
            "schema": ask.schema,
            "strict": is_strict(ask.schema),
        }
        body["text"] = {**inner(ask.params, "text"), "format": schema_format}
    if ask.tools:
        body["tools"] = [
            {
                "type": "function",
                "name": tool.name,
                "description": tool.description,
                "parameters": tool.input_schema,
                "strict": False,
            }
            for tool in ask.tools
        ]
        if "include" not in body and (_REASONING.match(ask.model) or "reasoning" in ask.params):
            # Without it the next turn cannot have the reasoning; other models refuse to be asked.
            body["include"] = ["reasoning.encrypted_content"]
    if streamed:
        body["stream"] = True
    return body


def _items(message: Message) -> list[object]:
    """The items of one turn."""
    match message.role:
        case "user":
            return [{"role": "user", "content": message.text}]
        case "tool":
            call = {"call_id": message.tool_call_id, "output": message.text}
            return [{"type": "function_call_output", **call}]
        case "assistant" if (kept := listed(message.kept)) is not None:
            return kept
        case "assistant":
            items: list[object] = []
            if message.text:
                items.append({"role": "assistant", "content": message.text})
            items += (
                {
                    "type": "function_call",
                    "call_id": call.id,
                    "name": call.name,
                    "arguments": call.arguments,
                }
                for call in message.tool_calls
            )
            return items
