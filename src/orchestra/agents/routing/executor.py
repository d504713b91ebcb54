"""Does tasks: picks an agent, calls it, and asks again or somebody else where that is safe.

One task is one attempt of its caller: at most three calls to the agents it names and five with
those to fallbacks, within the attempt's time. A failing agent is a result; nothing but
cancellation leaves as an exception.
"""

from collections.abc import Mapping

import structlog

from orchestra.agents import AgentTypeUnknown, NoAgentAvailable, Task, TaskResult
from orchestra.agents.pools.balancer import Balancer
from orchestra.agents.pools.roster import Choice, choose
from orchestra.agents.pools.seats import Seats
from orchestra.agents.pools.slots import Refusal
from orchestra.agents.providers import Provider
from orchestra.agents.registry.registry import Registry
from orchestra.agents.routing.attempt import Attempt, Picked, fallbacks
from orchestra.agents.routing.calls import Calls
from orchestra.agents.routing.explaining import Explainer
from orchestra.agents.routing.hooks import Hooks, Ports
from orchestra.agents.routing.lines import Lines
from orchestra.agents.routing.slotted import Slotted
from orchestra.agents.routing.told import Waiting, Wanted
from orchestra.errors import Invalid, NotFound, OrchestraError

log = structlog.get_logger(__name__)


class Executor:
    """Executes tasks on the agents of a registry."""

    def __init__(
        self,
        registry: Registry,
        balancer: Balancer,
        seats: Seats,
        providers: Mapping[str, Provider],
        ports: Ports,
        hooks: Hooks | None = None,
    ) -> None:
        hooks = hooks or Hooks()
        self._registry, self._seats = registry, seats
        self._now = ports.clock.monotonic
        self._calls = Calls(providers, ports, hooks)
        self._lines = Lines(balancer, ports.clock)
        self.explainer = Explainer(registry, balancer, seats, hooks.prices)
        self._wanted, self._waiting = Wanted(ports.clock), Waiting()
        ways = (self._lines, self._calls, self._wanted)
        self._slotted = Slotted(registry, balancer, ways, ports, hooks)

    def saturated(self) -> frozenset[str]:
        """Agent types whose callers wait for a slot in this replica."""
        lines, seats = self._lines.types(), self._seats.types()
        return lines | seats if lines and seats else lines or seats

    def tell(self) -> None:
        """What instruments say of who waits here, and for whom in vain."""
        self._waiting.tell(self._lines.waiting(), self._seats.waiting())
        self._wanted.tell()

    async def execute(self, task: Task) -> TaskResult:
        """Do `task` on the agent best placed. See `Agents.execute`."""
        attempt = Attempt(task, self._now())
        target, waiting, why = task, None, "nobody who could do it can be picked now"
        while True:
            first = None
            try:
                choices = choose(self._registry.roster(task.tenant), target)
            except (NotFound, Invalid, NoAgentAvailable) as unfit:
                why = unfit.detail
                choices = await self._second_look(target, unfit)
            for n, choice in enumerate(choices, 1):
                first = first or choice.agents[0]
                if choice.local:
                    result = await self._in_process(attempt, choice)
                else:
                    more = n < len(choices) or bool(
                        waiting if waiting is not None else task.fallbacks or first.spec.fallbacks
                    )
                    result = await self._slotted.do(attempt, choice, more=more)
                if result is not None:
                    return result
                step = attempt.next(self._now()) if attempt.begun is not None else "elsewhere"
                if step in ("stop", "again"):
                    return attempt.result(self._now(), why)
                if step == "fallback":
                    break
            if waiting is None:
                who = attempt.who if attempt.who and attempt.who.spec.fallbacks else first
                waiting = list(fallbacks(task, who))
            if not waiting:
                return attempt.result(self._now(), why)
            target = waiting.pop(0)
            attempt.fallback_of = task.agent or task.agent_type or task.capability
            attempt.here = 0

    async def _second_look(self, task: Task, unfit: OrchestraError) -> tuple[Choice, ...]:
        """The choices after asking the store what is new; empty when there is still none."""
        try:
            await self._registry.refresh()
            return choose(self._registry.roster(task.tenant), task)
        except OrchestraError:
            if isinstance(unfit, AgentTypeUnknown | NoAgentAvailable):
                wanted = task.agent_type or unfit.context.get("agent_type")
                self._wanted.missed(task, str(wanted))
            return ()

    async def _in_process(self, attempt: Attempt, choice: Choice) -> TaskResult | None:
        """The short way, for agents in this process: no store, no slot, no second agent."""
        self._wanted.found(choice)
        seats, agent = self._seats, self._seats.best(choice)
        seat, began = seats.of(agent), self._now()
        waited_ms = 0
        if not seats.take(seat):
            left = attempt.task.queue_timeout_ms / 1_000 - (began - attempt.started)
            if not await seats.wait(seat, choice, max(left, 0.0)):
                attempt.refused(Refusal("late"))
                return None
            asked, began = began, self._now()
            waited_ms = int((began - asked) * 1_000)
        try:
            picked = Picked(choice, agent, began, None, waited_ms)
            result, _ = await self._calls.make(attempt, picked, attempt.task.fence)
            return result
        finally:
            seats.leave(seat)
