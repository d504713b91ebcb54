"""MCP servers that the configuration names as commands: registered at the start."""

import shlex
from collections.abc import Iterable, Mapping

import structlog

from orchestra.agents.discovery.asking import Asking
from orchestra.agents.records import McpReach, Registration
from orchestra.agents.registration.reading import TYPE
from orchestra.agents.registry.registry import Registry, TypeIsFixed
from orchestra.errors import Invalid, Problem
from orchestra.store.keys import DEFAULT_TENANT

log = structlog.get_logger(__name__)


def commands_in(lines: Iterable[str]) -> Mapping[str, tuple[str, ...]]:
    """`name=command with arguments`, each. Raises Invalid with all that cannot be read."""
    found: dict[str, tuple[str, ...]] = {}
    findings: list[Problem] = []
    for i, line in enumerate(lines):
        name, _, text = line.partition("=")
        try:
            command = tuple(shlex.split(text))
        except ValueError:
            command = ()
        if not TYPE.fullmatch(name.strip()) or not command:
            findings.append(
                Problem(f"/mcp_servers/{i}", "format", "must be name=command with arguments")
            )
        found[name.strip()] = command
    if findings:
        raise Invalid("the configuration of MCP servers cannot be read", findings)
    return found


async def register_local(
    commands: Mapping[str, tuple[str, ...]], registry: Registry, asking: Asking
) -> None:
    """Register them; what they told before holds until they tell something else."""
    await registry.refresh()
    for name, command in commands.items():
        spec = Registration(name, name, "mcp", reach=McpReach("", (), command), told=True)
        try:
            await registry.register(DEFAULT_TENANT, asking.as_known(DEFAULT_TENANT, spec))
        except TypeIsFixed:
            log.warning("agent.name_taken", name=name, agent_type=name)
