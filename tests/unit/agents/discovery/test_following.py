"""Following agents in simulated time: when each is asked again, and what comes of the answer."""

from collections.abc import Sequence
from typing import cast

import anyio
import pytest

from orchestra.agents import Capability
from orchestra.agents.discovery.asking import Asking
from orchestra.agents.discovery.following import AGAIN_MAX_S, LEAST_S, SPREAD_S, Following
from orchestra.agents.discovery.told import Told
from orchestra.agents.pools.roster import Roster, roster_of
from orchestra.agents.providers.mishaps import Ended, invalid
from orchestra.agents.records import A2AReach, Agent, Registration
from orchestra.agents.registry.registry import Registry, RevisionMismatch, Written
from orchestra.clock import Ids, ManualClock
from orchestra.store.client import Store
from orchestra.store.keys import DEFAULT_TENANT

pytestmark = pytest.mark.anyio


class Middling:
    """Chance that always comes out in the middle."""

    def random(self) -> float:
        return 0.5

    def getrandbits(self, k: int, /) -> int:
        return 1 << (k - 1)


class Register(Registry):
    """The agents the test has, and how often one was changed."""

    def __init__(self, agents: Sequence[Agent], *, changed: bool = False) -> None:
        self.agents, self._changed = list(agents), changed
        self.kept: list[Registration] = []

    @property
    def rosters(self) -> tuple[Roster, ...]:
        return (roster_of(DEFAULT_TENANT, self.agents),)

    async def change(self, agent: Agent, spec: Registration) -> tuple[Agent, Written]:
        if self._changed:
            raise RevisionMismatch("somebody else changed it")
        self.kept.append(spec)
        return Agent(agent.id, agent.tenant, agent.revision + 1, 0, spec), "changed"


class Says(Asking):
    """Notes when it was asked; tells the same each time, or fails."""

    def __init__(self, clock: ManualClock, said: Told | Exception, enough: int) -> None:
        self._clock, self._said, self._enough = clock, said, enough
        self.at: list[float] = []
        self.full = anyio.Event()

    async def ask(self, agent: Agent, timeout_s: float = 0.0) -> Told:
        if len(self.at) < self._enough:
            self.at.append(self._clock.monotonic())
        if len(self.at) == self._enough:
            self.full.set()
        if isinstance(self._said, Exception):
            raise self._said
        return self._said


def an_agent(name: str, *can: str, told: bool = True) -> Agent:
    spec = Registration(
        name, "far", "a2a", tuple(map(Capability, can)), reach=A2AReach("http://h/"), told=told
    )
    return Agent(f"agt_{name}", DEFAULT_TENANT, 1, 0, spec)


def following(store: Store, clock: ManualClock, registry: Register) -> Following:
    return Following(store, clock, Ids(clock, Middling()), Middling(), registry)


async def asked_at(store: Store, agents: Sequence[Agent], said: Told | Exception, n: int) -> Says:
    """The first `n` times at which they were asked."""
    clock = ManualClock()
    says, register = Says(clock, said, n), Register(agents)
    with anyio.fail_after(60):
        async with anyio.create_task_group() as group:
            group.start_soon(following(store, clock, register).serve, says)
            await says.full.wait()
            group.cancel_scope.cancel()
    return says


async def test_who_has_told_nothing_yet_is_asked_at_once_and_others_spread(store: Store) -> None:
    new = await asked_at(store, [an_agent("new")], Told((), fresh_s=3_600), 1)
    known = await asked_at(store, [an_agent("known", "a")], Told((), fresh_s=3_600), 1)

    assert new.at == [1.0]
    assert known.at == [1.0 + SPREAD_S / 2]


@pytest.mark.parametrize("fresh_s", [-1e9, 0.0, 0.001])
async def test_no_agent_makes_us_ask_more_often_than_we_like(store: Store, fresh_s: float) -> None:
    says = await asked_at(store, [an_agent("a")], Told((), fresh_s=fresh_s), 4)

    assert says.at == [1.0, 1.0 + LEAST_S, 1.0 + 2 * LEAST_S, 1.0 + 3 * LEAST_S]


async def test_one_that_does_not_answer_is_asked_ever_more_seldom(store: Store) -> None:
    says = await asked_at(store, [an_agent("a")], Ended(invalid("answered oddly")), 12)
    pauses = [later - earlier for earlier, later in zip(says.at, says.at[1:], strict=False)]

    assert pauses[:4] == [5.0, 10.0, 20.0, 40.0]
    assert set(pauses[6:]) == {AGAIN_MAX_S}


async def test_who_does_not_tell_for_itself_is_never_asked(store: Store) -> None:
    agents = [an_agent("quiet", "a", told=False), an_agent("speaks")]
    asked = list[str]()

    class Notes(Says):
        async def ask(self, agent: Agent, timeout_s: float = 0.0) -> Told:
            asked.append(agent.spec.name)
            return await super().ask(agent, timeout_s)

    clock = ManualClock()
    says = Notes(clock, Told((), fresh_s=0), 3)
    with anyio.fail_after(60):
        async with anyio.create_task_group() as group:
            group.start_soon(following(store, clock, Register(agents)).serve, says)
            await says.full.wait()
            group.cancel_scope.cancel()

    assert set(asked) == {"speaks"}


async def test_what_is_told_anew_is_kept_and_the_same_in_another_order_is_not(
    store: Store,
) -> None:
    clock, agent = ManualClock(), an_agent("a", "one", "two")
    register = Register([agent])
    following_ = following(store, clock, register)

    def says(*names: str) -> Asking:
        return cast("Asking", Says(clock, Told(tuple(map(Capability, names))), 1))

    same = await following_.follow(says("two", "one"), agent)
    less = await following_.follow(says("two"), agent)

    assert same is agent
    assert less.offers == {"two"}
    assert [len(one.capabilities) for one in register.kept] == [1]


async def test_an_agent_that_somebody_changed_meanwhile_stays_as_they_made_it(
    store: Store,
) -> None:
    clock, agent = ManualClock(), an_agent("a", "one")
    following_ = following(store, clock, Register([agent], changed=True))

    assert await following_.follow(Says(clock, Told(()), 1), agent) is agent
