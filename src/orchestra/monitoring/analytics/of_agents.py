"""Answers about agents over time: what each did, how well, how quickly, for how much."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Final

from orchestra.instruments import Tally
from orchestra.monitoring.analytics.exact import HOUR_S, Exact, Values
from orchestra.monitoring.analytics.looking import Looking, Window
from orchestra.monitoring.analytics.reports import AgentAnalytics, AgentFigures
from orchestra.monitoring.metrics.functions import ERROR_MAX, Level, quantile
from orchestra.store.keys import Tenant

TASKS: Final = "orchestra_agent_tasks_total"
TASK_SECONDS: Final = "orchestra_agent_task_seconds"
FIRST_SECONDS: Final = "orchestra_agent_first_token_seconds"
TOKENS: Final = "orchestra_agent_tokens_total"
COST: Final = "orchestra_agent_cost_usd_total"
COUNTED: Final[Mapping[str, tuple[str, str]]] = {
    "retries": ("orchestra_agent_retries_total", "agent_type"),
    "fallbacks": ("orchestra_agent_fallbacks_total", "agent_type"),
    "breaker_opened": ("orchestra_agent_breaker_opened_total", "agent"),
}
"""The metric, and by which label it is counted: those of a type are of all agents of it."""
STATE: Final = "orchestra_agent_state"
DEGRADED: Final = 1
"""States up to this one answer."""
SHOWN_MAX: Final = 100
MINUTE_S: Final = 60
MINUTES_OF_S: Final = 6 * HOUR_S
RANKS: Final[Mapping[str, bool]] = {
    "tasks": True,
    "success_rate": False,
    "p50_ms": True,
    "p95_ms": True,
    "p99_ms": True,
    "first_token_p50_ms": True,
    "tokens": True,
    "cost_usd": True,
    "cost_usd_per_success": True,
    "retries": True,
    "fallbacks": True,
    "uptime": False,
}
"""Whether the greatest is first; of rates the least, for that is what one looks for."""


class OfAgents:
    """Answers them."""

    def __init__(self, looking: Looking, exact: Exact) -> None:
        self._looking, self._exact = looking, exact

    async def answer(
        self, tenant: Tenant, said: tuple[str, int], rank: str, limit: int
    ) -> AgentAnalytics:
        """Raises StoreAway."""
        window, exact = self._looking.window(said), self._exact
        seconds = window.seconds
        by = ("agent", "agent_type", "provider", "outcome")
        tasks = await exact.sums(tenant, TASKS, seconds, by)
        took = await exact.spreads(tenant, TASK_SECONDS, seconds, ("agent",))
        first = await exact.spreads(tenant, FIRST_SECONDS, seconds, ("agent",))
        tokens = await exact.sums(tenant, TOKENS, seconds, ("agent",))
        cost = await exact.sums(tenant, COST, seconds, ("agent",))
        counted = {name: await self._counted(tenant, name, seconds) for name in COUNTED}
        up = await self._uptimes(tenant, window)
        agents: dict[Values, Counter[str]] = defaultdict(Counter)
        for (agent, kind, provider, outcome), n in tasks.items():
            agents[agent, kind, provider][outcome] += int(n)
        rows: list[AgentFigures] = []
        for (agent, kind, provider), outcomes in agents.items():
            key = (agent,)
            judged = outcomes.total() - outcomes["cancelled"]
            spread, begun = took.get(key, Tally()), first.get(key, Tally())
            spent = round(cost[key], 6) if key in cost else None
            rows.append(
                AgentFigures(
                    agent=agent,
                    agent_type=kind,
                    provider=provider,
                    tasks=outcomes.total(),
                    success_rate=round(outcomes["ok"] / judged, 6) if judged else None,
                    p50_ms=_ms(quantile(spread, 0.5)),
                    p95_ms=_ms(quantile(spread, 0.95)),
                    p99_ms=_ms(quantile(spread, 0.99)),
                    first_token_p50_ms=_ms(quantile(begun, 0.5)),
                    tokens=int(tokens[key]) if key in tokens else None,
                    cost_usd=spent,
                    cost_usd_per_success=_each(spent, outcomes["ok"]),
                    uptime=up.get(key),
                    **{
                        name: _of(found, key if COUNTED[name][1] == "agent" else (kind,))
                        for name, found in counted.items()
                    },
                )
            )
        ranked = sorted(rows, key=lambda row: _place(row, rank))
        return AgentAnalytics(
            window=said[0],
            since=window.since,
            until=window.until,
            ranked_by=rank,
            agents=ranked[:limit],
            error_max=ERROR_MAX,
            bounded={"agents": len(rows), "shown": limit} if len(rows) > limit else None,
        )

    async def _counted(self, tenant: Tenant, name: str, seconds: int) -> Counter[Values] | None:
        """None when nobody counts it here."""
        metric, label = COUNTED[name]
        if not await self._exact.known(tenant, metric):
            return None
        return await self._exact.sums(tenant, metric, seconds, (label,))

    async def _uptimes(self, tenant: Tenant, window: Window) -> dict[Values, float]:
        """The share of looks at an agent, of a minute or an hour, that found it able to answer."""
        step_s = MINUTE_S if window.seconds <= MINUTES_OF_S else HOUR_S
        asked = (window.from_ms // 1_000, window.until_ms // 1_000 + 1, step_s)
        found: dict[Values, float] = {}
        for key, bins in (await self._exact.steps(tenant, STATE, asked, ("agent",))).items():
            looks = [
                max(values) <= DEGRADED
                for cell in bins.values()
                if isinstance(cell, Level)
                for values in cell.slots.values()
            ]
            if looks:
                found[key] = round(sum(looks) / len(looks), 6)
        return found


def _of(found: Counter[Values] | None, key: Values) -> int | None:
    return None if found is None else int(found[key])


def _place(row: AgentFigures, rank: str) -> tuple[bool, float, str]:
    """What has no value is last."""
    value: float | None = getattr(row, rank)
    if value is None:
        return True, 0.0, row.agent
    return False, -value if RANKS[rank] else value, row.agent


def _each(spent: float | None, n: int) -> float | None:
    return round(spent / n, 9) if spent is not None and n else None


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1_000, 3)
