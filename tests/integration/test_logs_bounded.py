"""What a question about the log may hold, and for how long, however the lines lie."""

import random
from typing import Any

import pytest
from log_lines import BASE_MS, MINE, Log, a_line

from orchestra.clock import ManualClock
from orchestra.monitoring.logs import cursors, walking
from orchestra.monitoring.logs.asking import Asking, Wanted
from orchestra.monitoring.logs.lines import AT, moment
from orchestra.store.client import Store

pytestmark = pytest.mark.anyio
HELD = 30_000


@pytest.fixture
async def log(store: Store) -> Log:
    return Log(store)


async def overlapping(log: Log, chunks: int = 20, each: int = 400) -> list[bytes]:
    """Every chunk is from the same few minutes, so none can be told before all are read."""
    chance, put = random.Random(5), list[bytes]()
    for n in range(chunks):
        lines = [a_line(chance.randrange(300_000), n=f"{n}.{i}") for i in range(each)]
        await log.put(lines, sealed=True)
        put += lines
    return sorted(put)


async def exported(log: Log, order: Any) -> tuple[list[bytes], int]:
    """All lines, and the most that came at once."""
    found, most = list[bytes](), 0
    async for some in log.asking.exported(Wanted((MINE,), order=order)):
        lines = some.rstrip(b"\n").split(b"\n")
        found += lines
        most = max(most, len(lines))
    return found, most


@pytest.mark.parametrize("order", ["oldest", "newest"])
async def test_chunks_that_all_overlap_are_exported_in_order_without_holding_them_all(
    log: Log, order: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = await overlapping(log)
    monkeypatch.setattr(walking, "HELD_MAX_BYTES", HELD)
    held = 0
    before = walking._Waiting.ready

    def ready(self: walking._Waiting, *given: Any) -> list[bytes]:
        nonlocal held
        made = before(self, *given)
        held = max(held, sum(map(len, self._lines)))
        return made

    monkeypatch.setattr(walking._Waiting, "ready", ready)
    found, _ = await exported(log, order)
    paged = await log.all(limit=200, order=order)

    assert [line[AT] for line in found] == sorted(
        (line[AT] for line in found), reverse=order == "newest"
    )
    assert sorted(found) == put
    assert len(paged) == len(put)
    assert len({line["n"] for line in paged}) == len(put)
    assert 0 < held <= HELD


async def test_a_cursor_that_was_made_up_makes_nothing_be_held(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = await overlapping(log, chunks=6)
    first = await log.asking.page(Wanted((MINE,)), 5, None)
    assert first.next_cursor is not None
    wanted = Wanted((MINE,))
    of = '{"tenants":["default"],"q":"","since":null,"until":null,"order":"newest"}'
    cursors.read(first.next_cursor, of)
    behind = moment(BASE_MS + 400_000).encode()

    far = await log.asking.page(wanted, 5, cursors.written(of, behind, 1_000_000))
    half = await log.asking.page(wanted, 5, cursors.written(of, behind, 1_200))

    assert (far.lines, far.next_cursor) == ([], None)
    assert list(half.lines) == sorted(put, reverse=True)[1_200:1_205]


class Slow(ManualClock):
    """A clock that moves on whenever somebody looks at it: a machine on which all takes long."""

    def monotonic(self) -> float:
        """A quarter of a second later than the last time."""
        self.advance(250)
        return super().monotonic()


async def test_a_search_whose_time_is_over_stops_within_a_wave_and_goes_on(log: Log) -> None:
    for n in range(0, 30_000, 1_000):
        await log.put([a_line(k, n=k) for k in range(n, n + 1_000)], sealed=True)
    slow = Asking(log.shelf, Slow())
    wanted, found = Wanted((MINE,), "/nowhere|n.:29[0-9]99,?/"), 0
    cursor, pages, looked = None, 0, list[int]()
    while True:
        page = await slow.page(wanted, 100, cursor)
        found += len(page.lines)
        looked.append(page.looked)
        cursor, pages = page.next_cursor, pages + 1
        if cursor is None:
            break

    assert pages > 3
    assert found == 10
    assert max(looked) < 30_000


@pytest.mark.parametrize("order", ["oldest", "newest"])
async def test_pages_go_forward_though_all_chunks_overlap_and_the_time_is_over(
    log: Log, order: Any
) -> None:
    put, found, cursor = await overlapping(log, chunks=12, each=30), list[bytes](), None
    slow, wanted = Asking(log.shelf, Slow()), Wanted((MINE,), order=order)
    for _ in range(3 * len(put)):
        page = await slow.page(wanted, 50, cursor)
        found += page.lines
        cursor = page.next_cursor
        if cursor is None:
            break

    assert sorted(found) == put


async def test_what_matches_is_exported_a_part_at_a_time(log: Log) -> None:
    for n in range(0, 12_000, 1_000):
        await log.put([a_line(k, n=k) for k in range(n, n + 1_000)], sealed=True)

    found, most = await exported(log, "oldest")

    assert len(found) == 12_000
    assert most <= 2_048
