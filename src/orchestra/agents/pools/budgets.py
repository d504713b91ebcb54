"""Budgets: money is held before a call and settled after it, so that no call overspends.

All budgets of a tenant live in one slot, so one script sees them all. A call whose outcome is
unknown keeps what it held: it may have been paid.
"""

import datetime
from collections.abc import Awaitable, Callable, Mapping

import anyio
import msgspec
import structlog

from orchestra.agents import Task, TaskError
from orchestra.agents.providers import Call
from orchestra.agents.records import Agent
from orchestra.clock import Clock, Ids
from orchestra.errors import OrchestraError
from orchestra.store import keys
from orchestra.store.client import Store
from orchestra.store.keys import Tenant
from orchestra.store.scripts import load_scripts

log = structlog.get_logger(__name__)

DAY_LIFE_S = 2 * 86_400
TASK_LIFE_S = 30 * 86_400
SETTLE_S = 1.0
COST_MAX_MICRO = 10**13
"""A server that says it used more than this is lying."""


Tell = Callable[[Tenant, str, str, Mapping[str, object]], Awaitable[None]]
"""Writes an event: tenant, kind, agent, data. May raise StoreAway."""


async def untold(tenant: Tenant, kind: str, agent: str, data: Mapping[str, object]) -> None:
    """To nobody."""


class Limit(msgspec.Struct, frozen=True):
    """One budget: what it counts, how much there is, how long it is remembered."""

    scope: str
    micro_usd: int
    life_s: int


class Reservation(msgspec.Struct, frozen=True):
    """What is held for one call. Nothing, when no budget applies."""

    id: str
    tenant: Tenant
    scopes: tuple[str, ...] = ()


class Budgets:
    """Holds and settles money. `tenant_day_micro_usd` is what each tenant may spend in a day.

    `tell` learns of `budget.exceeded`, once for each budget.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        ids: Ids,
        tenant_day_micro_usd: int | None = None,
        tell: Tell = untold,
    ) -> None:
        self._store, self._clock, self._ids = store, clock, ids
        self._tenant_day, self._tell = tenant_day_micro_usd, tell
        self._scripts = load_scripts("orchestra.agents")

    def limits(self, agent: Agent, task: Task) -> tuple[Limit, ...]:
        """The budgets a call falls under; usually there are none."""
        budget = agent.spec.budget
        found: list[Limit] = []
        if budget.day_micro_usd is not None:
            scope = f"{self._day()}:agent:{agent.id}"
            found.append(Limit(scope, budget.day_micro_usd, DAY_LIFE_S))
        if budget.task_micro_usd is not None:
            scope = f"task:{agent.id}:{_logical(task)}"
            found.append(Limit(scope, budget.task_micro_usd, TASK_LIFE_S))
        if task.budget_micro_usd is not None:
            found.append(Limit(f"ask:{_logical(task)}", task.budget_micro_usd, TASK_LIFE_S))
        if self._tenant_day is not None:
            found.append(Limit(f"{self._day()}:tenant", self._tenant_day, DAY_LIFE_S))
        return tuple(found)

    async def reserve(
        self, agent: Agent, call: Call, estimate_micro: int | None
    ) -> Reservation | TaskError:
        """Hold the most a call may cost; None for a cost that nobody knows.

        An error means that nothing may be sent. Without a budget nothing is asked of the store.
        """
        tenant, limits = agent.tenant, self.limits(agent, call.task)
        if not limits:
            return Reservation("", tenant)
        if estimate_micro is None:
            return _exceeded("nobody knows what this model costs: give the agent a price")
        made = Reservation(self._ids.new("rsv"), tenant, tuple(one.scope for one in limits))
        more = [str(part).encode() for one in limits for part in _parts(one)]
        try:
            held, scope, left, first = await self._store.run(
                self._scripts["budget_reserve"],
                keys.budgets(tenant, self._store.space),
                *more,
                id=made.id,
                amount=estimate_micro,
            )
        except OrchestraError as away:
            return TaskError(
                "agent.unavailable",
                "the store that keeps the budget is away for a moment",
                retry_after_ms=away.retry_after_ms or 1_000,
                problem="store-away",
            )
        if held:
            return made
        if first:
            await self._exceeded(agent, scope.decode(), max(int(left), 0))
        return _exceeded(
            f"the budget has {max(int(left), 0) / 1_000_000:.6f} USD left"
            f" and the call may cost {estimate_micro / 1_000_000:.6f}"
        )

    async def settle(self, reservation: Reservation, cost_micro: int) -> None:
        """The call cost this much. Safe to repeat; if it cannot be told, what was held stands."""
        if not reservation.scopes:
            return
        with anyio.CancelScope(shield=True, deadline=anyio.current_time() + SETTLE_S):
            try:
                await self._store.run(
                    self._scripts["budget_settle"],
                    keys.budgets(reservation.tenant, self._store.space),
                    *(scope.encode() for scope in reservation.scopes),
                    id=reservation.id,
                    cost=min(max(cost_micro, 0), COST_MAX_MICRO),
                )
            except OrchestraError as away:
                log.warning("budget.not_settled", error=away.code)

    async def _exceeded(self, agent: Agent, scope: str, left_micro: int) -> None:
        log.warning("budget.exceeded", agent=agent.id, scope=scope)
        try:
            data = {"scope": scope, "left_usd": left_micro / 1_000_000}
            await self._tell(agent.tenant, "budget.exceeded", agent.id, data)
        except OrchestraError as away:
            log.warning("budget.not_told", error=away.code)

    def _day(self) -> str:
        """Days are UTC's."""
        now = datetime.datetime.fromtimestamp(self._clock.now_ms() / 1_000, datetime.UTC)
        return now.strftime("%Y%m%d")


def _logical(task: Task) -> str:
    """A step of an execution with all its attempts, or a task with what its tools do."""
    return f"{task.execution}/{task.step}" if task.execution else task.id.partition("~")[0]


def _parts(limit: Limit) -> tuple[str, int, int]:
    return limit.scope, limit.micro_usd, limit.life_s


def _exceeded(message: str) -> TaskError:
    return TaskError("budget.exceeded", message, retryable=False, problem="budget-exhausted")
