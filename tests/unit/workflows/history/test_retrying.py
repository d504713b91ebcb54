"""R36: which steps run again, and what each waits for."""

import msgspec
from workflow_work import a_plan

from orchestra.store import frames
from orchestra.workflows.history import retrying
from orchestra.workflows.history.stored import Stored


def a_value(name: str, *after: str) -> dict[str, object]:
    """A transform."""
    return {"id": name, "type": "transform", "depends_on": list(after)}


def a_stored(marks: str, **reasons: str) -> Stored:
    """A failed execution of a, b, c after a, d after b and c; marks by letter."""
    plan = a_plan(a_value("a"), a_value("b"), a_value("c", "a"), a_value("d", "b", "c"))
    state = {"@s": b"F"} | {
        name: f"{mark}1.0.0.0.s".encode() for name, mark in zip("abcd", marks, strict=True)
    }
    records = {
        name: frames.pack(msgspec.json.encode({"status": "skipped", "reason": reason}))
        for name, reason in reasons.items()
    }
    return Stored("exe_1", plan, state, {}, records)


def waits(stored: Stored) -> dict[str, str]:
    """Step -> for how many it waits."""
    rows = [line.split("\t") for line in retrying.lines(stored).splitlines()]
    return {path: deps for path, deps, _ in rows}


def test_r36_a_failed_step_runs_at_once_and_its_followers_wait() -> None:
    assert waits(a_stored("cfcs", d="upstream_failed")) == {"b": "0", "d": "1"}


def test_r36_what_never_began_waits_for_all_that_runs_again() -> None:
    assert waits(a_stored("ffww")) == {"a": "0", "b": "0", "c": "1", "d": "2"}


def test_r36_what_its_own_condition_skipped_is_kept() -> None:
    assert waits(a_stored("csfw", b="condition")) == {"c": "0", "d": "1"}


def test_r36_nothing_runs_again_when_all_completed() -> None:
    assert waits(a_stored("cccc")) == {}
