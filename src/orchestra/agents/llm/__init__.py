"""Language models: one conversation, whatever the API behind it (AGENTS.md, section 8).

A `Wire` speaks one API and knows nothing of prompts, schemas or money; `LlmProvider` knows those
and no API. This page is what they share.
"""

from collections.abc import Mapping
from typing import Literal, Protocol

import msgspec

from orchestra.agents import TaskError
from orchestra.agents.providers import Emit, Failure, Usage
from orchestra.agents.records import LlmReach


class ToolSpec(msgspec.Struct, frozen=True):
    """A tool the model may ask for. `input_schema` is JSON Schema 2020-12."""

    name: str
    description: str
    input_schema: dict[str, object]


class ToolCall(msgspec.Struct, frozen=True):
    """The model asks for a tool. `arguments` is JSON as the model wrote it, not yet trusted."""

    id: str
    name: str
    arguments: str


class Message(msgspec.Struct, frozen=True):
    """One turn. `tool` answers the call `tool_call_id`; an assistant's turn may ask for tools."""

    role: Literal["user", "assistant", "tool"]
    text: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str = ""
    kept: object = None
    """What the API must be given back as it was (thinking blocks, reasoning items), if any."""


class Ask(msgspec.Struct, frozen=True):
    """One request to a model. `params` go into the body as they are, under what we decide."""

    model: str
    system: str
    messages: tuple[Message, ...]
    max_output_tokens: int | None = None
    schema: dict[str, object] | None = None
    schema_name: str = "answer"
    tools: tuple[ToolSpec, ...] = ()
    params: Mapping[str, object] = {}


class Said(msgspec.Struct, frozen=True):
    """What a model answered, whole. A `finish` of `length` or `filtered` is an answer cut short."""

    text: str
    finish: Literal["stop", "length", "filtered", "tools", "refused"]
    usage: Usage
    tool_calls: tuple[ToolCall, ...] = ()
    refusal: str = ""
    model: str = ""
    response_id: str = ""
    request_id: str = ""
    ttft_ms: int | None = None
    kept: object = None
    gate_ms: int = 0
    """The answer says that its quota is used up for so long: nobody should ask before."""


class Wire(Protocol):
    """One API. Never retries. A stream without its terminal frame has failed, whatever arrived."""

    async def ask(
        self,
        reach: LlmReach,
        credentials: Mapping[str, str],
        ask: Ask,
        timeout_s: float,
        emit: Emit | None,
    ) -> Said | Failure:
        """One request. Streams when `emit` is given, and always reads usage.

        `credentials` are headers. Failures carry the outcome and gates of AGENTS.md, section 7.
        """
        ...

    async def check(
        self, reach: LlmReach, credentials: Mapping[str, str], timeout_s: float
    ) -> TaskError | None:
        """Whether the API answers and knows us, by its list of models, which is free.

        None: it does. A server without such a list counts as well, and so does one over its quota.
        """
        ...
