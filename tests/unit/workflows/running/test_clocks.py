"""The clocks of a step that outlive an attempt, from what the store has of it."""

from typing import Any

import pytest
from workflow_work import NOW_MS, a_work

from orchestra.workflows.running.clocks import Clocks, clocks_of

pytestmark = pytest.mark.anyio

STEP: dict[str, Any] = {"id": "x", "agent_type": "t", "total_timeout": "10s"}


class Journal:
    """A memory that knows one history."""

    def __init__(self, *lines: tuple[int, str, str, str]) -> None:
        self.lines = [
            f"{at_ms}-0|{kind}|{path}|0|{data}".encode() for at_ms, kind, path, data in lines
        ]
        self.asked = 0

    async def fetch(self, prefix: str, *command: str) -> list[bytes]:
        """The whole history."""
        self.asked += 1
        return self.lines


async def clocks(
    journal: Journal, later_ms: int, step: dict[str, Any] = STEP, **claim: int
) -> Clocks:
    """The clocks of the step, claimed so much after its execution began."""
    work = a_work(step, claim={"claimed_ms": NOW_MS + later_ms, **claim})
    return await clocks_of(journal, "o:{1}:", work)  # type: ignore[arg-type]


async def test_a_step_claimed_at_once_asks_nothing() -> None:
    journal = Journal()

    found = await clocks(journal, 5)

    assert (found.left_ms, found.waited_ms, journal.asked) == (9_995, 5, 0)


async def test_a_step_without_such_clocks_asks_nothing() -> None:
    journal = Journal()

    found = await clocks(journal, 5_000, {"id": "x", "agent_type": "t"}, n=3)

    assert (found.left_ms, journal.asked) == (None, 0)


async def test_time_counts_from_the_first_claim_of_all() -> None:
    journal = Journal((NOW_MS + 10, "R", "x", ""), (NOW_MS + 3_000, "R", "x", ""))

    assert (await clocks(journal, 3_000, n=2, u=1)).left_ms == 7_000


async def test_r30_pauses_do_not_count_whether_before_or_between_attempts() -> None:
    journal = Journal(
        (NOW_MS + 100, "K", "", "pause\tann"),
        (NOW_MS + 1_100, "K", "", "resume\tann"),
        (NOW_MS + 1_200, "R", "x", ""),
        (NOW_MS + 2_000, "K", "", "interrupt\tann"),
        (NOW_MS + 4_000, "K", "", "resume\tann"),
    )

    assert (await clocks(journal, 5_000, n=2)).left_ms == 10_000 - (5_000 - 1_000 - 2_000)


async def test_r36_a_retry_begins_a_new_life() -> None:
    journal = Journal(
        (NOW_MS, "R", "x", ""),
        (NOW_MS + 60_000, "K", "", "retry\tann"),
        (NOW_MS + 60_010, "R", "x", ""),
    )

    assert (await clocks(journal, 60_010, n=2)).left_ms == 9_990


@pytest.mark.parametrize("claim", [{"u": 1, "n": 2}, {"c": 1, "n": 2}])
async def test_only_the_first_attempt_waits_in_our_queue(claim: dict[str, int]) -> None:
    assert (await clocks(Journal(), 5_000, STEP, **claim)).waited_ms == 0
