"""What expressions see of an execution."""

import pytest
from workflow_work import a_work

from orchestra.workflows.planning.facts import Facts, Record, claim_of, first_failure, last_output


def test_a_claim_is_taken_apart() -> None:
    claim = claim_of("2|agent:x|exe_1/p/b[3]/y", "7.2.1.3.ses.with.dots", "default", 5)

    assert (claim.execution, claim.path) == ("exe_1", "p/b[3]/y")
    assert (claim.n, claim.u, claim.k, claim.c, claim.attempt) == (7, 2, 1, 3, 3)


def test_only_a_completed_step_has_an_output() -> None:
    records: dict[str, Record] = {
        "a": {"status": "completed", "output": None, "attempts": 1, "started_ms": 0},
        "b": {"status": "failed", "error": {"code": "x.y"}, "attempts": 2},
        "c": {"status": "skipped", "reason": "condition"},
    }
    facts = Facts(None, records)

    assert facts.view("a") == {
        "status": "completed", "attempts": 1, "output": None,
        "started_at": "1970-01-01T00:00:00.000Z",
    }  # fmt: skip
    assert facts.view("b") == {"status": "failed", "attempts": 2, "error": {"code": "x.y"}}
    assert facts.view("c") == {"status": "skipped", "attempts": 0, "reason": "condition"}
    assert facts.view("d")["status"] == "waiting"


def test_what_is_tried_again_is_forgotten() -> None:
    facts = Facts(None, {"a": {"status": "failed"}})
    assert facts.view("a")["status"] == "failed"

    facts.forget("a")

    assert facts.view("a")["status"] == "waiting"


@pytest.mark.parametrize("ends", [(5, 9), (9, 5)])
def test_r22_the_first_failure_by_time_counts(ends: tuple[int, int]) -> None:
    work = a_work({"id": "x", "type": "transform"}, {"id": "y", "type": "transform"})
    for path, ended_ms in zip("xy", ends, strict=True):
        work.facts.keep(path, {"status": "failed", "ended_ms": ended_ms}, 1)

    node = first_failure(work.plan.body, work.facts)

    assert node is not None
    assert node.path == ("x" if ends[0] < ends[1] else "y")


def test_the_output_is_the_last_completed_in_list_order() -> None:
    work = a_work({"id": "x", "type": "transform"}, {"id": "y", "type": "transform"})
    work.facts.keep("y", {"status": "completed", "output": 1}, 1)
    work.facts.keep("x", {"status": "skipped"}, 1)

    assert last_output(work.plan.body, work.facts) == 1
