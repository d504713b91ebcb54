"""Tools of MCP servers as registrations: a tool is a capability, with its schemas."""

from collections.abc import Iterator, Mapping
from typing import cast

import msgspec

from orchestra.agents import Capability
from orchestra.agents.discovery.told import DESCRIPTION_MAX_CHARS, Offered, Told, kept
from orchestra.agents.providers.freshness import bounded_s
from orchestra.agents.providers.mcp_wire import McpWire, Wanted
from orchestra.agents.records import Agent, McpReach
from orchestra.schemas.judging import fault_of

PAGES_MAX = 16
TOOLS_MAX = 1_024


class Server(msgspec.Struct, frozen=True):
    """What a server says of itself."""

    name: str = ""
    version: str = ""
    description: str = ""


async def told_by(wire: McpWire, agent: Agent, timeout_s: float) -> Told:
    """What an agent's server tells. Raises Ended, and what Outbound and Credentials raise."""
    reach = agent.spec.reach
    assert isinstance(reach, McpReach)
    tools: list[Mapping[str, object]] = []
    server, params, ttls = Server(), dict[str, object](), list[float]()
    for _ in range(PAGES_MAX):
        page = await wire.ask(agent, Wanted("tools/list", params), timeout_s)
        server = _server(page) or server
        tools += _objects(page.get("tools"))
        ttl_ms, cursor = page.get("ttlMs"), page.get("nextCursor")
        if type(ttl_ms) is int and ttl_ms > 0:
            ttls.append(ttl_ms / 1_000)
        if not isinstance(cursor, str) or len(tools) >= TOOLS_MAX or params == {"cursor": cursor}:
            break
        params = {"cursor": cursor}
    wanted = [one for one in tools if not reach.tools or one.get("name") in reach.tools]
    capabilities, warnings = kept(_offers(wanted[:TOOLS_MAX]))
    fresh_s = bounded_s(min(ttls) if ttls else None)
    return Told(capabilities, warnings, server.name, server.version, server.description, fresh_s)


def _offers(tools: list[Mapping[str, object]]) -> Iterator[Offered]:
    for tool in tools:
        takes, takes_fault = _schema(tool.get("inputSchema"))
        gives, gives_fault = _schema(tool.get("outputSchema"))
        yield Offered(
            Capability(
                name=_text(tool.get("name")),
                input_types=("json",),
                output_types=("json",) if gives else ("any",),
                description=_text(tool.get("description"))[:DESCRIPTION_MAX_CHARS],
                input_schema=takes,
                output_schema=gives,
                idempotent=_repeatable(tool.get("annotations")),
            ),
            takes_fault or gives_fault,
        )


def _repeatable(annotations: object) -> bool:
    """By its own account it may be called twice."""
    if not isinstance(annotations, dict):
        return False
    hints = cast("dict[str, object]", annotations)
    return hints.get("readOnlyHint") is True or hints.get("idempotentHint") is True


def _schema(value: object) -> tuple[dict[str, object] | None, str | None]:
    if not isinstance(value, dict):
        return None, None
    schema = cast("dict[str, object]", value)
    fault = fault_of(schema)
    return (None, fault) if fault else (schema, None)


def _server(page: Mapping[str, object]) -> Server | None:
    meta = page.get("_meta")
    said = cast("dict[str, object]", meta) if isinstance(meta, dict) else {}
    info = said.get("io.modelcontextprotocol/serverInfo")
    if not isinstance(info, dict):
        return None
    fields = cast("dict[str, object]", info)
    title = _text(fields.get("description")) or _text(fields.get("title"))
    return Server(_text(fields.get("name")), _text(fields.get("version")), title)


def _objects(value: object) -> list[Mapping[str, object]]:
    if not isinstance(value, list):
        return []
    items = cast("list[object]", value)
    return [cast("dict[str, object]", one) for one in items if isinstance(one, dict)]


def _text(value: object) -> str:
    return value[:4_096] if isinstance(value, str) else ""
