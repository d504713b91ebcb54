"""Messages: Anthropic's API. https://platform.claude.com/docs/en/api/messages.

A turn that the API pauses is sent back to it until it ends, as part of the same call.
"""

from collections.abc import Mapping
from typing import cast

import msgspec

from orchestra.agents import TaskError
from orchestra.agents.llm import Ask, Message, Said
from orchestra.agents.llm.fields import inner, join, limit_and_rest, listed, object_in
from orchestra.agents.llm.messages_reading import PAUSED, MessagesReader
from orchestra.agents.llm.schemas import constrained
from orchestra.agents.llm.sending import Request, Sending, encode, json_headers, secrets_of
from orchestra.agents.providers import Emit, Failure, Usage
from orchestra.agents.providers.usage import added
from orchestra.agents.records import LlmReach

VERSION = "2023-06-01"
OUTPUT_TOKENS = 4_096
PAUSES_MAX = 8
_JSON_ONLY = "Answer with JSON alone, valid against this JSON Schema:"


class MessagesWire:
    """Messages over HTTP."""

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
        """One message, in as many requests as the API pauses. Streams when `emit` is given."""
        hearing = self._sending.hearing(emit)
        secrets = secrets_of(credentials)
        body = body_of(ask, streamed=emit is not None)
        begun, most = Said("", "stop", Usage()), cast("int", body["max_tokens"])
        for _ in range(PAUSES_MAX):
            request = Request(
                join(reach.base_url, "/v1/messages"),
                _headers(credentials),
                encode(body),
                max(0.001, timeout_s - hearing.elapsed_s()),
                emit is not None,
                secrets,
            )
            reader = MessagesReader(hearing, secrets, keep_all=bool(begun.response_id))
            said = await self._sending.exchange(request, reader, hearing)
            if isinstance(said, Failure):
                return msgspec.structs.replace(said, usage=added(_used(begun), said.usage))
            begun = _joined(begun, said)
            if reader.stop_reason != PAUSED or not said.kept:
                return begun
            left = most - begun.usage.output_tokens
            if left <= 0:
                break
            turn = {"role": "assistant", "content": said.kept}
            messages = [*cast("list[object]", body["messages"]), turn]
            body |= {"messages": messages, "max_tokens": left}
        return msgspec.structs.replace(begun, finish="length")

    async def check(
        self, reach: LlmReach, credentials: Mapping[str, str], timeout_s: float
    ) -> TaskError | None:
        """The list of models."""
        url = join(reach.base_url, "/v1/models")
        return await self._sending.check(url, _headers(credentials), timeout_s)


def _used(said: Said) -> Usage | None:
    return said.usage if said.response_id else None


def _joined(before: Said, said: Said) -> Said:
    """Both parts of a turn that was paused between them."""
    if not before.response_id:
        return said
    kept = [*cast("list[object]", before.kept or []), *cast("list[object]", said.kept or [])]
    text = before.text + said.text
    usage = added(before.usage, said.usage) or said.usage
    return msgspec.structs.replace(said, text=text, usage=usage, kept=kept or None)


def _headers(credentials: Mapping[str, str]) -> dict[str, str]:
    return {"anthropic-version": VERSION} | json_headers(credentials)


def body_of(ask: Ask, *, streamed: bool) -> dict[str, object]:
    """The body of a request."""
    limit, params = limit_and_rest(ask.params, ask.max_output_tokens)
    body: dict[str, object] = {**params, "model": ask.model, "messages": _turns(ask)}
    body["max_tokens"] = limit or OUTPUT_TOKENS
    system = [ask.system] if ask.system else []
    if ask.schema is not None:
        schema = constrained(ask.schema)
        if schema is not None:
            schema_format = {"type": "json_schema", "schema": schema}
            body["output_config"] = {**inner(ask.params, "output_config"), "format": schema_format}
        else:
            system.append(f"{_JSON_ONLY}\n{encode(ask.schema).decode()}")
    if system:
        body["system"] = "\n\n".join(system)
    if ask.tools:
        body["tools"] = [
            {"name": tool.name, "description": tool.description, "input_schema": tool.input_schema}
            for tool in ask.tools
        ]
    if streamed:
        body["stream"] = True
    return body


def _turns(ask: Ask) -> list[dict[str, object]]:
    """User and assistant in turn: all that comes between two answers is one turn of the user."""
    turns: list[dict[str, object]] = []
    for message in ask.messages:
        role = "assistant" if message.role == "assistant" else "user"
        blocks = _blocks(message)
        if not blocks:
            continue
        if turns and turns[-1]["role"] == role:
            cast("list[object]", turns[-1]["content"]).extend(blocks)
        else:
            turns.append({"role": role, "content": blocks})
    return turns


def _blocks(message: Message) -> list[object]:
    """The blocks of one message. Empty texts are refused there, so there are none."""
    if message.role == "tool":
        answer = {"tool_use_id": message.tool_call_id, "content": message.text}
        return [{"type": "tool_result", **answer}]
    kept = listed(message.kept)
    if message.role == "assistant" and kept is not None:
        return [*kept]
    blocks: list[object] = []
    if message.text:
        blocks.append({"type": "text", "text": message.text})
    blocks += (
        {"type": "tool_use", "id": call.id, "name": call.name, "input": object_in(call.arguments)}
        for call in message.tool_calls
    )
    return blocks
