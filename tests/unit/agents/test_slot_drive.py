"""Pools driven at random in virtual time: whatever happens, no slot is given twice or lost."""

import random
from collections import Counter
from collections.abc import AsyncIterator

import pytest
from agent_pool import POOL, Pool
from agent_replicas import store_at

pytestmark = pytest.mark.anyio

SESSIONS, AGENTS, STEPS = 3, 5, 400
OUTCOMES = ("ok", "ok", "ok", "ok", "fail", "rate", "none", "deny")


@pytest.fixture
async def pool(store_url: str) -> AsyncIterator[Pool]:
    async with store_at(store_url) as store:
        yield Pool(store)


class Drive:
    """Three replicas, their slots as they know them, and what the pool promises about them."""

    def __init__(self, pool: Pool, seed: int) -> None:
        self.chance = random.Random(seed)
        self.replicas = [Pool(pool.store, f"s{n}") for n in range(SESSIONS)]
        self.pool, self.at_ms = pool, pool.at_ms
        self.slots = {f"a{n}": self.chance.randint(1, 4) for n in range(AGENTS)}
        self.held: list[tuple[Pool, str, str, int]] = []
        self.alive = {replica.session: self.at_ms for replica in self.replicas}
        self.gates: Counter[str] = Counter()
        self.fence = 0

    def now(self, replica: Pool) -> Pool:
        """The replica, at this moment. Whoever speaks lives."""
        replica.at_ms = self.at_ms
        return replica

    async def begin(self) -> None:
        for n, (agent, slots) in enumerate(self.slots.items()):
            await self.pool.put(agent, "c", slots=slots, tier=8 + n % 2, weight=1 + n % 3)

    async def step(self) -> None:
        """One thing that may happen."""
        what = self.chance.random()
        if what < 0.5:
            await self.take()
        elif what < 0.8 and self.held:
            await self.give_back()
        elif what < 0.9:
            self.at_ms += self.chance.choice((1, 50, 900, 4_000))
        else:
            replica = self.now(self.chance.choice(self.replicas))
            await replica.call("slot_beat", session=replica.session)
            self.spoke(replica)
        self.lapse()
        await self.holds()

    async def take(self) -> None:
        replica = self.now(self.chance.choice(self.replicas))
        wish = self.chance.choice(
            ({}, {"strategy": "ewma"}, {"prefer": "a1|0\na3|1", "bound": 20}, {"spill": 1})
        )
        excluded = self.chance.choice(("", "a0", "a0\na2"))
        pick, lease = await replica.acquire(capability="c", exclude=excluded, **wish)
        self.spoke(replica)
        if pick[0] == "ok":
            assert pick[1] not in excluded.splitlines()
            assert pick[2] > self.fence, "the fence only grows"
            assert self.gates[pick[1]] <= self.at_ms, "nobody is asked before its gate"
            self.fence = pick[2]
            self.held.append((replica, pick[1], lease, self.at_ms + 65_000))

    async def give_back(self) -> None:
        replica, agent, lease, _ = self.held.pop(self.chance.randrange(len(self.held)))
        outcome, wait_ms = self.chance.choice(OUTCOMES), self.chance.choice((1, 700, 5_000))
        now = self.now(replica)
        assert (await now.release(agent, lease, outcome, retry_ms=wait_ms))[0] == 1
        assert (await now.release(agent, lease, "none"))[0] == 0
        if outcome in ("rate", "ok"):
            self.gates[agent] = max(self.gates[agent], self.at_ms + wait_ms)
        self.spoke(replica)

    def spoke(self, replica: Pool) -> None:
        self.alive[replica.session] = self.at_ms

    def lapse(self) -> None:
        """Who was silent for 3 s has lost everything, as soon as anybody looks."""
        dead = {name for name, at in self.alive.items() if at + 3_000 <= self.at_ms}
        self.held = [one for one in self.held if one[0].session not in dead and one[3] > self.at_ms]

    async def holds(self) -> None:
        """What is true after every step."""
        found = await self.pool.store.read(POOL, "HGETALL", POOL + "inf")
        used = {agent.decode(): int(n) for agent, n in zip(found[::2], found[1::2], strict=True)}
        leases = await self.pool.store.read(POOL, "ZRANGE", POOL + "lease", 0, -1)
        counted = Counter(member.decode().partition("|")[0] for member in leases)
        assert {agent: n for agent, n in used.items() if n} == dict(counted)
        assert all(used.get(agent, 0) <= slots for agent, slots in self.slots.items())
        known = Counter(agent for _, agent, _, _ in self.held)
        assert all(counted[agent] >= n for agent, n in known.items()), "none that lives is lost"

    async def end(self) -> None:
        """Everybody dies; somebody else looks."""
        self.at_ms += 3_001
        observer = self.now(Pool(self.pool.store, "observer"))
        for _ in range(SESSIONS + 1):
            await observer.call("slot_beat", session="observer")
        assert await observer.used() == 0
        assert await self.pool.store.read(POOL, "ZCARD", POOL + "lease") == 0


@pytest.mark.parametrize("seed", range(8))
async def test_whatever_happens_every_slot_is_held_once_and_comes_back(
    pool: Pool, seed: int
) -> None:
    drive = Drive(pool, seed)
    await drive.begin()

    for _ in range(STEPS):
        await drive.step()

    await drive.end()


@pytest.mark.parametrize(("rpm", "minutes"), [(60, 3), (600, 2), (7, 10)])
async def test_over_any_time_no_more_is_asked_than_the_limit_and_its_burst(
    pool: Pool, rpm: int, minutes: int
) -> None:
    chance = random.Random(rpm)
    await pool.put("a0", slots=10_000, rpm=rpm)
    admitted: list[int] = []
    end = pool.at_ms + minutes * 60_000
    while pool.at_ms < end:
        if (await pool.turn())[0] == "ok":
            admitted.append(pool.at_ms)
        else:
            pool.at_ms += chance.choice((10, 200, 3_000)) if rpm < 600 else chance.choice((5, 50))

    burst = max(1, rpm * 10 // 60)
    for start in range(0, len(admitted), 7):
        for span_ms in (1_000, 10_000, 60_000):
            inside = sum(1 for at in admitted[start:] if at < admitted[start] + span_ms)
            assert inside <= burst + rpm * span_ms / 60_000 + 1
    assert len(admitted) >= 0.8 * rpm * minutes
