"""Monitoring: what is happening, since when, and what it costs.

This page is the whole contract, and nobody imports it: monitoring learns from the journal, from
the instruments of each process (`orchestra.instruments`) and from what is posted. What it cannot
know by itself, because the modules beside it do, it is given as a `Views`.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

import msgspec
from litestar.types import ControllerRouterHandler

from orchestra.store.keys import Tenant


class Part(Protocol):
    """A part of monitoring: metrics, logs, and what comes later. Each stands by itself."""

    routes: Sequence[ControllerRouterHandler]

    def running(self) -> AbstractAsyncContextManager[None]:
        """Enter: background work is up. Exit: what was gathered is handed over, and it is gone."""
        ...

    async def quiesce(self) -> None:
        """Let go of who is waiting here, such as streams. Safe to repeat."""
        ...


class AgentCounts(msgspec.Struct, frozen=True):
    """How many agents a tenant has, and how they are."""

    total: int = 0
    healthy: int = 0
    degraded: int = 0
    unhealthy: int = 0
    in_flight: int | None = None
    capacity: int | None = None


class Views(Protocol):
    """What the modules beside monitoring know. Each may raise StoreAway."""

    async def recent_executions(self, tenant: Tenant, limit: int) -> Sequence[Mapping[str, Any]]:
        """The newest ones, as lists show them."""
        ...

    async def workflow_of(self, digest: str) -> str | None:
        """The name in a definition; None when it is not stored any more."""
        ...

    def agents(self, tenant: Tenant) -> AgentCounts:
        """By this replica's last look."""
        ...
