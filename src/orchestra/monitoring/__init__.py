"""Monitoring: what is happening, since when, and what it costs.

This page is the whole contract, and nobody imports it: monitoring learns from the journal, from
the instruments of each process (`orchestra.instruments`) and from what is posted. What it cannot
know by itself, because the modules beside it do, it is given as a `Views`.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, NamedTuple, Protocol, TypeAlias

from litestar.types import ControllerRouterHandler

from orchestra.instruments import Survey, Tally
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


Labels: TypeAlias = tuple[tuple[str, str], ...]
Counts: TypeAlias = dict[tuple[str, str, Labels, int], float | Tally]
"""Tenant, metric, labels by name, second of a slot of 10 s -> what is added."""
Raw: TypeAlias = Sequence[tuple[bytes, list[bytes]]]
"""Entries of a stream, as XRANGE gives them."""


class Pile(Protocol):
    """Entries that are sorted in as they come, and counted together."""

    def sort(self, entries: Raw) -> int:
        """Sort in some of one stream, in order, up to one for which something must be looked up:
        how many.
        """
        ...

    @property
    def unlike(self) -> int:
        """How many of the entries differ from each other: adding takes that long."""
        ...

    def add(self) -> None:
        """Add what was sorted in to the counts it was made for."""
        ...


class Ledger(Protocol):
    """Streams whose entries are counted, each once, and what they add to which series."""

    def streams(self) -> Mapping[str, tuple[str, str]]:
        """By a short name: key and prefix of each stream."""
        ...

    async def count(self, prefix: str, entries: Raw, into: Counts) -> None:
        """Add what entries say. Raises StoreAway, before it adds anything."""
        ...

    def pile(self, into: Counts) -> Pile:
        """Where entries are sorted in as they come."""
        ...


class Profiles(Protocol):
    """Executions that ended: which, and what each of their steps took. Each may raise StoreAway."""

    def tags(self) -> Sequence[int]:
        """Where executions live."""
        ...

    async def ended(self, tag: int, after_ms: int, limit: int) -> Mapping[str, Any]:
        """Those of one place that ended behind `after_ms`: `executions` are (id, tenant, ms), and
        up to `until_ms` none is missing; `more`: there are some behind that.
        """
        ...

    async def profile(self, tenant: Tenant, execution: str) -> Mapping[str, Any]:
        """Of one: when each step was queued, started, ended; attempts, agent, tokens, cost, the
        rows it waited for. Raises NotFound.
        """
        ...

    async def shape(self, digest: str) -> Mapping[str, Any]:
        """What a version of a workflow says of its steps. Raises NotFound."""
        ...

    async def filled(self, tenant: Tenant, execution: str) -> Mapping[str, Sequence[str]]:
        """By step of one: steps whose output or input filled its own by name. Raises NotFound."""
        ...

    async def workflow(self, tenant: Tenant, reference: str) -> tuple[str, str]:
        """Id and name of a workflow, by either. Raises NotFound, Conflict."""
        ...


Wanted: TypeAlias = "Mapping[str, str | None]"


class Views(NamedTuple):
    """What the modules beside monitoring know. Each may raise StoreAway."""

    executions: Callable[[Tenant, Wanted, str | None, int], Awaitable[Mapping[str, Any]]]
    """A page of executions, newest first: filter, cursor, limit."""
    definition: Callable[[str], Awaitable[Mapping[str, Any]]]
    """The document of a workflow, by its digest. Raises NotFound."""
    live: Callable[[Tenant], Awaitable[Mapping[str, int]]]
    """How many executions have not ended, by state."""
    agents: Callable[[Tenant], Awaitable[tuple[Sequence[str], int, int]]]
    """The status of each agent of a tenant; slots taken, slots in all."""
    webhooks: Callable[[Tenant], Awaitable[tuple[int, int]]]
    """Endpoints of webhooks, and deliveries that wait."""
    events: Callable[[Tenant, int], Awaitable[Sequence[Mapping[str, Any]]]]
    """The newest events of a tenant, so many at most."""
    checks: Mapping[str, Callable[[], Awaitable[None]]]
    """By the name of a part: raises when it cannot do its job."""
    surveys: Sequence[Survey] = ()
    """What the leader asks for now and then, and shows: figures of the whole installation."""
