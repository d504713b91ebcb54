"""Dead letters chosen by what they say, messages that are looked at, and what is counted."""

import anyio
import msgspec
import pytest
from products import a_product
from queue_store import bodies, counted, letters_of, queues_of, sent, taken

from orchestra.bus.queues.queues import Queues
from orchestra.bus.queues.records import Choice, Options, PeekState
from orchestra.store.client import Store
from orchestra.store.keys import DEFAULT_TENANT as HOME

pytestmark = pytest.mark.anyio


@pytest.fixture
def queues(store: Store) -> Queues:
    return queues_of(store)


async def some_dead(queues: Queues) -> None:
    """0, 1 timed out; 2, 3 given up, one of each in a group; 4 lost its worker."""
    await queues.save(HOME, "q", Options(tries_max=1))
    await queues.send(HOME, "q", [sent(n, group="g" if n in {1, 3} else "") for n in range(5)])
    while found := await taken(queues, most=1, lease_ms=1):
        [body] = bodies(found)
        receipts = [found[0].receipt]
        if body in {0, 1}:
            await queues.settle(HOME, "q", receipts, "again", error="Timed Out after 3 s")
        elif body in {2, 3}:
            await queues.settle(HOME, "q", receipts, "bury", error="no such customer")
    with anyio.fail_after(60):
        while (await counted(queues))[3] < 5:  # noqa: ASYNC110  -- time passes in the store
            await anyio.sleep(0.005)


async def test_dead_letters_are_chosen_by_kind_reason_group_and_time(
    queues: Queues, store: Store
) -> None:
    await some_dead(queues)
    letters = letters_of(store)
    everything, _ = await letters.dead(HOME, "q", 50)
    died = {msgspec.json.decode(one.body): one.died_ms for one in everything}

    async def chosen(choice: Choice) -> list[object]:
        found, more = await letters.dead(HOME, "q", 50, None, choice)
        assert more is None
        return sorted(msgspec.json.decode(one.body) for one in found)

    assert await chosen(Choice(kind="failed")) == [0, 1]
    assert await chosen(Choice(kind="buried")) == [2, 3]
    assert await chosen(Choice(kind="lost")) == [4]
    assert await chosen(Choice(error="TIMED OUT")) == [0, 1]
    assert await chosen(Choice(error="%a+")) == []
    assert await chosen(Choice(group="g")) == [1, 3]
    assert await chosen(Choice(group="g", kind="buried")) == [3]
    assert await chosen(Choice(until=died[0])) == []
    assert await chosen(Choice(since=died[4])) == sorted(n for n in died if died[n] >= died[4])


async def test_only_what_was_chosen_is_redriven_or_thrown_away(
    queues: Queues, store: Store
) -> None:
    await some_dead(queues)
    letters = letters_of(store)
    [part] = await queues.parts(HOME, "q")

    job = await letters.begin(HOME, "q", 10_000, Choice(error="timed"))
    with anyio.fail_after(60):
        while await letters.step(part):  # noqa: ASYNC110  -- time passes in the store
            await anyio.sleep(0.001)
    done = await letters.job(HOME, "q")
    dropped = await letters.forget_dead(HOME, "q", None, Choice(kind="buried", group="g"))
    left, _ = await letters.dead(HOME, "q", 50)

    assert (job.total, done.moved, done.state) == (2, 2, "completed")
    assert sorted(map(str, bodies(await taken(queues)))) == ["0", "1"]
    assert dropped == 1
    assert sorted(msgspec.json.decode(one.body) for one in left) == [2, 4]


async def test_a_filter_finds_what_lies_behind_thousands(queues: Queues, store: Store) -> None:
    await queues.save(HOME, "q", Options(tries_max=1))
    letters = letters_of(store)
    for first in range(0, 4_500, 100):
        await queues.send(HOME, "q", [sent(n) for n in range(first, first + 100)])
        receipts = [one.receipt for one in await taken(queues)]
        await queues.settle(HOME, "q", receipts, "bury", error="dull" if first < 4_400 else "rare")
    [part] = await queues.parts(HOME, "q")

    found, _ = await letters.dead(HOME, "q", 10, None, Choice(error="rare"))
    await letters.begin(HOME, "q", 10_000, Choice(error="rare"))
    with anyio.fail_after(60):
        while await letters.step(part):  # noqa: ASYNC110  -- time passes in the store
            await anyio.sleep(0.001)

    assert len(found) == 10
    assert await counted(queues) == (100, 0, 0, 4_400)


async def test_what_happened_is_counted_and_agrees_with_what_is_there(
    queues: Queues, store: Store
) -> None:
    await some_dead(queues)
    await queues.send(HOME, "q", [sent(n) for n in range(5, 10)])
    first, second, third, *_ = [one.receipt for one in await taken(queues)]
    await queues.settle(HOME, "q", [first], "done")
    await queues.settle(HOME, "q", [second], "postpone", delay_ms=60_000)
    await queues.settle(HOME, "q", [third], "again")
    [letter], _ = await letters_of(store).dead(HOME, "q", 1)
    await letters_of(store).redrive(HOME, "q", [letter.id, letter.id])

    found = await queues.look(HOME, "q")

    totals = msgspec.structs.asdict(found.totals)
    assert totals == {
        "sent": 10,
        "received": 10,
        "acked": 1,
        "nacked": 5,
        "postponed": 1,
        "retried": 0,
        "expired": 1,
        "dead": 6,
        "redriven": 1,
    }
    assert found.counts.depth == 10 + 1 - 1 - 6


async def test_messages_are_looked_at_where_they_are(queues: Queues) -> None:
    await queues.send(HOME, "q", [sent("held"), sent("first", group="g"), sent("next", group="g")])
    await queues.send(HOME, "q", [sent("late", delay_ms=60_000), sent("urgent", priority=0)])
    await queues.settle(HOME, "q", [(await taken(queues, 1))[0].receipt], "postpone", delay_ms=0)
    [urgent] = await taken(queues, 1)

    async def seen(state: PeekState) -> list[object]:
        found, more = await queues.peek(HOME, "q", state, (0, 0), 10)
        assert more is None
        assert {one.state for one in found} <= {state}
        return [msgspec.json.decode(one.body) for one in found]

    assert bodies([urgent]) == ["urgent"]
    assert await seen("ready") == ["held", "first"]
    assert await seen("waiting") == ["next"]
    assert await seen("delayed") == ["late"]
    assert await seen("in_flight") == ["urgent"]
    assert await counted(queues) == (3, 1, 1, 0)


async def test_all_of_it_over_http(store: Store, store_url: str) -> None:
    await some_dead(queues_of(store))
    async with a_product(store_url) as one:
        at = "/api/queues/q"
        dead = (await one.http.get(f"{at}/dead?error=timed&limit=1")).json()
        rest = (await one.http.get(f"{at}/dead?error=timed&cursor={dead['cursor']}")).json()
        wrong = await one.http.get(f"{at}/dead?kind=x&since=yesterday")
        began = await one.post(f"{at}/redrive", {"filter": {"kind": "failed"}, "per_s": 10_000})
        with anyio.fail_after(60):
            while (await one.http.get(f"{at}/redrive")).json()["state"] == "running":  # noqa: ASYNC110
                await anyio.sleep(0.01)
        seen = (await one.http.get(f"{at}/messages?limit=1")).json()
        more = (await one.http.get(f"{at}/messages?cursor={seen['cursor']}")).json()
        odd = [
            (await one.http.get(f"{at}/messages?cursor=x")).status_code,
            (await one.http.get(f"{at}/messages?state=x")).status_code,
            (await one.http.get("/api/queues/none/messages")).status_code,
            (await one.post(f"{at}/redrive", {"filter": {}})).status_code,
            (await one.post(f"{at}/redrive", {"filter": {"until": 1}, "all": True})).status_code,
            (await one.http.patch(at, json={"spread": True})).status_code,
        ]
        spread = await one.post("/api/queues/", {"name": "s", "spread": True})
        shown = (await one.http.get(at)).json()

    assert [letter["kind"] for letter in dead["messages"] + rest["messages"]] == ["failed"] * 2
    found = {finding["pointer"] for finding in wrong.json()["errors"]}
    assert found == {"/query/kind", "/query/since"}
    assert began.json()["total"] == 2
    assert [len(page["messages"]) for page in (seen, more)] == [1, 1]
    assert odd == [400, 422, 404, 422, 422, 409]
    assert spread.json()["spread"] is True
    assert (shown["depth"], shown["dead"], shown["totals"]["redriven"]) == (2, 3, 2)
