"""Tools of a model: capabilities of the agents its registration names, and nothing beside them."""

import hashlib
import re
from base64 import b32encode
from collections.abc import Awaitable, Callable
from typing import Final, cast

import msgspec

from orchestra import tracing
from orchestra.agents import Capability, Task, TaskResult
from orchestra.agents.llm import ToolCall, ToolSpec, spans
from orchestra.agents.providers import Call
from orchestra.agents.providers.http_request import trace_of
from orchestra.agents.records import Agent, LlmReach
from orchestra.schemas.validators import compiled
from orchestra.store.keys import Tenant

DEPTH_MAX: Final = 3
"""How many models may ask each other, one through the other."""
TOOLS_MAX: Final = 128
ANSWER_MAX_CHARS: Final = 65_536
ERRORS_MAX: Final = 5
NAME_MAX: Final = 64
_UNFIT: Final = re.compile(r"[^A-Za-z0-9_-]+")
_ANY: Final[dict[str, object]] = {"type": "object"}

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


class Tool(msgspec.Struct, frozen=True):
    """One capability of one agent, as a model sees it."""

    spec: ToolSpec
    agent: str
    capability: str


class Done(msgspec.Struct, frozen=True):
    """What a tool call came to. `text` goes to the model; `fact` stays with the attempt."""

    text: str
    fact: dict[str, object]


class Toolbox:
    """Finds tools, and runs them as tasks of their own under the caller's tenant.

    `find` gives the agent of a name, `run` does a task: the executor's, with its slots, retries
    and budgets.
    """

    def __init__(
        self,
        find: Callable[[Tenant, str], Agent | None],
        run: Callable[[Task], Awaitable[TaskResult]],
    ) -> None:
        self._find, self._run = find, run

    def tools(self, agent: Agent, task: Task) -> dict[str, Tool]:
        """By name. None for a task that came through too many models; an agent is never its own."""
        reach = agent.spec.reach
        assert isinstance(reach, LlmReach)
        if not reach.tools or task.depth >= DEPTH_MAX:
            return {}
        found: dict[str, Tool] = {}
        for wanted in reach.tools:
            kind, _, name = wanted.partition(":")
            offering = self._find(agent.tenant, name)
            if offering is None or offering.id == agent.id:
                continue
            if kind == "mcp" and offering.spec.provider != "mcp":
                continue
            for capability in offering.spec.capabilities:
                if capability.name in offering.offers and len(found) < TOOLS_MAX:
                    tool = _tool(offering, capability, found)
                    found[tool.spec.name] = tool
        return found

    def absent(self, agent: Agent) -> list[str]:
        """Tools that the definition names and nobody here offers: a name mistyped, or gone."""
        reach = agent.spec.reach
        assert isinstance(reach, LlmReach)
        named = ((one, self._find(agent.tenant, one.partition(":")[2])) for one in reach.tools)
        return [one for one, offering in named if offering is None or not offering.offers]

    async def run(self, tools: dict[str, Tool], asked: ToolCall, call: Call, left_ms: int) -> Done:
        """Do what the model asks for. What is wrong with it goes back to the model."""
        tool = tools.get(asked.name)
        if tool is None:
            known = ", ".join(tools)[:1_000]
            return _failed(asked.name, "unknown_tool", f"there is no such tool; there are {known}")
        try:
            given: object = _decode((asked.arguments or "{}").encode())
        except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as wrong:
            return _failed(asked.name, "not_json", f"the arguments are no JSON: {wrong}")
        if not isinstance(given, dict):
            return _failed(asked.name, "not_an_object", "the arguments must be an object")
        problems = compiled(tool.spec.input_schema).errors(cast("object", given), most=ERRORS_MAX)
        if problems:
            told = "; ".join(f"{one.pointer or '/'}: {one.message}" for one in problems)
            return _failed(asked.name, "invalid_arguments", told)
        with spans.tool(asked, tool.spec.name) as span:
            task = _task(tool, cast("dict[str, object]", given), call, left_ms)
            result = await self._run(task)
            if span is not None and result.error is not None:
                span.fail(result.error.code)
            return _done(tool, result)


def _tool(agent: Agent, capability: Capability, taken: dict[str, Tool]) -> Tool:
    plain = _UNFIT.sub("_", f"{agent.spec.name}__{capability.name}").strip("_")[:NAME_MAX] or "tool"
    name, n = plain, 2
    while name in taken:
        name, n = f"{plain[: NAME_MAX - 4]}_{n}", n + 1
    schema = capability.input_schema or _ANY
    if schema.get("type") != "object":
        schema = {**schema, "type": "object"}
    said = capability.description or agent.spec.description or capability.name
    return Tool(ToolSpec(name, said[:1_024], schema), agent.spec.name, capability.name)


def _task(tool: Tool, given: dict[str, object], call: Call, left_ms: int) -> Task:
    """A task of the model's, one deeper than its own. The same question has the same key."""
    parent = call.task
    source = f"{parent.tenant}|{parent.key or parent.id}|{tool.agent}|{tool.capability}|".encode()
    digest = hashlib.sha256(source + _encode(given)).digest()
    return Task(
        id=f"{parent.id}~{digest[:6].hex()}",
        tenant=parent.tenant,
        input_data=given,
        agent=tool.agent,
        capability=tool.capability,
        timeout_ms=max(1, left_ms),
        queue_timeout_ms=max(1, left_ms),
        key="orc-" + b32encode(digest).decode()[:26].lower(),
        attempt=parent.attempt,
        execution=parent.execution,
        step=parent.step,
        workflow=parent.workflow,
        session=parent.session,
        once=parent.once,
        budget_micro_usd=parent.budget_micro_usd,
        depth=parent.depth + 1,
        trace=tracing.text() or trace_of(call).text,
    )


def _done(tool: Tool, result: TaskResult) -> Done:
    fact: dict[str, object] = {
        "tool": tool.spec.name,
        "agent": result.agent_name or tool.agent,
        "duration_ms": result.duration_ms,
        "outcome": "ok" if result.error is None else result.error.code,
    }
    if result.usage:
        fact["usage"] = result.usage
    if result.error is not None:
        said = _encode({"error": {"code": result.error.code, "message": result.error.message}})
        return Done(said.decode(), fact)
    try:
        text = result.output if isinstance(result.output, str) else _encode(result.output).decode()
        text.encode()
    except (TypeError, ValueError, RecursionError):
        return Done(_failed(tool.spec.name, "not_json", "the tool gave no JSON").text, fact)
    if len(text) > ANSWER_MAX_CHARS:
        text = f"{text[:ANSWER_MAX_CHARS]}\n(cut at {ANSWER_MAX_CHARS} characters)"
    return Done(text, fact)


def too_many(asked: ToolCall) -> Done:
    """What a call gets that is one too many in its round: every call needs an answer."""
    return _failed(asked.name, "too_many_calls", "ask for fewer tools at once")


def _failed(name: str, code: str, message: str) -> Done:
    said = _encode({"error": {"code": code, "message": message}}).decode()
    return Done(said, {"tool": name[:NAME_MAX], "outcome": code})
