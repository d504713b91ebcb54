"""Profiles out of histories: what each line says, and what is left out."""

from typing import Any

import pytest
from workflow_work import a_plan

from orchestra.workflows.history import profiling
from orchestra.workflows.history.chronicle import Line
from orchestra.workflows.history.profiling import ROWS_MAX, Told
from orchestra.workflows.planning.plan import Plan

START = 1_795_000_000_000
Said = tuple[int, str, str, str]


def lines(*said: Said) -> list[Line]:
    """A history: ms, kind, path, data; the third attempt has token `n.2`."""
    return [
        Line(i, f"{START + ms}-0", kind, path, "1.0.0.0.s", data)
        for i, (ms, kind, path, data) in enumerate(said)
    ]


def agent(name: str, **more: Any) -> dict[str, Any]:
    """A step that calls one."""
    return {"id": name, "agent_type": "x", "task_type": "y", **more}


def plan_of(document: dict[str, Any]) -> Plan:
    """A definition, compiled."""
    fields = {name: value for name, value in document.items() if name not in ("name", "steps")}
    return a_plan(*document["steps"], **fields)


def rows_of(document: dict[str, Any], *said: Said, **records: Told) -> list[dict[str, Any]]:
    """The rows of a history."""
    history = lines(*said)
    made, cut = profiling.rows(plan_of(document), profiling.tracks(history), START, records)
    assert not cut
    return made


def test_times_are_from_acceptance_to_the_last_end() -> None:
    found = profiling.times(lines((0, "N", "", "d"), (5, "B", "", ""), (90, "E", "", "D")))

    assert found is not None
    assert (found.created_ms, found.started_ms, found.ended_ms) == (START, START + 5, START + 90)
    assert found.pauses == ()
    assert profiling.times(lines((0, "N", "", "d"), (5, "B", "", ""))) is None


@pytest.mark.parametrize(
    ("said", "pauses"),
    [
        ([(10, "K", "", "pause\tdeveloper"), (30, "K", "", "resume\tdeveloper")], [(10, 30)]),
        ([(10, "K", "", "interrupt\tx"), (20, "K", "", "pause\tx"), (30, "K", "", "resume\tx")],
         [(10, 30)]),
        ([(10, "K", "", "pause\tx")], [(10, 90)]),
        ([(10, "E", "", "F"), (40, "K", "", "retry\tx")], [(10, 40)]),
        ([(10, "E", "", "D"), (40, "K", "", "rollback\tx")], [(10, 40)]),
        ([(10, "K", "", "signal\tx\tgo")], []),
    ],
)  # fmt: skip
def test_what_stood_still_is_a_pause(said: list[Said], pauses: list[tuple[int, int]]) -> None:
    found = profiling.times(lines((0, "N", "", "d"), (1, "B", "", ""), *said, (90, "E", "", "D")))

    assert found is not None
    assert [(since - START, until - START) for since, until in found.pauses] == pauses


def test_a_step_that_was_tried_again_says_what_it_lost() -> None:
    usage = '{"usage":{"input_tokens":4,"output_tokens":2,"cost_usd":0.5}}'
    [row] = rows_of(
        {"name": "w", "steps": [agent("a")]},
        (1, "R", "a", ""), (11, "Y", "a", usage), (40, "R", "a", ""),
        (90, "C", "a", "gpt\t7\t50\t10\t5\t1200"),
    )  # fmt: skip

    assert (row["started_ms"] - START, row["last_ms"] - START, row["ended_ms"] - START) == (
        1,
        40,
        90,
    )
    assert (row["lost_ms"], row["lost_tokens"], row["lost_micro"]) == (10, 6, 500_000)
    assert (row["agent"], row["slot_ms"], row["tokens"], row["cost_micro"]) == (
        "gpt", 7, [10, 5], 1200,
    )  # fmt: skip
    assert row["priced"] is True


def test_a_price_is_unknown_when_the_record_has_none() -> None:
    said: list[Said] = [(1, "R", "a", ""), (9, "C", "a", "gpt\t0\t8\t10\t5\t0")]
    document = {"name": "w", "steps": [agent("a")]}

    assert rows_of(document, *said)[0]["priced"] is False
    assert rows_of(document, *said, a=Told(priced=True))[0]["priced"] is True
    assert rows_of(document, (1, "R", "a", ""), (9, "C", "a", "\t\t8"))[0]["priced"] is None


def test_a_step_that_opens_others_is_two_rows() -> None:
    branches = [{"id": "l", "steps": [agent("x")]}, {"id": "r", "steps": [agent("y")]}]
    made = rows_of(
        {"name": "w", "steps": [{"id": "p", "type": "parallel", "branches": branches}, agent("z")]},
        (1, "R", "p", ""), (2, "O", "p", "2"),
        (3, "R", "p/l", ""), (4, "O", "p/l", "1"), (3, "R", "p/r", ""), (4, "O", "p/r", "1"),
        (5, "R", "p/l/x", ""), (50, "C", "p/l/x", "\t\t45"),
        (6, "R", "p/r/y", ""), (20, "C", "p/r/y", "\t\t14"),
        (21, "R", "p/r", ""), (22, "C", "p/r", ""), (51, "R", "p/l", ""), (52, "C", "p/l", ""),
        (53, "R", "p", ""), (54, "C", "p", ""), (55, "R", "z", ""), (60, "C", "z", ""),
    )  # fmt: skip

    at = {(row["path"], row["part"]): i for i, row in enumerate(made)}
    assert len(at) == len(made) == 9

    def after(path: str, part: str = "") -> set[tuple[str, str]]:
        names = {i: name for name, i in at.items()}
        return {names[i] for i in made[at[path, part]]["depends_on"]}

    assert after("p", "open") == set()
    assert after("p/l", "open") == {("p", "open")}
    assert after("p/l/x") == {("p/l", "open")}
    assert after("p/l") == {("p/l/x", "")}
    assert after("p") >= {("p/l", ""), ("p/r", "")}
    assert after("z") == {("p", "")}
    whole = made[at["p", ""]]
    assert (whole["queued_ms"] - START, whole["started_ms"] - START) == (52, 53)
    assert made[at["z", ""]]["queued_ms"] - START == 54


def test_undoing_and_what_is_ours_has_no_row() -> None:
    made = rows_of(
        {"name": "w", "steps": [agent("a")], "output": {"n": 1}},
        (1, "R", "a", ""), (2, "C", "a", ""), (3, "R", ":output", ""), (4, "C", ":output", ""),
        (5, "R", "~a", ""), (6, "C", "~a", ""),
    )  # fmt: skip

    assert [row["path"] for row in made] == ["a"]


def test_so_many_rows_and_no_more() -> None:
    steps = [agent(f"s{i}") for i in range(ROWS_MAX + 20)]
    history = lines(*((i, "R", f"s{i}", "") for i in range(ROWS_MAX + 20)))

    made, cut = profiling.rows(
        plan_of({"name": "w", "steps": steps}), profiling.tracks(history), START, {}
    )

    assert len(made) == ROWS_MAX
    assert cut


def test_a_shape_says_what_steps_read_and_wait_for() -> None:
    plan = plan_of({"name": "w", "steps": [
        agent("a"), agent("b", input_data={"n": "${steps.a.output.n}"}),
        {"id": "c", "type": "switch", "cases": [{"when": "true", "steps": [agent("x")]}]},
    ]})  # fmt: skip

    steps = {one["path"]: one for one in profiling.shape(plan)["steps"]}

    assert steps["b"]["reads"] == ["a"]
    assert steps["b"]["depends_on"] == ["a"]
    assert steps["c"]["reads"] == []
    assert [one["paths"] for one in steps["c"]["branches"]] == [["c/x"]]
    assert steps["c/x"]["parent"] == "c"
