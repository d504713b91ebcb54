"""What one tenant may ask of events: so many a second, so many streams, so much kept."""

from collections.abc import AsyncIterator
from typing import Any

import anyio
import httpx
import msgspec
import pytest
from durable_readers import Reader, draft, eventually, reading
from edge import a_client
from products import a_product

from orchestra.app import Ports, prepare, running
from orchestra.bus import Gap
from orchestra.bus.events.keeping import Keeper
from orchestra.bus.events.published import Published
from orchestra.bus.events.quota import HANDFUL, PublishingTooFast, Quota
from orchestra.bus.limits import Limits
from orchestra.bus.live import places
from orchestra.bus.live.places import Places, StreamsExhausted
from orchestra.clock import Ids, SystemClock, system_random
from orchestra.settings import Settings
from orchestra.store import event_keys, keys
from orchestra.store.client import Store
from orchestra.store.keys import DEFAULT_TENANT, Tenant

pytestmark = pytest.mark.anyio

OTHER = Tenant("other")
CLOCK = SystemClock()
IDS = Ids(CLOCK, system_random())


async def spent(quota: Quota, tenant: Tenant, count: int) -> int:
    """How many of `count` single events were let through."""
    through = 0
    for _ in range(count):
        try:
            await quota.spend(tenant, 1)
        except PublishingTooFast:
            break
        through += 1
    return through


async def test_replicas_share_what_a_tenant_may_publish(store: Store) -> None:
    limits = Limits(per_s=1, burst=1_000)
    here, there = Quota(store, CLOCK, limits), Quota(store, CLOCK, limits)

    through = await spent(here, DEFAULT_TENANT, 600) + await spent(there, DEFAULT_TENANT, 1_000)

    assert 1_000 - HANDFUL <= through <= 1_000 + 60  # and what comes back meanwhile
    assert await spent(there, OTHER, 10) == 10


async def test_a_batch_is_let_through_whole_or_not_at_all(store: Store) -> None:
    quota = Quota(store, CLOCK, Limits(per_s=1, burst=100))
    await quota.spend(DEFAULT_TENANT, 60)

    with pytest.raises(PublishingTooFast) as refused:
        await quota.spend(DEFAULT_TENANT, 60)

    await quota.spend(DEFAULT_TENANT, 30)
    assert 1 <= (refused.value.retry_after_ms or 0) <= 60_000


async def test_who_publishes_too_fast_is_told_when_to_come_back(store_url: str) -> None:
    event = {"event_type": "a.b", "source_service": "s", "source_id": "x"}
    batch = [{"specversion": "1.0", "id": str(n), "source": "s", "type": "a.b"} for n in range(100)]
    kind = {"content-type": "application/cloudevents-batch+json"}
    async with a_product(store_url, events_per_s=1, events_burst=100) as product:
        whole = await product.http.post(
            "/api/events", content=msgspec.json.encode(batch), headers=kind
        )
        through = 100
        while (over := await product.post("/api/events/publish", event)).status_code == 202:
            through += 1  # a second had passed, and brought one more
        asked = {"limit": 200, "types": "a.b"}
        found = (await product.http.get("/api/events", params=asked)).json()["events"]

    assert whole.status_code == 202
    assert over.status_code == 429
    assert over.json()["code"] == "publishing_too_fast"
    assert int(over.headers["retry-after"]) >= 1
    assert len(found) == through


async def test_streams_are_bounded_by_tenant_and_caller_over_replicas(store: Store) -> None:
    limits = Limits(streams_max=5, streams_each_max=3)
    here, there = Places(store, CLOCK, IDS, limits), Places(store, CLOCK, IDS, limits)
    taken = [await one.take(DEFAULT_TENANT, "key_a") for one in (here, there, here)]

    with pytest.raises(StreamsExhausted, match="caller"):
        await there.take(DEFAULT_TENANT, "key_a")
    for actor in ("key_b", "key_c"):
        await there.take(DEFAULT_TENANT, actor)
    with pytest.raises(StreamsExhausted, match="tenant"):
        await here.take(DEFAULT_TENANT, "key_d")
    await there.take(OTHER, "key_a")
    await here.leave(taken[0])
    await there.take(DEFAULT_TENANT, "key_d")


async def test_streams_of_a_replica_that_died_count_no_longer(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "TTL_MS", 400)
    monkeypatch.setattr(places, "BEAT_S", 0.05)
    limits = Limits(streams_each_max=2)
    dead, alive = Places(store, CLOCK, IDS, limits), Places(store, CLOCK, IDS, limits)
    dead.keep(await dead.take(DEFAULT_TENANT, "a"))
    monkeypatch.setattr(places, "TTL_MS", 60_000)
    kept = await alive.take(DEFAULT_TENANT, "a")
    alive.keep(kept)
    async with anyio.create_task_group() as group:
        group.start_soon(alive.serve)

        async def free() -> bool:
            prefix = event_keys.of_events(DEFAULT_TENANT, store.space)
            await store.call(prefix, "ZREMRANGEBYSCORE", f"{prefix}st:a", "-inf", CLOCK.now_ms())
            return await store.read(prefix, "ZCARD", f"{prefix}st:a") == 1

        await eventually(free)
        again = await alive.take(DEFAULT_TENANT, "a")
        assert again.id != kept.id
        with pytest.raises(StreamsExhausted):
            await alive.take(DEFAULT_TENANT, "a")
        group.cancel_scope.cancel()


@pytest.fixture
async def http(store_url: str) -> AsyncIterator[httpx.AsyncClient]:
    settings = Settings(
        store_url=store_url,
        durability="no",
        allow_weaker_durability=True,
        drain_s=1.0,
        streams_each_max=2,
    )
    stage = prepare(settings, [("127.0.0.1", 8000)], Ports.of_the_machine())
    stage.gateway._is_own = lambda _, __: True
    async with running(settings, stage), a_client(stage) as client:
        yield client


async def test_a_stream_too_many_is_refused_and_one_that_ended_makes_room(
    http: httpx.AsyncClient, store: Store
) -> None:
    prefix = event_keys.of_events(DEFAULT_TENANT, store.space)
    for _ in range(5):  # each ends by itself, and gives its place back
        answer = await http.get("/api/events/stream", params={"follow": False})
        assert answer.status_code == 200
    assert await store.read(prefix, "ZCARD", event_keys.streams(prefix)) == 0
    for n in range(2):
        await store.call(
            prefix, "ZADD", event_keys.streams_of(prefix, "developer"), 10**15, f"s{n}"
        )

    answer = await http.get("/api/events/stream", params={"follow": False})

    assert answer.status_code == 429
    assert answer.json()["code"] == "streams_exhausted"
    assert answer.headers["retry-after"]


async def test_what_is_published_is_bounded_by_size_and_who_was_overtaken_is_told(
    store: Store,
) -> None:
    most = 512 * 1_024
    published = Published(store, IDS, Limits(keep_bytes=most))
    reader = Reader()
    large = msgspec.Raw(b'"%s"' % (b"x" * 20_000))
    async with reading(store, reader):
        await published.publish(draft(0))
        await reader.has(1)
    for n in range(100):
        await published.publish(msgspec.structs.replace(draft(n), data=large))
    stream = await largest(store)
    size = await store.read(stream[0], "MEMORY", "USAGE", stream[1])
    async with reading(store, reader):
        await eventually(lambda: has_gap(reader))

    assert isinstance(size, int)
    assert size <= most * 1.2
    (gap,) = [one for one in reader.told if isinstance(one, Gap)]
    assert gap.from_ms < gap.to_ms


async def test_partitions_nobody_writes_to_are_trimmed_by_age_and_size(store: Store) -> None:
    tag = store.partitions[0]
    prefix = store.prefix(tag)
    pub, journal = keys.published(prefix), keys.journal(prefix)
    for n in range(1, 301):
        await store.call(prefix, "XADD", pub, f"{n}-0", "o", "api", "t", "t", "e", "x" * 2_000)
        await store.call(prefix, "XADD", journal, f"{n}-0", "k", "S", "x", "exe_1")
    now = CLOCK.now_ms()
    for n in range(300):
        await store.call(prefix, "XADD", pub, f"{now + n}-0", "o", "api", "t", "t", "e", "x" * 900)
    limits = Limits(keep_ms=3_600_000, journal_keep_ms=3_600_000, keep_bytes=100_000)
    keeper = Keeper(store, CLOCK, system_random(), limits)

    assert await keeper.trim() > 0
    await keeper.trim()

    oldest: Any = await store.read(prefix, "XRANGE", pub, "-", "+", "COUNT", 1)
    size = await store.read(prefix, "MEMORY", "USAGE", pub)
    assert int(oldest[0][0].partition(b"-")[0]) >= now
    assert isinstance(size, int)
    assert size <= 120_000
    assert await store.read(prefix, "XLEN", journal) == 0


async def largest(store: Store) -> tuple[str, str]:
    """Prefix and key of the stream with most in it."""
    found: list[tuple[int, str, str]] = []
    for tag in store.partitions:
        prefix = store.prefix(tag)
        key = keys.published(prefix)
        length = await store.read(prefix, "XLEN", key)
        assert isinstance(length, int)
        found.append((length, prefix, key))
    return max(found)[1:]


async def has_gap(reader: Reader) -> bool:
    """Whether it was told of one."""
    return any(isinstance(one, Gap) for one in reader.told)
