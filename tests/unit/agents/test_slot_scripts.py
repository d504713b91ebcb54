"""The scripts of a pool in virtual time: who is picked, who is kept out, who loses a slot."""

from collections import Counter
from collections.abc import AsyncIterator

import pytest
from agent_pool import POOL, Pool
from agent_replicas import store_at

pytestmark = pytest.mark.anyio


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


async def test_a_preferred_agent_is_picked_first_while_it_has_its_share(pool: Pool) -> None:
    for i in range(4):
        await pool.put(f"a{i}", slots=10)
    wish = {"prefer": "a2|0\na1|1", "bound": 40}

    first, second, third = [(await pool.acquire(**wish))[0][1] for _ in range(3)]

    assert (first, second) == ("a2", "a1")
    assert third in ("a0", "a3"), "over its share, whoever has least is picked"


async def test_nobody_preferred_gets_more_than_his_share_of_the_load(pool: Pool) -> None:
    for i in range(4):
        await pool.put(f"a{i}", slots=100)

    picked = Counter([(await pool.acquire(prefer="a2|0", bound=400))[0][1] for _ in range(100)])

    assert 28 <= picked["a2"] <= 1.25 * 100 / 4 + 1


async def test_the_lowest_rank_wins_and_equals_are_picked_in_turn(pool: Pool) -> None:
    for agent in ("dear", "one", "two"):
        await pool.put(agent)
    prefer = "dear|500\none|100\ntwo|100"

    picked = Counter([(await pool.turn(prefer=prefer))[1] for _ in range(20)])

    assert picked == {"one": 10, "two": 10}


async def test_preference_does_not_reach_into_a_worse_tier(pool: Pool) -> None:
    await pool.put("best", slots=1)
    await pool.put("spare", tier=15)
    prefer = "best|9\nspare|0"

    assert (await pool.acquire(prefer=prefer))[0][1] == "best"
    assert (await pool.acquire(prefer=prefer))[0] == ["full", 1]
    assert (await pool.acquire(prefer=prefer, spill=1))[0][1] == "spare"


async def test_a_pick_says_whom_it_passed_over_and_why(pool: Pool) -> None:
    for agent in ("full", "cool", "late", "down", "out", "free"):
        await pool.put(agent, "c", slots=1, alive_ms=1_000 if agent == "late" else 10**9)
    await pool.put("other", "d")
    everybody = {"full", "cool", "late", "down", "out", "free"}

    async def only(agent: str) -> str:
        pick, lease = await pool.acquire(exclude="\n".join(everybody - {agent}), capability="c")
        assert pick[1] == agent
        return lease

    await only("full")
    await pool.release("cool", await only("cool"), "rate", retry_ms=60_000)
    await pool.release("down", await only("down"), "deny", retry_ms=60_000)
    pool.at_ms += 1_000
    await pool.turn(capability="c", exclude="out\nfree")

    assert pool.seen == "1:1:1:1:1:2:59000"  # full cooling open stale incapable excluded gate


async def test_the_latency_of_the_chosen_one_is_told(pool: Pool) -> None:
    await pool.put("a0")
    _, lease = await pool.acquire()
    await pool.release("a0", lease, latency_ms=40)

    await pool.turn()

    assert pool.seen.endswith(":40")


async def test_429_without_a_hint_gates_for_longer_each_time_up_to_a_minute(pool: Pool) -> None:
    await pool.put("a0")
    waits: list[int] = []
    for _ in range(6):
        await pool.turn("rate")
        refused = await pool.turn()
        waits.append(refused[1])
        pool.at_ms += refused[1]
    await pool.turn("ok")
    await pool.turn("rate")

    assert waits == [5_000, 10_000, 20_000, 40_000, 60_000, 60_000]
    assert await pool.turn() == ["cooling", 5_000]


async def test_one_burst_of_429_is_one_refusal(pool: Pool) -> None:
    await pool.put("a0", slots=8)
    held = [(await pool.acquire())[1] for _ in range(8)]

    for lease in held:
        await pool.release("a0", lease, "rate")

    assert await pool.turn() == ["cooling", 5_000]


async def test_a_gate_is_never_moved_to_an_earlier_time(pool: Pool) -> None:
    await pool.put("a0", slots=8)
    held = [(await pool.acquire())[1] for _ in range(7)]
    await pool.release("a0", held[0], "rate", retry_ms=90_000)

    for lease in held[1:]:
        await pool.release("a0", lease, "fail")

    assert await pool.turn() == ["cooling", 90_000], "not the 5 s of a lone agent that fails"


async def test_an_answer_may_say_that_the_quota_is_used_up(pool: Pool) -> None:
    await pool.put("a0")
    _, lease = await pool.acquire()
    await pool.release("a0", lease, retry_ms=700)

    assert await pool.turn() == ["cooling", 700]


async def test_a_lost_probe_is_followed_by_another_one(pool: Pool) -> None:
    await pool.put("a0")
    await pool.put("a1")
    for _ in range(5):
        _, lease = await pool.acquire(exclude="a1")
        await pool.release("a0", lease, "fail")
    pool.at_ms += 30_000
    probe, _ = await pool.acquire(exclude="a1")  # and its replica dies

    assert probe[3] == 1
    assert await pool.turn(exclude="a1") == ["cooling", 1_000], "it may end at any moment"
    pool.at_ms += 30_000
    again, lease = await pool.acquire(exclude="a1")
    assert (again[0], again[3]) == ("ok", 1)
    assert (await pool.turn(exclude="a1"))[0] == "cooling", "one probe at a time"
    assert (await pool.release("a0", lease))[1] == "closed"


async def test_tokens_are_estimated_and_settled_and_a_refused_pick_charges_nothing(
    pool: Pool,
) -> None:
    await pool.put("words", slots=100, tpm=6_000)  # a burst of 1,000 in 10 s
    pick, lease = await pool.acquire(tokens=3_000)

    for _ in range(50):
        assert (await pool.turn(tokens=3_000))[0] == "cooling"
    await pool.release(pick[1], lease, tokens=-2_900)

    assert (await pool.turn(tokens=1))[0] == "ok"
    assert (await pool.turn(tokens=2_000))[0] == "ok"
    refused = await pool.turn(tokens=1)
    assert refused[0] == "cooling"
    pool.at_ms += refused[1]
    assert (await pool.turn(tokens=1))[0] == "ok"


async def test_explaining_tells_how_everybody_stands_and_changes_nothing(pool: Pool) -> None:
    await pool.put("a0", "c", slots=2)
    await pool.put("a1", "d", rpm=6)
    _, lease = await pool.acquire(only="a0")
    await pool.acquire(only="a1")
    await pool.release("a0", lease, "rate", retry_ms=1_500, latency_ms=5)

    before = await pool.state()
    told = await pool.call("slot_explain", "a0", "a1", "gone", capability="c", tokens=0)

    assert [one[1:] for one in told] == [
        [0, 1_500, "1000000000", 1, "0", "c", 0],
        [1, 0, "1000000000", 0, "0", "c", 10_000],
        [0, 0, "-1000000", 0, "0", "c", 0],
    ]
    assert told[2][0] == ""
    assert await pool.state() == before
