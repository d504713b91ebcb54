"""Looking after a pool, in virtual time: checks, heartbeats, leases, and what is told of them."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from agent_replicas import store_at
from pool_scripts import POOL, PoolAt

pytestmark = pytest.mark.anyio


@pytest.fixture
async def pool(store_url: str) -> AsyncIterator[PoolAt]:
    async with store_at(store_url) as store:
        yield PoolAt(store)


async def three(pool: PoolAt, **given: int) -> None:
    for name in ("a", "b", "c"):
        await pool.put(name, **given)


async def test_three_failed_checks_take_an_agent_out_and_are_told_once(pool: PoolAt) -> None:
    await three(pool)

    found = [await pool.checked("a", "fail") for _ in range(5)]

    assert [event for event, _, _ in found] == ["", "", "opened", "", ""]
    assert (await pool.pick("b", "c"))[0][:2] == ["cooling", 30_000]
    assert [one for one in await pool.told() if one[0] == "agent.unhealthy"] == [
        ("agent.unhealthy", "a")
    ]
    last = (await pool.events())[-1]
    assert last["d"] == {"reason": "it was asked", "failed_checks": 3}
    assert last["tn"] == "default"


async def test_two_successes_bring_it_back_by_way_of_half_open(pool: PoolAt) -> None:
    await three(pool)
    for _ in range(3):
        await pool.checked("a", "fail")

    first = await pool.checked("a")
    half = await pool.field("brk", "a")
    second = await pool.checked("a")

    assert (first[0], second[0]) == ("", "closed")
    assert half is not None
    assert half.startswith("h:")
    assert (await pool.pick("b", "c"))[0][:2] == ["ok", "a"]
    assert (await pool.told())[-1] == ("agent.recovered", "a")
    assert (await pool.events())[-1]["d"]["reason"] == "re-admitted by probe"


async def test_a_failure_between_two_successes_begins_the_count_anew(pool: PoolAt) -> None:
    await three(pool)
    outcomes = ("fail", "fail", "fail", "ok", "fail", "ok")
    found = [await pool.checked("a", outcome) for outcome in outcomes]

    assert found[-1] == ["", 0, 1]
    assert (await pool.pick("b", "c"))[0][0] == "cooling"


async def test_checks_re_admit_an_agent_that_its_tasks_had_ejected(pool: PoolAt) -> None:
    await three(pool)
    for _ in range(5):
        pick, lease = await pool.pick("b", "c")
        await pool.ends(pick[1], lease, "fail")
    assert (await pool.pick("b", "c"))[0][0] == "cooling"

    await pool.checked("a")
    event, _, _ = await pool.checked("a")

    assert event == "closed"
    assert (await pool.pick("b", "c"))[0][:2] == ["ok", "a"]


async def test_an_agent_that_fails_again_after_a_re_admission_waits_for_its_gate(
    pool: PoolAt,
) -> None:
    await three(pool)
    found: list[list[str]] = []
    for _ in range(2):
        for _ in range(5):
            pick, lease = await pool.pick("b", "c")
            await pool.ends(pick[1], lease, "fail")
        found.append([(await pool.checked("a"))[0] for _ in range(4)])

    # Its checks are fine and its tasks are not: checks say little about the work.
    assert found == [["", "closed", "", ""], [""] * 4]
    assert (await pool.pick("b", "c"))[0][0] == "cooling"


async def test_successes_before_it_opened_do_not_count(pool: PoolAt) -> None:
    await three(pool)
    for _ in range(9):
        await pool.checked("a")
    for _ in range(5):
        pick, lease = await pool.pick("b", "c")
        await pool.ends(pick[1], lease, "fail")

    assert (await pool.checked("a"))[0] == ""
    assert (await pool.checked("a"))[0] == "closed"


async def test_work_that_succeeds_between_failed_checks_forgives_them(pool: PoolAt) -> None:
    await three(pool)
    for _ in range(2):
        await pool.checked("a", "fail")
    pool.at_ms += 1_000
    pick, lease = await pool.pick("b", "c")
    await pool.ends(pick[1], lease)

    assert await pool.checked("a", "fail") == ["", 1, 0]


async def test_refused_credentials_are_told_as_such_and_only_a_proof_undoes_it(
    pool: PoolAt,
) -> None:
    await three(pool)
    pick, lease = await pool.pick("b", "c")
    await pool.ends(pick[1], lease, "deny")
    assert (await pool.told())[-1] == ("agent.misconfigured", "a")

    unproven = [(await pool.checked("a"))[0] for _ in range(3)]
    proven = [(await pool.checked("a", proves=1))[0] for _ in range(2)]

    assert unproven == ["", "", ""]
    assert "closed" in proven


async def test_a_pardoned_agent_is_tried_at_once_and_its_task_decides(pool: PoolAt) -> None:
    await three(pool)
    pick, lease = await pool.pick("b", "c")
    await pool.ends(pick[1], lease, "deny")

    pardoned = [await pool.run("agent_pardon", agent="a") for _ in range(2)]
    pick, lease = await pool.pick("b", "c")
    ended = await pool.ends(pick[1], lease)

    assert pardoned == [1, 0]
    assert ended == [1, "closed"]
    assert (await pool.told())[-1] == ("agent.recovered", "a")


async def test_a_lone_agent_is_kept_out_for_5_s_at_most(pool: PoolAt) -> None:
    await pool.put("a")

    for _ in range(3):
        await pool.checked("a", "fail")

    assert (await pool.pick())[0][:2] == ["cooling", 5_000]


async def test_one_replica_looks_after_a_pool_until_its_lease_is_over(pool: PoolAt) -> None:
    await pool.put("a")

    assert (await pool.watch("r1"))[0] == 1
    assert await pool.watch("r2") == [0, 5_000]
    pool.at_ms += 4_999
    assert await pool.watch("r2") == [0, 1]
    assert (await pool.watch("r1"))[0] == 1
    pool.at_ms += 5_000
    assert (await pool.watch("r2"))[0] == 1
    assert (await pool.watch("r1"))[0] == 0


async def test_late_agents_are_told_of_once_and_again_when_they_are_offline(pool: PoolAt) -> None:
    await three(pool, ttl_ms=30_000)
    offline: list[list[str]] = []
    for _ in range(120):
        pool.at_ms += 2_500
        await pool.beat("b", 30_000)
        await pool.beat("c", 30_000)
        offline.append((await pool.watch())[4])

    assert offline[-2:] == [[], ["a", "300000"]]
    assert [one for one in await pool.told() if one[0] != "agent.healthy"] == [
        ("agent.stale", "a"),
        ("agent.offline", "a"),
    ]
    await pool.beat("a", 30_000)
    assert (await pool.told())[-1] == ("agent.recovered", "a")


async def test_what_nobody_could_hear_makes_nobody_late(pool: PoolAt) -> None:
    await three(pool, ttl_ms=30_000)
    await pool.watch()

    pool.at_ms += 120_000  # the store was away, and every replica with it
    picked = (await pool.pick())[0][0]
    _, _, pushing, lapsed, offline, _ = await pool.watch()

    assert picked == "ok"
    assert (pushing, lapsed, offline) == (3, 0, [])
    assert {kind for kind, _ in await pool.told()} == {"agent.healthy"}
    for _ in range(15):
        assert ("agent.stale", "a") not in await pool.told()
        pool.at_ms += 2_000
        await pool.watch()
    assert ("agent.stale", "a") in await pool.told()  # a ttl later they had their chance


async def test_who_was_late_before_nobody_looked_stays_late(pool: PoolAt) -> None:
    await three(pool, ttl_ms=30_000)
    for _ in range(13):
        pool.at_ms += 2_500
        for name in ("b", "c"):
            await pool.beat(name, 30_000)
        await pool.watch()

    pool.at_ms += 60_000
    await pool.watch()

    assert (await pool.pick("b", "c"))[0][0] == "down"
    assert (await pool.pick())[0][0] == "ok"


async def test_those_late_together_are_counted_and_can_have_one_more_ttl(pool: PoolAt) -> None:
    await three(pool, ttl_ms=30_000)
    await pool.put("old", ttl_ms=1_000)
    await pool.watch()
    counted: list[list[int]] = []
    for _ in range(12):
        pool.at_ms += 2_550
        counted.append(await pool.watch())

    assert counted[-1][2:4] == [3, 3]  # the old one was late long before
    assert await pool.run("pool_count", window_ms=15_000) == [3, 3]
    assert await pool.run("pool_extend", window_ms=15_000) == 3
    assert (await pool.pick())[0][0] == "ok"
    assert (await pool.watch())[3] == 0


async def test_an_agent_is_drained_when_its_last_slot_is_free(pool: PoolAt) -> None:
    await pool.put("a")
    held = [await pool.pick() for _ in range(2)]

    await pool.run("agent_drop", agent="a", drained=1)
    for pick, lease in held:
        assert ("agent.drained", "a") not in await pool.told()
        await pool.ends(pick[1], lease)

    assert (await pool.told())[-1] == ("agent.drained", "a")
    await pool.run("agent_drop", agent="a", drained=1)
    assert len(await pool.told()) == 2


async def test_slots_of_a_dead_replica_end_a_drain_too(pool: PoolAt) -> None:
    await pool.put("a")
    await pool.put("b")
    await pool.pick("b")
    await pool.run("agent_drop", agent="a", drained=1)

    pool.at_ms += 3_001
    await pool.watch("r2")

    assert (await pool.told())[-1] == ("agent.drained", "a")


async def test_an_idle_agent_is_drained_at_once(pool: PoolAt) -> None:
    await pool.put("a")

    await pool.run("agent_drop", agent="a", drained=1)

    assert (await pool.told())[-1] == ("agent.drained", "a")


async def test_an_empty_pool_keeps_its_events_for_a_day_and_an_agent_that_comes_keeps_them(
    pool: PoolAt,
) -> None:
    await pool.put("a")
    await pool.run("agent_drop", agent="a", drained=0)
    left_s = int(await pool.store.read(POOL, "TTL", POOL + "ev"))

    await pool.put("a")

    assert 86_400 <= left_s <= 90_000
    assert int(await pool.store.read(POOL, "TTL", POOL + "ev")) == -1


async def test_counts_of_calls_are_added_once_however_often_they_are_sent(pool: PoolAt) -> None:
    values: dict[str, Any] = {
        "fine_s": 60, "fine_chunk_s": 3_600, "fine_kept_s": 7_200,
        "coarse_s": 600, "coarse_chunk_s": 86_400, "coarse_kept_s": 90_000,
    }  # fmt: skip
    counts = b"\x81\xa2ok\x02"  # {"ok": 2}, msgpack

    told = [
        await pool.run("performance_add", "a", "7200", counts, session="r", n=n, **values)
        for n in (1, 1, 2)
    ]

    assert told == [1, 0, 1]
    packed = await pool.store.read(POOL, "HGET", POOL + "pf:a:60:2", "0")
    assert packed == b"\x81\xa2ok\x04"
    assert await pool.store.read(POOL, "HGET", POOL + "pf:a:600:0", "12") == packed
