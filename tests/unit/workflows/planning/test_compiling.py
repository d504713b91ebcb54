"""Definitions compiled for the engine: edges, routes, what must be known before a decision."""

from workflow_work import a_plan

from orchestra.workflows.planning.plan import OUTPUT, spawn_lines


def a_value(name: str, value: object = 1, **fields: object) -> dict[str, object]:
    """A transform."""
    return {"id": name, "type": "transform", "input_data": value, **fields}


def test_a_sequence_opens_with_its_first_step_and_each_is_followed_by_the_next() -> None:
    plan = a_plan(a_value("a"), a_value("b"), {"id": "c", "agent_type": "t"})

    assert plan.body.spawn == "a\t0\t1|@engine\nb\t1\t1|@engine\nc\t1\t2|t"
    assert [node.succ for node in plan.body.nodes] == ["b\t1|@engine", "c\t2|t", ""]
    assert plan.nodes["b"].joins == ()


def test_a_graph_has_declared_and_inferred_edges() -> None:
    plan = a_plan(
        a_value("a"), a_value("b", 1, depends_on=["a"]), a_value("c", "${steps.b.output}")
    )

    assert plan.nodes["b"].joins == ("a",)
    assert plan.nodes["c"].joins == ("b",)


def test_what_can_do_without_only_waits() -> None:
    plan = a_plan(
        a_value("a"),
        a_value("b", "${steps.a.?output}", depends_on=[]),
        a_value("c", depends_on=["a"]),
    )

    assert (plan.nodes["b"].joins, plan.nodes["b"].waits) == ((), ("a",))


def test_a_queue_is_named_by_type_agent_or_capability_and_undoing_is_urgent() -> None:
    plan = a_plan(
        {"id": "a", "agent_type": "t", "compensate": {"agent": "boss"}},
        {"id": "b", "agent": "one"},
        {"id": "c", "agent": {"capability": "see"}},
    )

    assert [n.route for n in plan.body.nodes] == ["2|t", "2|agent:one", "2|capability:see"]
    undo = plan.nodes["a"].undo
    assert undo is not None
    assert undo.entry == "1|agent:boss|a"


def test_the_hidden_last_step_waits_for_every_step_of_a_graph() -> None:
    plan = a_plan(a_value("a"), a_value("b", 1, depends_on=["a"]), output="${steps.b.output}")

    assert plan.nodes[OUTPUT].waits == ("a", "b")
    assert a_plan(a_value("a"), a_value("b"), output=1).nodes[OUTPUT].waits == ("b",)


def test_there_is_no_last_step_where_it_has_nothing_to_do() -> None:
    assert OUTPUT not in a_plan(a_value("a")).nodes


def test_what_completed_is_not_opened_again() -> None:
    nodes = a_plan(a_value("a"), a_value("b", 1, depends_on=["a"])).body.nodes

    assert spawn_lines(nodes, frozenset(["a"])) == "b\t0\t1|@engine"


def test_rollback_is_on_for_all_causes_once_a_step_can_be_undone() -> None:
    undo = {"id": "a", "agent_type": "t", "compensate": {"agent_type": "t"}}
    plain, saga = a_plan(a_value("a")), a_plan(undo)

    assert (plain.on_failure, plain.on_late, plain.on_cancel) == ("F", "F", "cancel")
    assert (saga.on_failure, saga.on_late, saga.on_cancel) == ("B", "B", "rollback")
