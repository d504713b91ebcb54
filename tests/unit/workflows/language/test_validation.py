import time
from typing import Any

import pytest
from workflow_documents import (
    a_document,
    a_parallel,
    a_step,
    a_switch,
    checked,
    codes,
    example,
    found,
    mutants,
)


@pytest.mark.parametrize("condition", ["size(input.x)", "'yes'", "[true]", "1 + 1"])
def test_a_condition_must_be_able_to_be_true(condition: str) -> None:
    assert (
        found(a_document(a_step(if_=condition)), "expression.not_boolean").pointer == "/steps/0/if"
    )


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("${1 +}", "expression.syntax"),
        ("${input.x", "expression.syntax"),
        ("${siez(input.x)}", "expression.unknown_function"),
        ("${input.x.matches('(')}", "expression.pattern"),
        ("${" + "+".join(["1"] * 400) + "}", "expression.too_large"),
        ("${nothing.x}", "expression.unknown_name"),
        ("${result.x}", "expression.unknown_name"),
        ("${workflow.owner}", "expression.unknown_name"),
        ("${vars.total}", "expression.unknown_name"),
        ("${steps.first.output}", "graph.not_before"),
        ("${steps.nobody.output}", "expression.unknown_name"),
    ],
)
def test_a_bad_expression_is_found_where_it_stands(text: str, code: str) -> None:
    finding = found(a_document(a_step(input_data={"a": ["", text]})), code)

    assert finding.pointer == "/steps/0/input_data/a/1"
    assert finding.severity == "error"


def test_the_nearest_step_is_offered_as_a_patch() -> None:
    document = a_document(a_step("classify"), a_step("b", input_data="x ${steps.clasify.output}"))

    finding = found(document, "expression.unknown_name")

    assert finding.suggestion == "classify"
    assert finding.fix == [
        {"op": "replace", "path": "/steps/1/input_data", "value": "x ${steps.classify.output}"}
    ]


def test_a_step_without_steps_before_its_name_is_understood() -> None:
    document = a_document(a_step("a"), a_step("b", input_data="${a.output}"))

    assert found(document, "expression.unknown_name").suggestion == "steps.a"


def test_a_later_step_of_a_sequence_cannot_be_read_but_one_of_a_graph_can() -> None:
    reading = a_step("a", input_data="${steps.b.output}")

    assert found(a_document(reading, a_step("b")), "graph.not_before").related == ("/steps/1",)
    assert codes(a_document(reading, a_step("b", depends_on=[]))) == []


def test_steps_inside_another_are_not_visible_but_its_output_is() -> None:
    outer = a_parallel("p", left=[a_step("x")], right=[a_step("y", input_data="${steps.x.output}")])
    after = a_step("z", input_data=["${steps.p.output.left}", "${steps.y.output}"])

    result = checked(a_document(outer, after))

    assert [(f.code, f.pointer) for f in result.findings] == [
        ("graph.not_visible", "/steps/0/branches/1/steps/0/input_data"),
        ("graph.not_visible", "/steps/1/input_data/1"),
    ]


def test_the_output_of_a_case_sees_the_steps_of_the_case() -> None:
    switch = a_switch("s", a_step("x"))
    switch["cases"][0]["output"] = "${steps.x.output}"

    assert codes(a_document(switch)) == []


def test_the_step_around_this_one_is_not_done_yet() -> None:
    document = a_document(a_switch("s", a_step("x", input_data="${steps.s.output}")))

    assert "inside" in found(document, "graph.not_before").message


def test_a_handler_and_a_compensation_know_the_error() -> None:
    rule = {"do": "steps", "steps": [a_step("h", input_data="${error.code}")]}
    undo = {"agent_type": "t", "input_data": ["${error.?code}", "${result}", "${request}"]}

    assert codes(a_document(a_step(on_error=[rule], compensate=undo))) == []


def test_a_dependency_must_be_a_step_of_the_same_scope() -> None:
    document = a_document(
        a_step("classify"),
        a_switch("s", a_step("inner")),
        a_step("c", depends_on=["clasify", "inner"]),
    )

    unknown, hidden = checked(document).findings[-2:]

    assert (unknown.code, unknown.pointer) == ("graph.unknown_step", "/steps/2/depends_on/0")
    assert unknown.fix == [{"op": "replace", "path": "/steps/2/depends_on/0", "value": "classify"}]
    assert unknown.range is not None
    assert (hidden.code, hidden.pointer) == ("graph.not_visible", "/steps/2/depends_on/1")


def test_a_cycle_is_named() -> None:
    document = a_document(
        a_step("a"),
        a_step("b", depends_on=["d"]),
        a_step("c", depends_on=["b"]),
        a_step("d", input_data="${steps.c.output}"),
    )

    finding = found(document, "graph.cycle")

    assert "b → c → d → b" in finding.message
    assert finding.pointer == "/steps/1/depends_on"
    assert finding.related == ("/steps/2", "/steps/3")


def test_a_step_that_depends_on_itself_is_a_cycle() -> None:
    assert found(a_document(a_step(depends_on=["first"])), "graph.cycle").severity == "error"


def test_two_cycles_are_both_named() -> None:
    steps = [a_step(a, depends_on=[b]) for a, b in ("ab", "ba", "cd", "dc")]

    assert codes(a_document(*steps)) == ["graph.cycle", "graph.cycle"]


@pytest.mark.parametrize("kind", ["set", "emit", "if", "output"])
def test_a_secret_outside_of_what_agents_get_is_misplaced(kind: str) -> None:
    secret = "${secret:key}"
    step: dict[str, Any] = {
        "set": {"type": "set", "vars": {"a": secret}},
        "emit": {"type": "emit", "event_type": "a.b", "payload": secret},
        "if": a_step(if_=secret),
        "output": a_step(output=secret),
    }[kind]

    assert codes(a_document(step)) == ["secret.misplaced"]


def test_a_secret_in_the_input_of_an_agent_stays() -> None:
    undo = {"agent_type": "t", "input_data": "${secret:key}"}

    assert (
        codes(a_document(a_step(input_data={"k": "Bearer ${secret:key}"}, compensate=undo))) == []
    )


def test_the_picture_has_every_step_and_edge_by_path() -> None:
    switch = a_switch(
        "s", a_step("x"), a_step("y"), depends_on=["a"], if_="steps.b.status == 'failed'"
    )

    graph = checked(a_document(a_step("a"), a_step("b", depends_on=[]), switch)).graph

    assert [node["id"] for node in graph["nodes"]] == ["a", "b", "s", "s/x", "s/y"]
    assert graph["edges"] == [
        {"from": "a", "to": "s", "kind": "declared"},
        {"from": "b", "to": "s", "kind": "inferred"},
        {"from": "s/x", "to": "s/y", "kind": "order"},
    ]


def test_seventeen_scopes_are_too_deep() -> None:
    steps = [a_step("last")]
    for level in range(16):
        cases = [{"when": "input.x", "steps": [a_step(f"c{level}")]}]
        steps = [{"id": f"s{level}", "type": "switch", "cases": cases, "default": steps}]

    assert set(codes(a_document(*steps))) == {"limit.depth"}


def test_one_document_gets_all_its_findings_at_once() -> None:
    many = [a_step(f"s{n}", depends_on=[]) for n in range(997)]
    loop = [a_step("x", depends_on=["y"]), a_step("y", depends_on=["x"])]
    inner = a_switch("inner", a_step("s5", input_data="${1 +}"), depends_on=[])
    inner["cases"][0]["steps"][0].pop("depends_on", None)

    result = checked(a_document(*many, *loop, inner))

    assert [(f.code, f.pointer) for f in result.findings] == [
        ("limit.steps", "/steps"),
        ("step.id_shadowed", "/steps/999/cases/0/steps/0/id"),
        ("expression.syntax", "/steps/999/cases/0/steps/0/input_data"),
        ("graph.cycle", "/steps/997/depends_on"),
    ]
    assert all(finding.range for finding in result.findings)


def test_there_are_at_most_two_hundred_findings_and_errors_come_before_notes() -> None:
    moved = {"agent_type": "t", **{f"k{n}": n for n in range(300)}}

    findings = checked(a_document(moved, a_step("b", timeout=5))).findings

    assert len(findings) == 200
    assert any(finding.code == "duration.bad" for finding in findings)


def test_the_examples() -> None:
    assert checked(example("customer-support")).findings == ()
    assert checked(example("order-payment")).findings == ()


def test_no_mutant_makes_a_check_raise() -> None:
    for document in mutants(400, 7):
        result = checked(document)

        assert result.valid == (not any(f.severity == "error" for f in result.findings))


def test_checking_is_quick_enough_for_every_key_press() -> None:
    small, large = example("customer-support"), a_document(*_thousand())
    checked(small)

    assert _best_ms(small) < 10 * 5
    assert _best_ms(large) < 300 * 5  # five times what it must do, for a busy machine


def _thousand() -> list[dict[str, Any]]:
    return [
        a_step(
            f"s{n}",
            depends_on=[f"s{n // 2}"] if n else [],
            if_=f"input.n > {n}",
            input_data={
                "text": f"${{input.t{n}}} and ${{steps.s{n // 2}.?output}}" if n else "",
                "n": n,
            },
            retry={"max_attempts": 4},
        )
        for n in range(1_000)
    ]


def _best_ms(document: Any) -> float:
    times: list[float] = []
    for _ in range(3):
        started = time.thread_time()
        checked(document)
        times.append(time.thread_time() - started)
    return min(times) * 1_000
