"""What is said to a model: the agent's prompts, else the shipped ones, else what the input says."""

from collections.abc import Callable, Mapping
from typing import Any, cast

import msgspec

from orchestra.agents import Capability
from orchestra.agents.llm import Message
from orchestra.agents.llm.shipped import shipped
from orchestra.agents.providers import Call
from orchestra.agents.records import Agent, LlmReach, Prompt
from orchestra.agents.registration.prompt_text import OUTPUT_MAX_CHARS, BadPrompt, render

MESSAGES_MAX = 1_000
ANYTHING = "*"


class Put(msgspec.Struct, frozen=True):
    """A task as it is put to a model. `schema` None: any text will do; empty: any JSON."""

    system: str
    messages: tuple[Message, ...]
    schema: dict[str, object] | None
    version: str = ""


def put(agent: Agent, call: Call, now: Callable[[], float]) -> Put:
    """The task in words. Raises BadPrompt: a value is missing, or it becomes too long."""
    reach = agent.spec.reach
    assert isinstance(reach, LlmReach)
    given = call.task.input_data
    prompt = reach.prompts.get(call.capability or "") or reach.prompts.get(ANYTHING)
    prompt = prompt or shipped(call.capability, given) or Prompt()
    about = {
        "name": agent.spec.name,
        "type": agent.spec.agent_type,
        "description": agent.spec.description,
    }
    scope = {"input": given, "capability": call.capability or "", "agent": about}
    system, messages = agent.spec.description, ()
    if prompt.system:
        system = render(prompt.system, scope, now)
    if prompt.user:
        messages = (Message("user", render(prompt.user, scope, now)),)
    else:
        more, messages = _of_input(given)
        system = "\n\n".join(part for part in (system, *more) if part)
    capability = next((one for one in agent.spec.capabilities if one.name == call.capability), None)
    schema = _schema(call, capability, prompt)
    return Put(system, messages, schema, prompt.version)


def _schema(call: Call, capability: Capability | None, prompt: Prompt) -> dict[str, object] | None:
    """What the answer must fit: the task's wish, else the capability's promise, else the prompt."""
    wished = call.task.output_schema
    if wished is None and capability is not None:
        wished = capability.output_schema
    if wished is None:
        wished = prompt.output_schema
    if wished is None and capability is not None and capability.output_types == ("json",):
        return {}
    return wished


def _of_input(given: object) -> tuple[list[str], tuple[Message, ...]]:
    """`messages`, `prompt` or `text` of the input, else its JSON; what goes to the system first."""
    if isinstance(given, str):
        return [], (Message("user", _bounded(given)),)
    if isinstance(given, dict):
        fields = cast("dict[str, Any]", given)
        if "messages" in fields:
            return _conversation(fields["messages"])
        for name in ("prompt", "text"):
            if isinstance(fields.get(name), str):
                return [], (Message("user", _bounded(fields[name])),)
    return [], (Message("user", _bounded(msgspec.json.encode(given).decode())),)


def _conversation(said: object) -> tuple[list[str], tuple[Message, ...]]:
    """`[{"role", "content"}]` as chat APIs have it."""
    if not isinstance(said, list) or not 0 < len(cast("list[Any]", said)) <= MESSAGES_MAX:
        raise BadPrompt(f"/messages must be a list of 1 to {MESSAGES_MAX} messages")
    system: list[str] = []
    messages: list[Message] = []
    size = 0
    for i, one in enumerate(cast("list[Any]", said)):
        turn: Mapping[str, Any] = cast("Mapping[str, Any]", one) if isinstance(one, dict) else {}
        text, role = _words(turn.get("content")), turn.get("role")
        if text is None:
            raise BadPrompt(f"/messages/{i}/content must be text")
        size += len(text)
        match role:
            case "system" | "developer":
                system.append(text)
            case "user" | "assistant":
                messages.append(Message(role, text))
            case _:
                raise BadPrompt(f"/messages/{i}/role must be system, user or assistant")
    if size > OUTPUT_MAX_CHARS:
        raise BadPrompt(f"the messages have more than {OUTPUT_MAX_CHARS} characters")
    if not messages:
        raise BadPrompt("/messages needs one of a user")
    return system, tuple(messages)


def _words(content: object) -> str | None:
    """Text, or the texts of parts; None when there is something else in it."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return None
    texts: list[str] = []
    for part in cast("list[Any]", content):
        text: object = (
            cast("Mapping[str, Any]", part).get("text") if isinstance(part, dict) else None
        )
        if not isinstance(text, str):
            return None
        texts.append(text)
    return "\n".join(texts)


def _bounded(text: str) -> str:
    if len(text) > OUTPUT_MAX_CHARS:
        raise BadPrompt(f"the input has more than {OUTPUT_MAX_CHARS} characters")
    return text
