"""Profiles: from what workflows tell, with pauses taken out, packed and read again."""

import random
import uuid
from typing import Any

from simulated_profiles import START_MS, Doing, executed

from orchestra.monitoring.analytics.profiles import Kept, packed, profile_of, unpacked

STEPS = {"a": Doing(), "b": Doing(("a",)), "c": Doing(("a", "b"))}


def a_step(path: str, begin: int, end: int | None, *after: int, **given: Any) -> dict[str, Any]:
    """As workflows tell it."""
    return {
        "path": path, "part": "", "kind": "agent", "state": "completed", "attempts": 1,
        "queued_ms": START_MS + begin, "started_ms": START_MS + begin, "depends_on": list(after),
        "ended_ms": None if end is None else START_MS + end,
    } | given  # fmt: skip


def told(*steps: dict[str, Any], ended: int, **given: Any) -> dict[str, Any]:
    """An execution as workflows tell it."""
    return {
        "workflow": "wfl_1", "name": "w", "version": 2, "digest": "d", "status": "completed",
        "created_ms": START_MS, "ended_ms": START_MS + ended, "pauses": (), "error": None,
        "input_hash": "00ff", "cut": False, "steps": list(steps),
    } | given  # fmt: skip


def test_pauses_are_no_part_of_any_time() -> None:
    pauses = [(START_MS + 150, START_MS + 250), (START_MS + 20, START_MS + 30)]
    made = profile_of(
        told(a_step("a", 10, 100), a_step("b", 100, 300, 0), a_step("c", 300, 320, 1),
             ended=330, pauses=pauses)
    )  # fmt: skip

    assert [(row.started, row.ended) for row in made.rows] == [(10, 90), (90, 190), (190, 210)]
    assert (made.duration, made.paused) == (220, 110)


def test_what_was_given_up_never_ended() -> None:
    made = profile_of(told(a_step("a", 0, None), ended=10, status="cancelled"))

    assert made.outcome == "C"
    assert made.rows[0].ended == -1
    assert made.rows[0].span.ended is None


def test_what_people_named_is_cut() -> None:
    made = profile_of(
        told(a_step("p" * 900, 0, 5, agent="x" * 900, code="c" * 900), ended=9, name="n" * 900)
    )

    assert {len(text or "") for text in (made.name, made.rows[0].path, made.rows[0].agent)} == {200}


def test_what_is_packed_reads_the_same() -> None:
    chance = random.Random(1)
    for _ in range(100):
        kept = executed(STEPS, chance)
        [read] = unpacked([packed(kept.execution, kept.ended_ms, kept.profile)])
        assert read == kept


def test_the_last_end_of_an_execution_counts_and_what_cannot_be_read_does_not() -> None:
    chance, execution = random.Random(2), f"exe_{uuid.UUID(int=7)}"
    early, late = executed(STEPS, chance).profile, executed(STEPS, chance).profile
    stored = [packed(execution, 2_000, late), packed(execution, 1_000, early)]
    damaged = packed(f"exe_{uuid.UUID(int=8)}", 1_000, early)[:-3]

    assert unpacked([*stored, damaged]) == [Kept(execution, 2_000, late)]
    assert unpacked([damaged, *stored[::-1]]) == [Kept(execution, 2_000, late)]
