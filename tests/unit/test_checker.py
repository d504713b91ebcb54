"""The checker of histories, on some made by hand: good ones, and one for each way to be bad."""

from collections.abc import Callable
from typing import Any

import pytest
from simulation.checker import Call, Evidence, Line, Story, violations
from workflow_documents import checked

from orchestra.workflows.planning.compiling import compile_plan

EID = "exe_1"
UNDO = {"compensate": {"agent_type": "t", "input_data": {}}}
DOCUMENT = {
    "name": "w",
    "steps": [
        {"id": "a", "agent_type": "t", "input_data": {}, **UNDO},
        {"id": "b", "agent_type": "t", "depends_on": ["a"], **UNDO,
         "input_data": {"seen_a": "${steps.a.output}"}},
    ],
}  # fmt: skip
GOOD = (
    "N||0|d", "B||0|", "R|a|1.0.0.0.x|x", "C|a|1.0.0.0.x|", "R|b|1.0.0.0.x|x", "C|b|1.0.0.0.x|",
    "E||0|D",
)  # fmt: skip
ROLLED_BACK = (
    *GOOD, "K||0|rollback", "R|~b|1.0.0.0.x|x", "C|~b|1.0.0.0.x|", "R|~a|1.0.0.0.x|x",
    "C|~a|1.0.0.0.x|", "E||0|L",
)  # fmt: skip


def a_story(*lines: str, letter: str = "D", **state: str) -> Story:
    """An execution of two steps with this history."""
    definition = checked(DOCUMENT).definition
    assert definition is not None
    made = {"@s": letter, "@r": "0", "a": "c1.0.0.0.x", "b": "c1.0.0.0.x", **state}
    kinds = [line.split("|") for line in (lines or GOOD)]
    return Story(
        id=EID,
        plan=compile_plan("d", definition),
        state=made,
        nested={},
        records={"a": {"status": "completed", "output": 1}, "b": {"status": "completed"}},
        undo=[],
        lines=[Line(f"{1_000 + i}-0", *parts) for i, parts in enumerate(kinds)],
        calls=[a_call("a", 1), a_call("b", 1)],
    )


def a_call(path: str, fence: int, key: str = "k", outcome: str = "ok", **request: Any) -> Call:
    return Call(EID, path, key, fence, at_ms=1_000 + fence, outcome=outcome, request=request)


def judged(story: Story, **more: Any) -> list[str]:
    return violations(Evidence([story], {"key": EID}, **more))


def with_lines(*lines: str) -> Callable[[], Story]:
    return lambda: a_story(*lines)


def rolled_back(*lines: str) -> Story:
    story = a_story(*(lines or ROLLED_BACK), letter="L", a="k1.0.0.0.x", b="k1.0.0.0.x")
    story.nested = {"~a": "c1.0.0.0.x", "~b": "c1.0.0.0.x"}
    return story


def test_a_good_history_breaks_nothing() -> None:
    assert judged(a_story()) == []


def test_a_good_rollback_breaks_nothing() -> None:
    assert judged(rolled_back()) == []


def _called(*calls: Call, lines: tuple[str, ...] = GOOD) -> Story:
    story = a_story(*lines)
    story.calls = list(calls)
    return story


def _remembered(**changes: Any) -> Story:
    story = a_story()
    for name, value in changes.items():
        setattr(story, name, value)
    return story


def _status(**changes: Any) -> dict[str, Any]:
    steps = [{"path": path, "status": "completed"} for path in ("a", "b")]
    shown = {"status": "completed", "current_steps": [], "error": None, "steps": steps}
    return shown | {"rollback": None} | changes


def _unfinished() -> Story:
    story = rolled_back()
    story.undo = ["1|t|a"]
    return story


_RETRIED = ("N||0|d", "R|a|1.0.0.0.x|x", "Y|a|1.0.0.0.x|{}", "R|a|2.1.1.0.x|x", *GOOD[3:])
_SKIPPED = (*GOOD[:5], "S|b|1.0.0.0.x|", "E||0|D")
_TAKEN = ("R|a|1.0.0.0.x|x", "L|a|1.0.0.0.x|x", "R|a|2.0.0.1.y|y", *GOOD[3:])
BAD: dict[str, tuple[str, Callable[[], Story]]] = {
    "never ends": ("I1 stuck in state 'R'", lambda: a_story(letter="R")),
    "completes without a step": ("I1 completed without b", lambda: a_story(b="w1")),
    "records a step twice": (
        "I2 a was recorded 2 times", with_lines(*GOOD[:4], "C|a|1.0.0.0.x|", *GOOD[4:]),
    ),
    "runs a completed step again": (
        "I2 a had completed and ran again", with_lines(*GOOD[:6], "R|a|2.0.0.0.x|x", "E||0|D"),
    ),
    "hands out a step while paused": (
        "P b was handed out after a pause", with_lines(*GOOD[:4], "K||0|pause", *GOOD[4:]),
    ),
    "hands out a step after the end": (
        "P b was handed out after the end", with_lines(*GOOD[:4], "E||0|C", *GOOD[4:]),
    ),
    "starts a step too early": (
        "I3 R of b before a was done", with_lines(*GOOD[:3], GOOD[4], GOOD[3], *GOOD[5:]),
    ),
    "feeds a step what nobody recorded": (
        "I3 b saw 2 of a, recorded 1", lambda: _called(a_call("a", 1), a_call("b", 1, seen_a=2)),
    ),
    "skips a step that should run": (
        "I3 b (none_failed) became S upstream after ['C']",
        lambda: _skipping(a_story(*_SKIPPED, b="s1.0.0.0.x")),
    ),
    "hands out a fence twice": (
        "I4 fence 1 of a after 1", with_lines(*GOOD[:3], "L|a|1.0.0.0.x|x", *GOOD[2:]),
    ),
    "records from who lost it": ("I4 C of a by 1.0.0.0.x, who did not", with_lines(*_TAKEN)),
    "calls twice under a fence": (
        "I4 a was called 2 times under fence 1", lambda: _called(a_call("a", 1), a_call("a", 1)),
    ),
    "keeps the key after a definite failure": (
        "I5 a kept its key",
        lambda: _called(a_call("a", 1, outcome="definite"), a_call("a", 2), lines=_RETRIED),
    ),
    "changes the key after an unknown outcome": (
        "I5 a got a new key after 'unknown'",
        lambda: _called(a_call("a", 1, outcome="unknown"), a_call("a", 2, key="l")),
    ),
    "shows another state": (
        "I6 shown as failed", lambda: _remembered(status=_status(status="failed")),
    ),
    "shows another state of a step": (
        "I6 a is shown as failed",
        lambda: _remembered(status=_status(steps=[{"path": "a", "status": "failed"}])),
    ),
    "leaves steps in flight": ("I7 1 steps in flight", lambda: a_story(**{"@r": "1"})),
    "leaves a step handed out": ("I7 b is still handed out", lambda: a_story(b="r1.0.0.0.x")),
    "ends otherwise than it says": ("I9 ended as D", with_lines(*GOOD[:6], "E||0|F")),
    "misses an entry of the journal": (
        "I9 the journal and the history differ", lambda: _remembered(journal=["1000-0"]),
    ),
    "undoes in order of completion": (
        "U not in reverse order",
        lambda: rolled_back(*ROLLED_BACK[:8], *ROLLED_BACK[10:12], *ROLLED_BACK[8:10], "E||0|L"),
    ),
    "undoes twice": (
        "U b was undone 2 times",
        lambda: rolled_back(
            *ROLLED_BACK[:10], "R|~b|2.0.0.0.x|x", "C|~b|2.0.0.0.x|", *ROLLED_BACK[10:]
        ),
    ),
    "forgets to undo": (
        "U a had an effect and was not undone", lambda: rolled_back(*ROLLED_BACK[:10], "E||0|L"),
    ),
    "undoes before the rest is over": (
        "U C of b while undoing",
        lambda: rolled_back(*GOOD[:5], *ROLLED_BACK[7:9], GOOD[5], *ROLLED_BACK[9:]),
    ),
    "leaves something to undo": ("U rolled back with", _unfinished),
}  # fmt: skip


def _skipping(story: Story) -> Story:
    story.records["b"] = {"status": "skipped", "reason": "upstream"}
    return story


@pytest.mark.parametrize("name", BAD)
def test_a_bad_history_is_caught(name: str) -> None:
    what, made = BAD[name]

    found = judged(made())

    assert any(one.startswith(what) for one in found), found


def test_an_accepted_execution_that_is_lost_is_caught() -> None:
    found = violations(Evidence([], {"key": EID}))

    assert found == [f"I1 {EID} was accepted and is lost"]


def test_an_execution_nobody_was_told_of_is_caught() -> None:
    found = violations(Evidence([a_story()], {}))

    assert found == [f"I1 {EID} was started for nobody"]


def test_leftovers_of_a_partition_are_caught() -> None:
    assert judged(a_story(), leftovers=["o:{1}:wl:x"]) == ["I7 left over: o:{1}:wl:x"]


def test_what_was_seen_to_be_wrong_on_the_way_is_told() -> None:
    assert judged(a_story(), wrong=["fence: called late"]) == ["fence: called late"]
