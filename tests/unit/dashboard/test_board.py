"""What happened lately, told to all open pages at once."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import pytest

from orchestra.clock import ManualClock
from orchestra.dashboard.board import ASKED_MAX, ROWS_MAX, WHOLE_S, Board
from orchestra.dashboard.telling import OVERVIEW, Untold
from orchestra.store.keys import DEFAULT_TENANT, Tenant

pytestmark = pytest.mark.anyio

OTHER = Tenant("other")


@asynccontextmanager
async def dealt(board: Board) -> AsyncIterator[None]:
    """The board deals for the duration of the block."""
    async with anyio.create_task_group() as group:
        group.start_soon(board.serve)
        yield
        group.cancel_scope.cancel()


async def news(page: Untold) -> tuple[list[tuple[str, str]], list[str], int]:
    with anyio.fail_after(60):
        await page.news.wait()
    things, stale, fresh = page.take()
    return sorted(things), stale, fresh


async def test_a_page_is_told_of_its_tenant_and_of_its_topics() -> None:
    clock = ManualClock(1_000_000)
    clock.advance(5_000)
    board = Board(clock)
    mine, theirs = Untold(["execution:exe_1", "agents"]), Untold(["execution:exe_1"])
    board.come(DEFAULT_TENANT, mine)
    board.come(OTHER, theirs)

    async with dealt(board):
        board.see({
            (DEFAULT_TENANT, "step.started"): ["exe_1", "exe_2"],
            (DEFAULT_TENANT, "agent.unhealthy"): ["agt_1"],
        })  # fmt: skip
        told = await news(mine)

    assert told == ([("run", "exe_1")], ["agents"], 0)
    assert not theirs.news.is_set()
    assert board.told(DEFAULT_TENANT) == clock.monotonic()
    assert board.told(OTHER) == 0.0


async def test_rows_are_told_at_once_and_whole_topics_once_a_second() -> None:
    clock = ManualClock(1_000_000)
    board, page = Board(clock), Untold(["executions", "overview"])
    board.come(DEFAULT_TENANT, page)

    async with dealt(board):
        board.see({(DEFAULT_TENANT, "workflow.accepted"): ["exe_1"]})
        first = await news(page)
        board.see({(DEFAULT_TENANT, "workflow.completed"): ["exe_1"]})
        second = await news(page)
        settled = board.settled(DEFAULT_TENANT)
        clock.advance(int(WHOLE_S * 1_000))
        third = await news(page)

    assert first == ([OVERVIEW, ("row", "exe_1")], [], 1)
    assert second == ([("row", "exe_1")], [], 0)
    assert not settled
    assert third == ([OVERVIEW], [], 0)
    assert board.settled(DEFAULT_TENANT)


async def test_many_rows_make_the_list_stale_instead() -> None:
    board, page = Board(ManualClock(1_000_000)), Untold(["executions"])
    board.come(DEFAULT_TENANT, page)

    async with dealt(board):
        board.see(
            {(DEFAULT_TENANT, "workflow.accepted"): [f"exe_{i}" for i in range(ROWS_MAX + 1)]}
        )
        told = await news(page)

    assert told == ([], ["executions"], ROWS_MAX + 1)


async def test_a_list_that_is_busy_stays_so_for_another_second() -> None:
    clock = ManualClock(1_000_000)
    board, page = Board(clock), Untold(["executions"])
    board.come(DEFAULT_TENANT, page)

    async with dealt(board):
        board.see({(DEFAULT_TENANT, "workflow.started"): [f"exe_{i}" for i in range(ROWS_MAX + 1)]})
        many = await news(page)
        clock.advance(int(WHOLE_S * 1_000))
        board.see({(DEFAULT_TENANT, "workflow.started"): ["exe_1"]})
        still = await news(page)
        clock.advance(int(WHOLE_S * 1_000))
        board.see({(DEFAULT_TENANT, "workflow.completed"): ["exe_1"]})
        calm = await news(page)

    assert many == ([], ["executions"], 0)
    assert still == ([], ["executions"], 0)
    assert calm == ([("row", "exe_1")], [], 0)


async def test_many_pages_are_told_of_what_is_whole_less_often() -> None:
    clock = ManualClock(1_000_000)
    board, page = Board(clock), Untold(["overview", "execution:exe_1"])
    board.come(DEFAULT_TENANT, page)
    for _ in range(3 * ASKED_MAX - 1):
        board.come(DEFAULT_TENANT, Untold(["agents"]))

    async with dealt(board):
        board.see({(DEFAULT_TENANT, "workflow.accepted"): ["exe_1"]})
        first = await news(page)
        clock.advance(2_900)
        board.see({(DEFAULT_TENANT, "workflow.started"): ["exe_1"]})
        second = await news(page)
        clock.advance(100)
        third = await news(page)

    run = ("run", "exe_1")
    assert (first[0], second[0], third[0]) == ([OVERVIEW, run], [run], [OVERVIEW])


async def test_nobody_looks_and_nothing_is_kept() -> None:
    board, page = Board(ManualClock(1_000_000)), Untold(["executions"])
    board.come(DEFAULT_TENANT, page)
    board.leave(DEFAULT_TENANT, page)

    board.see({(DEFAULT_TENANT, "workflow.accepted"): ["exe_1"]})

    assert board.settled(DEFAULT_TENANT)
    assert board.told(DEFAULT_TENANT) == 0.0
