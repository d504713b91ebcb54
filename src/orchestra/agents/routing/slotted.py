"""Tasks on agents with slots in the store: until one answers, or nobody may be asked any more."""

from typing import Final

import anyio
import msgspec
import structlog

from orchestra.agents import TaskResult
from orchestra.agents.pools.balancer import Balancer
from orchestra.agents.pools.roster import Choice, capability_of
from orchestra.agents.pools.slots import CANCELLED, Refusal, Slot
from orchestra.agents.pools.wishes import Wish, wish_of
from orchestra.agents.registry.registry import Registry
from orchestra.agents.routing.attempt import Attempt, Picked
from orchestra.agents.routing.calls import Calls, ended_of
from orchestra.agents.routing.hedges import Hedges
from orchestra.agents.routing.hooks import Hooks, Ports
from orchestra.agents.routing.lines import Lines, Wait
from orchestra.agents.routing.told import Wanted, hedged, retried
from orchestra.errors import OrchestraError
from orchestra.retry import Backoff

log = structlog.get_logger(__name__)

LEASE_GRACE_MS: Final = 5_000
"""A slot outlives its call by this much, then the store takes it back."""
PATIENCE_S: Final = 5.0
"""For an agent that cools off, after a failure; and no more than a quarter of what is left."""
NOT_THE_SAME = frozenset({"output.invalid", "budget.exceeded", "agent.auth"})
"""What the same agent would only repeat: it had its chance, has no money, or refuses us."""
JITTER_S: Final = 0.05
SAME_AGAIN: Final = Backoff(initial_ms=250, factor=2, max_ms=8_000, jitter="full")


class Slotted:
    """Takes slots, calls, gives back, and decides what follows a failure."""

    def __init__(
        self,
        registry: Registry,
        balancer: Balancer,
        ways: tuple[Lines, Calls, Wanted],
        ports: Ports,
        hooks: Hooks,
    ) -> None:
        self._registry, self._balancer = registry, balancer
        self._lines, self._calls, self._wanted = ways
        self._clock, self._chance = ports.clock, ports.chance
        self._now = ports.clock.monotonic
        self._prices = hooks.prices
        self._hedges = Hedges()

    async def do(self, attempt: Attempt, choice: Choice, *, more: bool) -> TaskResult | None:
        """None: nobody of this choice did it. `more`: there are others to ask afterwards."""
        wish = wish_of(attempt.task, choice, self._prices)
        while True:
            asked = self._now()
            slot = await self._pick(attempt, choice, wish, more=more)
            if isinstance(slot, Refusal):
                attempt.refused(slot)
                self._wanted.refused(attempt.task, choice, slot)
                return None
            self._wanted.found(choice)
            agent = self._registry.roster(attempt.task.tenant).by_id.get(slot.agent_id)
            if agent is None:  # the pool still knows an agent that was removed
                attempt.gone.add(slot.agent_id)
                attempt.excluded.add(slot.agent_id)
                await self._forget(slot, choice)
                continue
            began = self._now()
            if attempt.here:
                retried(choice)
            waited_ms = int((began - asked) * 1_000)
            picked = Picked(choice, agent, began, slot, waited_ms, wish.strategy)
            result = await self._call(attempt, picked, wish, more=more)
            if result is not None:
                return result
            match attempt.next(self._now()):
                case "elsewhere":
                    await self._clock.sleep(JITTER_S * self._chance.random())
                case "again":
                    if not await self._rest(attempt):
                        return None
                    choice = choice.narrowed([agent])
                    attempt.excluded.discard(agent.id)
                case _:
                    return None

    async def _pick(
        self, attempt: Attempt, choice: Choice, wish: Wish, *, more: bool
    ) -> Slot | Refusal:
        picked = await self._ask(attempt, choice, wish, more=more)
        nobody = isinstance(picked, Refusal) and picked.kind in ("down", "none", "cooling")
        if not nobody or more or attempt.excluded <= attempt.gone or attempt.begun is None:
            return picked
        # Nobody else: the same ones again, unless they said for longer than we would wait.
        if not await self._rest(attempt):
            return picked
        attempt.excluded = set(attempt.gone)
        return await self._ask(attempt, choice, wish, more=more)

    async def _ask(
        self, attempt: Attempt, choice: Choice, wish: Wish, *, more: bool
    ) -> Slot | Refusal:
        task, again, now = attempt.task, attempt.begun is not None, self._now()
        until = attempt.started + task.queue_timeout_ms / 1_000
        if attempt.begun is not None:
            until = attempt.begun + task.timeout_ms / 1_000
        patience = left = until - now
        if again or more:  # somebody else is asked at once, the caller has retries of his own
            patience = 0.0 if more else min(PATIENCE_S, left / 4)
        give_up_ms = task.timeout_ms + LEASE_GRACE_MS

        async def ask() -> Slot | Refusal:
            return await self._balancer.acquire(
                choice, attempt.excluded, give_up_ms, wish, again=again
            )

        wait = Wait(until, now + patience, task.priority, wish.spill)
        return await self._lines.pick(choice, ask, wait)

    async def _rest(self, attempt: Attempt) -> bool:
        """The pause before the same agent is asked again. False: there is no time for it."""
        if attempt.last is not None and attempt.last.error.code in NOT_THE_SAME:
            return False
        left = attempt.left(self._now())
        pause = SAME_AGAIN.delay_ms(max(1, len(attempt.calls)), self._chance.random) / 1_000
        last = attempt.last
        if last is not None and last.outcome == "rate":
            pause = 0.0  # its gate says how long
        elif last is not None and last.error.retry_after_ms is not None:
            hint = last.error.retry_after_ms / 1_000
            if hint > min(PATIENCE_S, left / 4):
                return False
            pause = max(pause, hint)
        if pause >= left:
            return False
        await self._clock.sleep(pause)
        return True

    async def _call(
        self, attempt: Attempt, picked: Picked, wish: Wish, *, more: bool
    ) -> TaskResult | None:
        choice, capability = picked.choice, capability_of(attempt.task)
        if attempt.task.once or not self._hedges.wanted(choice, picked.agent, capability):
            return await self._held(attempt, picked, more=more)
        after = self._hedges.after(choice)
        began = self._now()
        if after is None:
            result = await self._held(attempt, picked, more=more)
        else:
            result = await self._hedged(attempt, picked, wish, after)
        if result is not None:
            self._hedges.took(choice, self._now() - began)
        return result

    async def _held(self, attempt: Attempt, picked: Picked, *, more: bool) -> TaskResult | None:
        """The call, and its slot given back however it ends."""
        slot, ended = picked.slot, CANCELLED
        assert slot is not None
        try:
            follows = attempt.may_follow(picked.choice, more=more)
            result, reply = await self._calls.make(
                attempt, picked, attempt.task.fence or slot.fence, follows=follows
            )
            took_ms = int((self._now() - picked.began) * 1_000)
            ended = ended_of(reply, slot.tokens, took_ms)
            return result
        finally:
            await self._balancer.release(slot, ended)
            self._lines.wake(picked.choice.tenant, picked.choice.agent_type)

    async def _hedged(
        self, attempt: Attempt, picked: Picked, wish: Wish, after: float
    ) -> TaskResult | None:
        """The call, and when it takes long a second one beside it: the first answer counts."""
        answers: list[TaskResult] = []
        lost: list[Picked] = []
        second = anyio.CancelScope()

        async def call(one: Picked) -> None:
            lost.append(one)
            result = await self._held(attempt, one, more=False)
            lost.remove(one)
            if result is not None and not answers:
                answers.append(result)
                group.cancel_scope.cancel()

        async def company() -> None:
            hedge = None
            with second:
                await self._clock.sleep(after)
                hedge = await self._beside(attempt, picked, wish)
            if hedge is not None:
                await call(hedge)

        async with anyio.create_task_group() as group:
            group.start_soon(company)
            await call(picked)
            second.cancel()
        for one in lost:
            self._calls.abandoned(attempt, one)
        if not answers:
            return None
        return msgspec.structs.replace(answers[0], calls=tuple(attempt.calls))

    async def _beside(self, attempt: Attempt, picked: Picked, wish: Wish) -> Picked | None:
        """Another agent that is free now, if a hedge may be made."""
        choice = picked.choice
        if not self._hedges.may(choice):
            return None
        excluded = attempt.excluded | {picked.agent.id}
        give_up_ms = attempt.task.timeout_ms + LEASE_GRACE_MS
        slot = await self._balancer.acquire(choice, excluded, give_up_ms, wish, again=True)
        if isinstance(slot, Refusal):
            return None
        agent = self._registry.roster(choice.tenant).by_id.get(slot.agent_id)
        if agent is None:
            await self._balancer.release(slot)
            return None
        self._hedges.made(choice)
        hedged(choice)
        return Picked(choice, agent, self._now(), slot, 0, wish.strategy)

    async def _forget(self, slot: Slot, choice: Choice) -> None:
        await self._balancer.release(slot)
        try:
            await self._registry.refresh()
            if slot.agent_id not in self._registry.roster(choice.tenant).by_id:
                await self._balancer.drop(choice.tenant, choice.agent_type, slot.agent_id)
        except OrchestraError as away:
            log.debug("agent.not_dropped", agent=slot.agent_id, error=away.code)
