"""Steps that wait: what they await, and what they come to."""

from typing import Any

import pytest
from workflow_work import NOW_MS, a_work

from orchestra.instants import instant
from orchestra.workflows.language.tables_wait import WAIT_MAX_MS
from orchestra.workflows.planning.facts import Record, Signal, Work
from orchestra.workflows.planning.failing import Completion
from orchestra.workflows.planning.framing import pack
from orchestra.workflows.planning.planner import decide
from orchestra.workflows.planning.scoping import closing

HOUR_MS = 3_600_000
RUNNING: Record = {
    "status": "running", "try": 0, "attempts": 1, "started_ms": NOW_MS - 5,
    "wait": {"for": "signal", "until_ms": NOW_MS + 7, "signal": "go"},
}  # fmt: skip


def a_wait(**fields: Any) -> dict[str, Any]:
    named = {key.rstrip("_"): value for key, value in fields.items()}
    if not {"for", "until"} & named.keys():
        named = {"signal": "go", "timeout": "1h", **named}
    return {"id": "w", "type": "wait", **named}


def needs_nothing(work: Work) -> tuple[str, ...]:
    return ()


def begun(work: Work) -> Completion:
    made = decide(work, needs_nothing)
    assert isinstance(made, Completion)
    return made


def again(step: dict[str, Any], answers: dict[str, bytes], **more: Any) -> Completion:
    """The decision about a step that waited and is claimed again."""
    records = {"w": {**RUNNING, **more.pop("record", {})}}
    work = a_work(step, records=records, claim={"n": 2}, **more)
    work.facts.answers.update(answers)
    return closing(work)


def the_signal(payload: object) -> dict[str, bytes]:
    return {"@!go": pack(Signal("go", payload, "ann", 5, 1))}


@pytest.mark.parametrize(
    ("fields", "delay_ms"),
    [
        ({"for_": "90s"}, 90_000),
        ({"for_": "${input.d}"}, 2_000),
        ({"until": instant(NOW_MS + 777)}, 777),
        ({}, HOUR_MS),
    ],
)
def test_a_step_waits_for_so_long(fields: dict[str, str], delay_ms: int) -> None:
    made = begun(a_work(a_wait(**fields), given={"d": "2s"}))

    assert (made.out, made.delay_ms) == ("A", delay_ms)
    assert made.record["wait"]["until_ms"] == NOW_MS + delay_ms
    assert made.spawn == ("" if fields else "signal\tgo")
    assert made.record["status"] == "running"


@pytest.mark.parametrize("fields", [{"for_": "0s"}, {"until": instant(NOW_MS)}])
def test_what_has_come_is_not_waited_for(fields: dict[str, str]) -> None:
    made = begun(a_work(a_wait(**fields)))

    assert (made.out, made.record["output"]) == ("C", None)
    assert "try" not in made.record


@pytest.mark.parametrize("given", [5, "5", "5 s", None, {"s": 5}, "", "1e3s"])
def test_a_template_that_gives_no_duration_fails(given: object) -> None:
    made = begun(a_work(a_wait(for_="${input.d}"), given={"d": given}))

    assert (made.out, made.record["error"]["code"]) == ("F", "expression.type")


def test_nothing_waits_for_more_than_a_year() -> None:
    made = begun(a_work(a_wait(until=instant(NOW_MS + WAIT_MAX_MS + 1_000))))

    assert (made.out, made.record["error"]["code"]) == ("F", "expression.limit")


def test_a_signal_is_the_output() -> None:
    made = again(a_wait(), {"w!": b"", **the_signal({"n": 1})})

    assert (made.out, made.record["output"]) == ("C", {"n": 1})
    assert made.record["started_ms"] == NOW_MS - 5
    assert "try" not in made.record


def test_output_is_made_of_the_payload() -> None:
    made = again(a_wait(output="${result.n + 1}"), the_signal({"n": 1}))
    broken = again(a_wait(output="${result.x}"), the_signal({"n": 1}))

    assert (made.out, made.record["output"]) == ("C", 2)
    assert (broken.out, broken.record["error"]["code"]) == ("F", "expression.missing")


def test_a_signal_that_came_after_the_time_does_not_count() -> None:
    made = again(a_wait(), {"w!": b"-", **the_signal(1)})

    assert (made.out, made.record["error"]["code"]) == ("F", "timeout.wait")


def test_a_timeout_goes_on_with_an_output() -> None:
    rule = {"do": "continue", "output": {"x": "${input.x}"}}
    made = again(a_wait(on_timeout=rule), {"w!": b"-"}, given={"x": 4})

    assert (made.out, made.record["output"]) == ("C", {"x": 4})
    assert made.record["reason"] == "timeout"


def test_an_output_that_cannot_be_made_fails_the_step() -> None:
    rule = {"do": "continue", "output": "${input.x}"}
    made = again(a_wait(on_timeout=rule), {"w!": b"-"})

    assert (made.out, made.record["error"]["code"]) == ("F", "expression.missing")


def test_on_error_sees_a_timeout() -> None:
    rules = [{"match": ["timeout.*"], "do": "continue", "output": "handled"}]
    made = again(a_wait(on_error=rules), {"w!": b"-"})

    assert (made.out, made.record["output"]) == ("C", "handled")
    assert made.record["error"]["code"] == "timeout.wait"


def test_a_step_that_nobody_woke_waits_on() -> None:
    made = again(a_wait(), {"w!": b""})

    assert (made.out, made.delay_ms, made.spawn) == ("A", 7, "signal\tgo")
    assert made.record["started_ms"] == NOW_MS - 5


def test_only_the_store_knows_whether_a_signal_was_in_time() -> None:
    late = {"wait": {**RUNNING["wait"], "until_ms": NOW_MS - 60_000}}
    made = again(a_wait(), {"w!": b""}, record=late)

    assert (made.out, made.delay_ms) == ("A", 1)


def test_r36_a_wait_that_was_cut_off_goes_on_and_one_that_failed_begins_anew() -> None:
    cut_off = a_work(a_wait(), records={"w": dict(RUNNING)}, claim={"n": 2, "k": 1})
    failed = {**RUNNING, "status": "failed"}
    anew = a_work(a_wait(), records={"w": failed}, claim={"n": 2, "k": 1})

    assert (begun(cut_off).delay_ms, begun(cut_off).record["try"]) == (7, 1)
    assert begun(anew).delay_ms == HOUR_MS
