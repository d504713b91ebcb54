"""Tools of MCP servers, as agents: a tool is a capability (AGENTS.md, section 4)."""

from collections.abc import Iterator, Mapping
from typing import cast

from orchestra.agents import TaskError
from orchestra.agents.providers import Answer, Call, Failure
from orchestra.agents.providers.http_request import idempotency_key, trace_headers
from orchestra.agents.providers.mcp_replies import answer_of
from orchestra.agents.providers.mcp_wire import McpWire, Wanted, header_value
from orchestra.agents.providers.mishaps import MISHAPS, Ended, down, mishap
from orchestra.agents.records import Agent, McpReach

HEADERS_MAX = 32
DEPTH_MAX = 16


class McpProvider:
    """Calls tools. Leaving a call closes its connection, which cancels the tool."""

    def __init__(self, wire: McpWire) -> None:
        self._wire = wire

    async def call(self, agent: Agent, call: Call) -> Answer | Failure:
        """Call one tool once."""
        tool, refusal = _tool(agent, call.capability)
        arguments = call.task.input_data
        if arguments is None:
            arguments = {}
        if refusal is not None:
            return refusal
        if not isinstance(arguments, dict):
            return _refused("a tool takes a JSON object")
        schema = _schema(agent, tool)
        given = _arguments(cast("dict[str, object]", arguments), tool, schema)
        wanted = Wanted(
            "tools/call",
            {"name": tool, "arguments": given},
            tool,
            dict(_mirrored(schema, given)),
            trace_headers(call),
            idempotency_key(call.task, call.failures),
            call.emit,
        )
        try:
            return answer_of(await self._wire.ask(agent, wanted, call.timeout_ms / 1_000))
        except Ended as ended:
            return ended.failure
        except MISHAPS as error:
            return mishap(error, call)

    async def check(self, agent: Agent, timeout_s: float) -> TaskError | None:
        """A greeting, which is free."""
        try:
            await self._wire.greet(agent, timeout_s)
        except Ended as ended:
            return ended.failure.error
        except MISHAPS as error:
            return down(error, timeout_s)
        return None


def _tool(agent: Agent, capability: str | None) -> tuple[str, Failure | None]:
    """With one tool there is no need to say which."""
    reach = agent.spec.reach
    assert isinstance(reach, McpReach)
    if capability is not None:
        if reach.tools and capability not in reach.tools:
            return "", _refused("the registration does not offer this tool")
        return capability, None
    known = [one.name for one in agent.spec.capabilities] or list(reach.tools)
    if len(known) == 1:
        return known[0], None
    return "", _refused("the task has to name the tool, as its capability")


def _schema(agent: Agent, tool: str) -> Mapping[str, object]:
    found = (one.input_schema for one in agent.spec.capabilities if one.name == tool)
    return next(found, None) or {}


def _arguments(
    given: dict[str, object], tool: str, schema: Mapping[str, object]
) -> dict[str, object]:
    """The input. `task_type` is how a task names the tool, unless the tool knows it itself."""
    if given.get("task_type") != tool:
        return given
    properties = schema.get("properties")
    if isinstance(properties, dict) and "task_type" in properties:
        return given
    return {name: value for name, value in given.items() if name != "task_type"}


def _mirrored(
    schema: Mapping[str, object], given: Mapping[str, object], depth: int = 0
) -> Iterator[tuple[str, str]]:
    """Arguments that the tool's schema wants repeated as headers (`x-mcp-header`)."""
    properties = schema.get("properties")
    if not isinstance(properties, dict) or depth > DEPTH_MAX:
        return
    for name, inner in list(cast("dict[str, object]", properties).items())[:HEADERS_MAX]:
        value = given.get(name)
        if not isinstance(inner, dict) or value is None:
            continue
        fields = cast("dict[str, object]", inner)
        header = fields.get("x-mcp-header")
        if isinstance(header, str) and header.replace("-", "").isalnum() and header.isascii():
            if isinstance(value, bool):
                yield f"mcp-param-{header.lower()}", "true" if value else "false"
            elif isinstance(value, str | int):
                yield f"mcp-param-{header.lower()}", header_value(str(value))
        elif isinstance(value, dict):
            yield from _mirrored(fields, cast("dict[str, object]", value), depth + 1)


def _refused(message: str) -> Failure:
    return Failure(TaskError("agent.bad_request", message, problem="input-invalid"))
