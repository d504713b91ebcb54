"""What agents did and how long it took: figures of the last day, of all replicas together.

Each replica adds up what its own calls did, and once a second tells the pool of each agent. There
it lies in buckets: of a minute for 2 h, of ten minutes for 25 h.
"""

from collections import defaultdict
from typing import Any, Final, cast

import msgspec
import structlog

from orchestra.agents.health.histograms import bucket_of
from orchestra.agents.pools.balancer import Balancer
from orchestra.agents.providers import Usage
from orchestra.agents.records import Agent
from orchestra.clock import Clock
from orchestra.errors import OrchestraError
from orchestra.instruments import counter, histogram
from orchestra.store import keys
from orchestra.store.client import Store
from orchestra.store.scripts import load_scripts

log = structlog.get_logger(__name__)

FLUSH_S = 1.0
BATCH_MAX = 500
WAITING_MAX = 20_000
"""Buckets that wait for a store that is away. Beyond, calls go uncounted, and that is logged."""

OUTCOMES: Final = ("ok", "failed", "unknown", "cancelled")

_OF: Final = ("tenant", "agent", "agent_type", "provider")
_TASKS = counter("orchestra_agent_tasks_total", (*_OF, "outcome"))
_SECONDS = histogram("orchestra_agent_task_seconds", ("tenant", "agent"))
_FIRST = histogram("orchestra_agent_first_token_seconds", ("tenant", "agent"))
_WAITS = histogram("orchestra_agent_wait_seconds", ("tenant", "agent"))
_TOKENS = counter("orchestra_agent_tokens_total", ("tenant", "agent", "kind"))
_COST = counter("orchestra_agent_cost_usd_total", ("tenant", "agent"))

Counts = dict[str, int]
"""Calls by outcome (`ok`, `failed`, …), sums (`ms`, `queue_ms`, `in`, `out`, `cached`, `cost`),
`priced` calls, and calls by bucket: `d<n>` of duration, `f<n>` of time to the first token."""


class Grain(msgspec.Struct, frozen=True):
    """Buckets of one length: `step_s` each, `chunk_s` of them in one key, `kept_s` long."""

    step_s: int
    chunk_s: int
    kept_s: int


FINE: Final = Grain(60, 3_600, 7_200)
COARSE: Final = Grain(600, 86_400, 90_000)


class Bucket(msgspec.Struct, frozen=True):
    """What happened in the `step_s` from `at_s` on."""

    at_s: int
    counts: Counts


class _Pool:
    """What waits to be told to one pool. `sent` was told, and nobody knows whether it arrived."""

    __slots__ = ("n", "sent", "waiting")

    def __init__(self) -> None:
        self.n = 0
        self.sent: list[bytes] = []
        self.waiting: dict[tuple[str, int], Counts] = {}


class Performance:
    """Records calls, and reads what was recorded. `serve` must run."""

    def __init__(self, store: Store, balancer: Balancer, clock: Clock) -> None:
        self._store, self._balancer = store, balancer
        self._clock, self._now_ms = clock, clock.now_ms
        self._add = load_scripts("orchestra.agents")["performance_add"]
        self._pools: dict[tuple[keys.Tenant, str], _Pool] = defaultdict(_Pool)
        self._lost = 0

    def record(
        self,
        agent: Agent,
        outcome: str,
        duration_ms: int,
        usage: Usage | None = None,
        ttft_ms: int | None = None,
        queue_ms: int = 0,
    ) -> None:
        """One call ended: `ok`, `failed`, `unknown` or `cancelled`. Waits for nothing.

        The words that breakers know (`fail`, `deny`, …) count as failed.
        """
        outcome = outcome if outcome in OUTCOMES else "failed"
        _instrument(agent, outcome, (duration_ms, ttft_ms, queue_ms), usage)
        waiting = self._pools[agent.tenant, agent.spec.agent_type].waiting
        key = (agent.id, self._now_ms() // 60_000)
        counts = waiting.get(key)
        if counts is None:
            if len(waiting) >= WAITING_MAX:
                self._lost += 1
                return
            counts = waiting[key] = defaultdict(int)
        counts[outcome] += 1
        counts["ms"] += duration_ms
        counts[f"d{bucket_of(duration_ms)}"] += 1
        if queue_ms:
            counts["queue_ms"] += queue_ms
        if ttft_ms is not None:
            counts[f"f{bucket_of(ttft_ms)}"] += 1
        if usage is not None:
            _add_usage(counts, usage)

    async def serve(self) -> None:
        """Tell the pools once a second, until cancelled."""
        while True:
            await self._clock.sleep(FLUSH_S)
            await self.flush()

    async def flush(self) -> None:
        """Tell the pools what was recorded. What cannot be told now is told later, once."""
        for (tenant, agent_type), pool in list(self._pools.items()):
            try:
                await self._tell(self._balancer.prefix(tenant, agent_type), pool)
            except OrchestraError as away:
                log.debug("performance.not_told", error=away.code)
        if self._lost:
            log.warning("performance.lost", calls=self._lost)
            self._lost = 0

    async def buckets(self, agent: Agent, window_s: int) -> tuple[Grain, int, list[Bucket]]:
        """The grain, the second the window begins at, and the buckets with something in them.

        Windows up to 2 h are of minutes. Raises StoreAway.
        """
        grain = FINE if window_s <= FINE.kept_s else COARSE
        now_s = self._now_ms() // 1_000
        begin_s = (now_s - window_s) // grain.step_s * grain.step_s + grain.step_s
        prefix = self._balancer.prefix(agent.tenant, agent.spec.agent_type)
        found: list[Bucket] = []
        for chunk in range(begin_s // grain.chunk_s, now_s // grain.chunk_s + 1):
            name = keys.performance(prefix, agent.id, grain.step_s, chunk)
            reply = cast("list[Any]", await self._store.read(prefix, "HGETALL", name))
            for slot, packed in zip(reply[::2], reply[1::2], strict=True):
                at_s = chunk * grain.chunk_s + int(slot) * grain.step_s
                if begin_s <= at_s <= now_s:
                    counts = msgspec.msgpack.decode(packed, type=dict[str, int], strict=False)
                    found.append(Bucket(at_s, counts))
        return grain, begin_s, sorted(found, key=lambda one: one.at_s)

    async def _tell(self, prefix: str, pool: _Pool) -> None:
        """What was sent and not answered goes again under its number, then what came since."""
        while pool.sent or pool.waiting:
            if not pool.sent:
                pool.n += 1
                pool.sent = _taken(pool.waiting)
            await self._store.run(
                self._add,
                prefix,
                *pool.sent,
                session=self._balancer.session,
                n=pool.n,
                fine_s=FINE.step_s,
                fine_chunk_s=FINE.chunk_s,
                fine_kept_s=FINE.kept_s,
                coarse_s=COARSE.step_s,
                coarse_chunk_s=COARSE.chunk_s,
                coarse_kept_s=COARSE.kept_s,
            )
            pool.sent = []


def _instrument(
    agent: Agent, outcome: str, took_ms: tuple[int, int | None, int], usage: Usage | None
) -> None:
    """The same, for the metrics of this process."""
    tenant, name = agent.tenant, agent.spec.name
    duration_ms, ttft_ms, queue_ms = took_ms
    _TASKS.add(1, tenant, name, agent.spec.agent_type, agent.spec.provider, outcome)
    _SECONDS.observe(duration_ms / 1_000, tenant, name)
    if queue_ms:
        _WAITS.observe(queue_ms / 1_000, tenant, name)
    if ttft_ms is not None:
        _FIRST.observe(ttft_ms / 1_000, tenant, name)
    if usage is not None:
        _TOKENS.add(usage.input_tokens, tenant, name, "input")
        _TOKENS.add(usage.output_tokens, tenant, name, "output")
        if usage.cost_micro_usd:
            _COST.add(usage.cost_micro_usd / 1_000_000, tenant, name)


def _taken(waiting: dict[tuple[str, int], Counts]) -> list[bytes]:
    """Takes up to BATCH_MAX buckets out of `waiting`, as the script wants them."""
    found: list[bytes] = []
    for agent_id, minute in list(waiting)[:BATCH_MAX]:
        counts = waiting.pop((agent_id, minute))
        found += [agent_id.encode(), b"%d" % (minute * 60), msgspec.msgpack.encode(counts)]
    return found


def _add_usage(counts: Counts, usage: Usage) -> None:
    counts["in"] += usage.input_tokens
    counts["out"] += usage.output_tokens
    if usage.cached_tokens:
        counts["cached"] += usage.cached_tokens
    if usage.cost_micro_usd is not None:
        counts["cost"] += usage.cost_micro_usd
        counts["priced"] += 1
