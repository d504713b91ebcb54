"""The scripts of a pool in virtual time: who is picked, who is kept out, who loses a slot."""

from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest
from agent_replicas import store_at

from orchestra.store.client import Store
from orchestra.store.scripts import load_scripts

pytestmark = pytest.mark.anyio

SCRIPTS = load_scripts("orchestra.agents")
POOL = "o:a:{default/text_processor}:"


class Pool:
    """One pool seen by one session, at a time of the test's choosing."""

    def __init__(self, store: Store, session: str = "r1") -> None:
        self.store, self.session, self.at_ms, self.leases = store, session, 1_000_000, 0
        self.seen = ""

    async def call(self, name: str, /, *more: str, **values: str | int) -> Any:
        script = SCRIPTS[name]
        argv = [str(self.at_ms), *script.argv(values), *more]
        return _text(await self.store.call(POOL, "EVAL", script.source, 1, POOL, *argv))

    async def put(self, agent: str, *capabilities: str, slots: int = 4, **conf: int) -> None:
        values = {
            "weight": 1,
            "tier": 8,
            "rpm": 0,
            "tpm": 0,
            "alive_ms": 10**9,
            "push": 1,
            "fresh": 1,
        }
        assert (
            await self.call("agent_put", *capabilities, agent=agent, max=slots, **(values | conf))
            == "ok"
        )

    async def acquire(self, **options: str | int) -> tuple[list[Any], str]:
        self.leases += 1
        lease = f"{self.session}.{self.leases}"
        values: dict[str, str | int] = {
            "session": self.session, "give_up_ms": 65_000, "capability": "", "strategy": "load",
            "exclude": "", "only": "", "prefer": "", "bound": 0, "tokens": 0, "retry": 0,
            "spill": 0,
        }  # fmt: skip
        *pick, self.seen = await self.call("slot_acquire", lease=lease, **(values | options))
        return pick, lease

    async def release(self, agent: str, lease: str, outcome: str = "ok", **options: int) -> Any:
        values = {"latency_ms": 10, "retry_ms": 0, "tokens": 0} | options
        return await self.call(
            "slot_release",
            agent=agent,
            lease=lease,
            session=self.session,
            outcome=outcome,
            **values,
        )

    async def turn(self, outcome: str = "ok", **options: str | int) -> list[Any]:
        """One pick, given back at once."""
        pick, lease = await self.acquire(**options)
        if pick[0] == "ok":
            await self.release(pick[1], lease, outcome)
        return pick

    async def used(self) -> int:
        return sum(int(n) for n in await self.store.read(POOL, "HVALS", POOL + "inf"))


def _text(reply: Any) -> Any:
    if isinstance(reply, list):
        return [_text(item) for item in reply]
    return reply.decode() if isinstance(reply, bytes) else reply


@pytest.fixture
async def pool(store_url: str) -> AsyncIterator[Pool]:
    async with store_at(store_url) as store:
        yield Pool(store)


async def test_idle_equals_are_picked_in_turn(pool: Pool) -> None:
    for i in range(5):
        await pool.put(f"a{i}", "sentiment_analysis")
    await pool.put("other", "translate")

    spread = Counter([(await pool.turn(capability="sentiment_analysis"))[1] for _ in range(100)])

    assert set(spread.values()) == {20}
    assert (await pool.turn(capability="fly"))[0] == "none"


async def test_every_slot_is_given_once_and_the_next_caller_is_told_full(pool: Pool) -> None:
    for i in range(5):
        await pool.put(f"a{i}")

    held = [await pool.acquire() for _ in range(20)]

    fences = [pick[2] for pick, _ in held]
    assert fences == sorted(set(fences))
    assert (await pool.acquire())[0] == ["full", 5]
    agent, lease = held[0][0][1], held[0][1]
    assert (await pool.release(agent, lease))[0] == 1
    assert (await pool.release(agent, lease))[0] == 0
    assert await pool.used() == 19


async def test_a_session_silent_for_3_s_loses_its_slots_and_its_results(pool: Pool) -> None:
    await pool.put("a0", slots=3)
    dead = Pool(pool.store, "r2")
    pick, lease = await dead.acquire()
    await dead.acquire()
    await pool.acquire(session="-", give_up_ms=30_000)

    pool.at_ms = dead.at_ms = pool.at_ms + 3_001

    assert await pool.call("slot_beat", session="r1") == 2
    assert await pool.used() == 1
    assert (await dead.release(pick[1], lease))[0] == 0
    pool.at_ms += 60_001
    assert (await pool.turn())[0] == "ok"
    assert await pool.used() == 0


async def test_a_session_that_leaves_gives_everything_back_at_once(pool: Pool) -> None:
    await pool.put("a0", slots=3)
    for _ in range(3):
        await pool.acquire()

    assert await pool.call("slot_leave", session="r1") == 3
    assert await pool.used() == 0


async def test_weights_share_the_load(pool: Pool) -> None:
    await pool.put("stable", slots=100, weight=19)
    await pool.put("canary", slots=100, weight=1)

    share = Counter([(await pool.acquire())[0][1] for _ in range(100)])

    assert share["canary"] == 5


async def test_tiers_spill_on_failure_and_on_load_only_when_asked(pool: Pool) -> None:
    await pool.put("gpt", slots=1)
    await pool.put("builtin", slots=4, tier=15)
    pick, lease = await pool.acquire()

    assert pick[1] == "gpt"
    assert (await pool.acquire())[0] == ["full", 1]
    assert (await pool.turn(spill=1))[1] == "builtin"
    await pool.release("gpt", lease, "rate", retry_ms=2_000)
    assert (await pool.turn())[1] == "builtin"
    pool.at_ms += 2_001
    assert (await pool.turn())[1] == "gpt"


async def test_when_all_cool_off_the_reply_is_the_wait_for_the_first(pool: Pool) -> None:
    for agent, other, wait_ms in (("a0", "a1", 3_000), ("a1", "a0", 2_000)):
        await pool.put(agent)
        _, lease = await pool.acquire(exclude=other)
        await pool.release(agent, lease, "rate", retry_ms=wait_ms)

    assert await pool.turn() == ["cooling", 2_000]
    pool.at_ms += 2_000
    assert (await pool.turn())[1] == "a1"


async def test_only_those_named_are_picked_and_those_excluded_are_not(pool: Pool) -> None:
    for i in range(4):
        await pool.put(f"a{i}", "c")

    picked = {(await pool.turn(only="a1\na2", exclude="a2"))[1] for _ in range(8)}

    assert picked == {"a1"}
    assert (await pool.turn(only="gone"))[0] == "none"
    assert (await pool.turn(only="a1", exclude="a1"))[0] == "down"


async def test_who_declares_nothing_is_found_as_such_until_it_declares(pool: Pool) -> None:
    await pool.put("open")
    await pool.put("narrow", "c")

    assert (await pool.turn(capability="*"))[1] == "open"
    await pool.put("open", "d")
    assert (await pool.turn(capability="*"))[0] == "none"
    assert (await pool.turn(capability="d"))[1] == "open"
    assert await pool.call("agent_drop", agent="open", drained=0) == 1
    assert (await pool.turn(capability="d"))[0] == "none"


async def test_a_late_heartbeat_takes_an_agent_out_and_a_new_one_brings_it_back(
    pool: Pool,
) -> None:
    await pool.put("a0", alive_ms=30_000)

    pool.at_ms += 30_000
    assert await pool.turn() == ["down", 1]
    await pool.put(
        "a0", alive_ms=30_000, fresh=0
    )  # a replica repeats what it read: no sign of life
    assert (await pool.turn())[0] == "down"
    assert await pool.call("agent_alive", agent="a0", alive_ms=30_000, said="") == 1
    assert (await pool.turn())[0] == "ok"
    assert await pool.call("agent_alive", agent="gone", alive_ms=30_000, said="") == 0


async def test_60_a_minute_is_a_burst_of_10_and_then_one_a_second(pool: Pool) -> None:
    await pool.put("slow", slots=100, rpm=60)

    admitted = sum([(await pool.turn())[0] == "ok" for _ in range(30)])

    assert admitted == 10
    pool.at_ms += 1_000
    assert (await pool.turn())[0] == "ok"
    assert await pool.turn() == ["cooling", 1_000]


async def test_the_breaker_opens_at_5_in_a_row_probes_once_and_opens_for_longer(
    pool: Pool,
) -> None:
    for i in range(5):
        await pool.put(f"a{i}")
    rest = "\n".join(f"a{i}" for i in range(1, 5))
    events = []
    for _ in range(5):
        _, lease = await pool.acquire(exclude=rest)
        events.append((await pool.release("a0", lease, "fail"))[1])

    assert events == ["", "", "", "", "opened"]
    assert await pool.turn(exclude=rest) == ["cooling", 30_000]
    pool.at_ms += 30_000
    probe, lease = await pool.acquire(exclude=rest)
    assert probe[3] == 1
    assert (await pool.turn(exclude=rest))[0] == "cooling"
    await pool.release("a0", lease, "fail")
    assert await pool.turn(exclude=rest) == ["cooling", 60_000]
    pool.at_ms += 60_000
    _, lease = await pool.acquire(exclude=rest)
    assert (await pool.release("a0", lease))[1] == "closed"


async def test_half_of_a_pool_is_never_away_for_more_than_5_s(pool: Pool) -> None:
    for i in range(4):
        await pool.put(f"a{i}")
    for i in range(4):
        rest = "\n".join(f"a{j}" for j in range(4) if j != i)
        for _ in range(5):
            _, lease = await pool.acquire(exclude=rest)
            await pool.release(f"a{i}", lease, "fail")

    gates = await pool.store.read(POOL, "HVALS", POOL + "gate")

    assert sorted(int(at) - pool.at_ms for at in gates) == [5_000, 5_000, 30_000, 30_000]


async def test_a_refused_credential_opens_the_breaker_at_once(pool: Pool) -> None:
    await pool.put("a0")
    await pool.put("a1")
    _, lease = await pool.acquire(exclude="a1")

    assert await pool.release("a0", lease, "deny", retry_ms=300_000) == [1, "opened"]
    assert await pool.turn(exclude="a1") == ["cooling", 300_000]


async def test_retries_have_a_budget_of_10_and_one_for_5_first_attempts(pool: Pool) -> None:
    await pool.put("a0", slots=1_000)
    taken = 0
    while (await pool.turn(retry=1))[0] == "ok":
        taken += 1

    assert taken == 10
    for _ in range(5):
        await pool.turn()
    assert (await pool.turn(retry=1))[0] == "ok"
    assert (await pool.turn(retry=1))[0] == "budget"


async def test_a_release_of_a_lease_that_never_was_changes_nothing(pool: Pool) -> None:
    await pool.put("a0")
    await pool.acquire()

    assert await pool.release("a0", "never", "none") == [0, ""]
    assert await pool.used() == 1
