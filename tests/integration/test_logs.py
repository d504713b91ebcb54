"""The log in the store: nothing is lost, doubled or out of order, and all of it is bounded."""

import random
import signal
from pathlib import Path

import anyio
import pytest
from log_lines import BASE_MS, FOREVER_S, MINE, Log, a_line
from store_server import StoreServer
from valkey_servers import Valkey, free_port, started

from orchestra.clock import ManualClock, SystemClock, system_random
from orchestra.monitoring.logs.asking import Wanted
from orchestra.monitoring.logs.chunks import packed
from orchestra.monitoring.logs.sealing import seal
from orchestra.monitoring.logs.shelf import TAIL_LINES, Keeping
from orchestra.monitoring.logs.shipping import Shipping
from orchestra.store.client import Store
from orchestra.store.failures import StoreAway
from orchestra.store.keys import Tenant
from orchestra.store.log_keys import SYSTEM, log_index, log_said
from orchestra.store.opening import StoreOptions, open_store
from orchestra.tap import Tap

pytestmark = pytest.mark.anyio


@pytest.fixture
async def log(store: Store) -> Log:
    return Log(store)


@pytest.mark.parametrize("order", ["newest", "oldest"])
async def test_lines_of_three_replicas_come_in_the_order_of_time(log: Log, order: str) -> None:
    rnd, numbers = random.Random(3), list(range(6_000))
    waiting: list[list[bytes]] = [[], [], []]
    for n in numbers:
        replica = rnd.randrange(3)
        waiting[replica].append(a_line(n, n=n, replica=str(replica)))
        if rnd.random() < 0.01:  # each hands on when it likes
            lines, waiting[replica] = waiting[replica], []
            await log.put(lines)
    for lines in waiting:
        await log.put(lines)

    found = await log.all(limit=173, order=order)

    assert [line["n"] for line in found] == (numbers if order == "oldest" else numbers[::-1])
    figures = await log.shelf.figures(MINE)
    assert figures["lines"] + figures["open"] == 6_000
    assert figures["tail"] <= TAIL_LINES + 1_024


async def test_pages_go_through_lines_of_one_instant(log: Log) -> None:
    for n in range(7):
        await log.put([a_line(5, n=n), a_line(5, n=n), a_line(6, n=n)], sealed=n % 3 == 0)

    for limit in (1, 2, 3, 5, 100):
        assert len(await log.all(limit=limit)) == 21
        assert len(await log.all(limit=limit, order="oldest")) == 21


async def test_late_lines_are_found_where_they_belong(log: Log) -> None:
    await log.put([a_line(n) for n in range(1_000)], sealed=True)
    await log.put([a_line(-500_000, late=True), a_line(2_000), a_line(-86_400_000)], sealed=True)

    found = await log.all("late:true")

    assert len(found) == 1
    times = [line["ts"] for line in await log.all()]
    assert times == sorted(times, reverse=True)
    assert len(times) == 1_003


async def test_a_span_of_time_includes_its_start_and_not_its_end(log: Log) -> None:
    await log.put([a_line(n, n=n) for n in range(10)], sealed=True)
    await log.put([a_line(n, n=n) for n in range(10, 20)])
    lines = await log.all()
    since, until = lines[-4]["ts"], lines[3]["ts"]

    found = await log.all(since=since, until=until)

    assert [line["n"] for line in found] == list(range(15, 2, -1))


async def test_a_batch_that_is_sent_again_adds_nothing(log: Log) -> None:
    batch = packed([a_line(1), a_line(2)])
    for number in (1, 1, 2, 1, 2):
        await log.shelf.append(MINE, batch, 2, ("replica", number))

    assert len(await log.all()) == 4


async def test_two_who_seal_at_once_keep_every_line_once(log: Log, store: Store) -> None:
    for n in range(40):
        await log.shelf.append(MINE, packed([a_line(n)]), 1)
    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(seal, log.shelf, MINE)

    assert len(await log.all()) == 40
    prefix = log.shelf.prefix(MINE)
    assert await store.read(prefix, "ZCARD", log_index(prefix)) == 1


async def test_a_tenant_keeps_so_many_bytes_and_the_oldest_go_first(store: Store) -> None:
    log = Log(store, Keeping(FOREVER_S, bytes=40_000))
    rnd = random.Random(1)
    for n in range(30):
        lines = [a_line(n * 1_000 + k, text=rnd.randbytes(16).hex()) for k in range(200)]
        await log.put(lines, sealed=True)

    figures = await log.shelf.figures(MINE)
    found = await log.all()

    assert figures["bytes"] <= 40_000
    assert 200 < figures["lines"] == len(found) < 3_000
    assert found[0]["ts"] == "2026-11-18T11:07:09.199000Z"


async def test_lines_older_than_the_bound_go_with_the_next_chunk(store: Store) -> None:
    log = Log(store, Keeping(seconds=3_600))
    now = SystemClock().now_ms() - BASE_MS
    await log.put([a_line(now - 7_200_000, n=1)], sealed=True)
    await log.put([a_line(now - 1_800_000, n=2)], sealed=True)
    await log.put([a_line(now, n=3)], sealed=True)

    assert [line["n"] for line in await log.all()] == [3, 2]


async def test_every_key_of_the_log_ends_by_itself(
    log: Log, store: Store, shared_store_server: StoreServer
) -> None:
    before = shared_store_server.keys_without_end()
    for n in range(3):
        await log.put([a_line(n)], sealed=True)
    await log.shelf.append(MINE, packed([a_line(9)]), 1, ("replica", 1))

    assert shared_store_server.keys_without_end() == before
    prefix = log.shelf.prefix(MINE)
    assert await store.read(prefix, "TTL", log_said(prefix, "replica")) > 0


async def test_tenants_do_not_meet(log: Log) -> None:
    other = Tenant("other")
    await log.put([a_line(1, who="mine")], sealed=True)
    await log.put([a_line(2, who="theirs")], other, sealed=True)
    await log.put([a_line(3, who="theirs")], other)
    await log.put([a_line(4, who="nobody")], SYSTEM)

    assert [line["who"] for line in await log.all()] == ["mine"]
    page = await log.asking.page(Wanted((other, SYSTEM)), 10, None)
    assert len(page.lines) == 3


async def test_counts_by_time_and_level_are_those_of_the_lines(log: Log) -> None:
    rnd = random.Random(5)
    levels = [rnd.choice(["debug", "info", "warning", "error"]) for _ in range(3_000)]
    for n in range(0, 3_000, 300):
        await log.put([a_line(k, levels[k]) for k in range(n, n + 300)], sealed=n % 600 == 0)
    wanted = Wanted((MINE,), "level>=info", "2026-11-18T11:06:40Z", "2026-11-18T11:06:43Z")

    shown = (await log.asking.counted(wanted, 30)).shown()

    buckets = shown["buckets"]
    assert isinstance(buckets, list)
    for n, bucket in enumerate(buckets):
        for level in ("info", "warning", "error"):
            assert bucket[level] == levels[n * 100 : n * 100 + 100].count(level)
        assert bucket["debug"] == 0


async def test_a_search_that_would_read_everything_is_bounded_and_goes_on(log: Log) -> None:
    for n in range(0, 20_000, 1_000):
        await log.put([a_line(k) for k in range(n, n + 1_000)], sealed=True)
    asked = log.asking.asked(Wanted((MINE,), "nowhere"))
    walk = log.asking.walk()
    async for _ in walk.lines_of(type(asked)(asked.tenants, asked.matcher, lines_max=3_000)):
        pass

    assert walk.bounded
    assert walk.bound is not None
    assert 3_000 <= walk.lines < 20_000


class Clocked:
    """A process that logs: its tap, and its way to the store."""

    def __init__(self, log: Log, name: str, **bounds: int) -> None:
        self.tap, self.log = Tap(**bounds), log
        self.shipping = Shipping(log.shelf, self.tap, ManualClock(), name)

    async def shipped(self) -> None:
        """Hand on what there is, or raise."""
        if not await self.shipping.ship():
            raise StoreAway

    def logs(self, n: int, level: str = "info", tenant: str = "default") -> None:
        """Log one line."""
        self.tap.put(level, tenant, a_line(n, level, n=n))


async def test_what_is_logged_is_handed_on_by_tenant(log: Log) -> None:
    process = Clocked(log, "a")
    for n in range(3_000):
        process.logs(n, tenant="default" if n % 3 else "")

    assert await process.shipping.ship()

    assert [line["n"] for line in await log.all()] == [n for n in range(2_999, -1, -1) if n % 3]
    page = await log.asking.page(Wanted((SYSTEM,)), 2_000, None)
    assert len(page.lines) == 1_000


@pytest.mark.hasty
async def test_while_the_store_hangs_lines_wait_within_the_bound(tmp_path: Path) -> None:
    server = Valkey(tmp_path, free_port())
    with started(server):
        options = StoreOptions(url=server.url, durability="no", allow_weaker=True)
        async with open_store(options, SystemClock(), system_random()) as store:
            log = Log(store)
            process = Clocked(log, "a", lines_max=2_000)
            assert server.process is not None
            for n in range(500):
                process.logs(n, "warning")
            server.process.send_signal(signal.SIGSTOP)
            try:
                assert not await process.shipping.ship()
                for n in range(500, 5_000):
                    process.logs(n, "warning" if n % 5 == 0 else "info")
                assert not await process.shipping.ship()
                assert len(process.tap) == 2_000
            finally:
                server.process.send_signal(signal.SIGCONT)
            await store.insist(process.shipped, 60.0)

            found = await store.insist(lambda: log.all(limit=200), 60.0)

    warnings = [line["n"] for line in found if line["level"] == "warning"]
    assert warnings == [*range(4_995, 500, -5), *range(500, -1, -1)]
    assert len(found) == len({line["n"] for line in found}) == 2_500
