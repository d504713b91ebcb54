"""Chat Completions: OpenAI's older API, and the one that every compatible server speaks.

https://platform.openai.com/docs/api-reference/chat. Here is what is asked; `chat_reading` reads
what is answered.
"""

from collections.abc import Mapping
from urllib.parse import urlsplit

from orchestra.agents import TaskError
from orchestra.agents.llm import Ask, Message, Said
from orchestra.agents.llm.chat_reading import ChatReader
from orchestra.agents.llm.fields import inner, join, limit_and_rest
from orchestra.agents.llm.schemas import is_strict, named
from orchestra.agents.llm.sending import Request, Sending, encode, json_headers, secrets_of
from orchestra.agents.providers import Emit, Failure
from orchestra.agents.records import LlmReach

OFFICIAL = ("api.openai.com", ".openai.azure.com")
_NEWER = "max_completion_tokens"


class ChatWire:
    """Chat Completions over HTTP."""

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
        """One completion. Streams when `emit` is given."""
        hearing = self._sending.hearing(emit)
        secrets = secrets_of(credentials)
        request = Request(
            join(reach.base_url, "/chat/completions"),
            json_headers(credentials),
            encode(body_of(ask, reach.base_url, streamed=emit is not None)),
            timeout_s,
            emit is not None,
            secrets,
        )
        return await self._sending.exchange(request, ChatReader(hearing, secrets), hearing)

    async def check(
        self, reach: LlmReach, credentials: Mapping[str, str], timeout_s: float
    ) -> TaskError | None:
        """The list of models."""
        url = join(reach.base_url, "/models")
        return await self._sending.check(url, json_headers(credentials), timeout_s)


def body_of(ask: Ask, base_url: str, *, streamed: bool) -> dict[str, object]:
    """The body of a request."""
    limit, params = limit_and_rest(ask.params, ask.max_output_tokens)
    body: dict[str, object] = {**params, "model": ask.model, "messages": _messages(ask)}
    if limit is not None:
        newer = is_official(base_url) or _NEWER in ask.params
        body[_NEWER if newer else "max_tokens"] = limit
    if ask.schema is not None:
        body["response_format"] = {
            "type": "json_schema",
            "json_schema": {
                "name": named(ask.schema_name),
                "schema": ask.schema,
                "strict": is_strict(ask.schema),
            },
        }
    if ask.tools:
        body["tools"] = [
            {
                "type": "function",
                "function": {
                    "name": tool.name,
                    "description": tool.description,
                    "parameters": tool.input_schema,
                },
            }
            for tool in ask.tools
        ]
    if streamed:
        body["stream"] = True
        body["stream_options"] = {"include_usage": True}
    return body


def is_official(base_url: str) -> bool:
    """Whether OpenAI itself, or Azure, answers: their newer models refuse `max_tokens`."""
    return (urlsplit(base_url).hostname or "").endswith(OFFICIAL)


def _messages(ask: Ask) -> list[dict[str, object]]:
    messages: list[dict[str, object]] = []
    if ask.system:
        messages.append({"role": "system", "content": ask.system})
    for message in ask.messages:
        match message.role:
            case "user":
                messages.append({"role": "user", "content": message.text})
            case "assistant":
                messages.append(_assistant(message))
            case "tool":
                answer = {"tool_call_id": message.tool_call_id, "content": message.text}
                messages.append({"role": "tool", **answer})
    return messages


def _assistant(message: Message) -> dict[str, object]:
    kept = inner({"kept": message.kept}, "kept")
    turn: dict[str, object] = {"role": "assistant", "content": message.text or None}
    turn |= inner(kept, "message")
    extras = inner(kept, "calls")
    if message.tool_calls:
        turn["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
                **inner(extras, call.id),
            }
            for call in message.tool_calls
        ]
    return turn
