"""How agents are and what they did, for callers: health, events, performance, checks, tests."""

import re
from collections.abc import Mapping
from typing import Final, Protocol, cast

import msgspec

from orchestra.agents.health.care import Care
from orchestra.agents.records import Agent
from orchestra.agents.registration.reading import RegistrationInvalid
from orchestra.agents.routes.cursors import cursor_of, position_of, refused
from orchestra.agents.routes.showing import (
    Document,
    shown_check,
    shown_events,
    shown_health,
    shown_performance,
)
from orchestra.clock import Clock
from orchestra.errors import Conflict, Invalid, Problem
from orchestra.security.hardened import loads
from orchestra.store.keys import Tenant

WINDOW = re.compile(r"([1-9][0-9]{0,4})([smh])")
SECONDS: Final = {"s": 1, "m": 60, "h": 3_600}
WINDOW_S = (60, 86_400)
TARGETS = ("agent", "agent_type")
ENTRY = re.compile(r"([0-9]{1,20})-([0-9]{1,20})")


class WindowInvalid(Invalid):
    """The window is not a length of time from 1m to 24h."""


class NotInUse(Conflict):
    """The agent is draining or disabled, so it is not asked. Context: `mode`."""


class Finds(Protocol):
    """Finds agents."""

    async def find(self, tenant: Tenant, name_or_id: str) -> Agent:
        """The agent as the store has it now. Raises AgentUnknown."""
        ...


class Clinic:
    """Answers how agents are."""

    def __init__(self, finds: Finds, care: Care, clock: Clock) -> None:
        self._find, self._health, self._checks = finds.find, care.health, care.checks
        self._events, self._performance, self._clock = care.events, care.performance, clock

    async def health(self, tenant: Tenant, name_or_id: str) -> Document:
        """How the agent is. Raises AgentUnknown."""
        agent = await self._find(tenant, name_or_id)
        return await self._shown(agent)

    async def check(self, tenant: Tenant, name_or_id: str) -> Document:
        """Ask the agent now, where that is free. Raises AgentUnknown, NotInUse."""
        agent = await self._find(tenant, name_or_id)
        if agent.draining:
            raise NotInUse(f"the agent is {agent.mode}: enable it first", mode=agent.mode)
        if not self._checks.active(agent):
            return shown_check(None, 0, passive=True) | {"health": await self._shown(agent)}
        found = await self._checks.check(agent)
        document = shown_check(found.error, found.ms, passive=found.passive)
        return document | {"health": await self._shown(agent)}

    async def events(
        self, tenant: Tenant, name_or_id: str, after: str | None, limit: int
    ) -> Document:
        """What happened to the agent. Raises AgentUnknown, CursorInvalid."""
        agent = await self._find(tenant, name_or_id)
        found, reached = await self._events.of(agent, _places(after), limit)
        return shown_events(found, cursor_of("~".join(reached)))

    async def performance(self, tenant: Tenant, name_or_id: str, window: str) -> Document:
        """What the agent did in the window. Raises AgentUnknown, WindowInvalid."""
        window_s = _window_s(window)
        agent = await self._find(tenant, name_or_id)
        read = await self._performance.buckets(agent, window_s)
        return shown_performance(agent, window, read, self._clock.now_ms())

    async def as_task(self, tenant: Tenant, name_or_id: str, body: bytes) -> bytes:
        """The body of an execution of this very agent. Raises AgentUnknown, RegistrationInvalid."""
        given: object = loads(body) if body else {"input_data": {}}
        if not isinstance(given, dict):
            raise RegistrationInvalid(
                "a test is a JSON object", [Problem("", "type", "must be an object")]
            )
        task = cast("Mapping[str, object]", given)
        findings = [
            Problem(f"/{name}", "not_an_option", "the agent is the one in the path")
            for name in TARGETS
            if name in task
        ]
        if findings:
            raise RegistrationInvalid("the test is wrong", findings)
        agent = await self._find(tenant, name_or_id)
        return msgspec.json.encode({**task, "agent": agent.id})

    async def _shown(self, agent: Agent) -> Document:
        detail = await self._health.detail(agent)
        return shown_health(agent, detail, active=self._checks.active(agent))


def _window_s(window: str) -> int:
    match = WINDOW.fullmatch(window)
    seconds = int(match[1]) * SECONDS[match[2]] if match else 0
    if not WINDOW_S[0] <= seconds <= WINDOW_S[1]:
        raise WindowInvalid(
            "the window is not valid",
            [Problem("/query/window", "out_of_range", "from 1m to 24h, such as 90s, 15m or 6h")],
        )
    return seconds


def _places(after: str | None) -> tuple[str, str] | None:
    if not after:
        return None
    registry, _, pool = position_of(after, "query/after").partition("~")
    if not _is_entry(registry) or not _is_entry(pool):
        raise refused("query/after")
    return registry, pool


def _is_entry(text: str) -> bool:
    """Whether it may be the id of an entry: two numbers that a stream can have."""
    match = ENTRY.fullmatch(text)
    return match is not None and int(match[1]) < 2**63 and int(match[2]) < 2**64
