"""Each finding that comes with a fix: the fix, applied, removes it."""

import copy
from typing import Any

import pytest
from workflow_documents import a_document, a_step, checked

from orchestra.workflows.language.validation import check

Document = dict[str, Any]


def applied(document: Document, patch: list[dict[str, Any]]) -> Document:
    """The document after a JSON Patch (RFC 6902)."""
    made = copy.deepcopy(document)
    for change in patch:
        value = taken(made, change["from"]) if change["op"] == "move" else change.get("value")
        holder, name = placed(made, change["path"])
        if change["op"] == "remove":
            del holder[name]
        elif isinstance(holder, list) and change["op"] == "add":
            holder.insert(name, value)
        else:
            holder[name] = value
    return made


def taken(document: Document, pointer: str) -> Any:
    holder, name = placed(document, pointer)
    return holder.pop(name)


def placed(document: Document, pointer: str) -> tuple[Any, Any]:
    *above, last = [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]
    holder: Any = document
    for part in above:
        holder = holder[int(part) if isinstance(holder, list) else part]
    return holder, int(last) if isinstance(holder, list) else last


@pytest.mark.parametrize(
    ("document", "code"),
    [
        (a_document(a_step("a"), priorty=3), "field.unknown"),
        (a_document(a_step("a"), nonsense=3), "field.unknown"),
        (a_document(a_step("a", run_when="all_don")), "field.range"),
        (a_document({"id": "a", "agent_typ": "x", "task_type": "y"}), "field.unknown"),
        (a_document(a_step("a"), description=3), "field.type"),
        (a_document(a_step("a"), fail_fast="true"), "field.type"),
        (a_document(a_step("a", type="agnt")), "step.type_unknown"),
        (a_document(a_step("a"), a_step("a")), "step.id_duplicate"),
        (a_document(a_step("a"), a_step("b", depends_on=["c"])), "graph.unknown_step"),
        (a_document(a_step("aaa"), a_step("b", depends_on=["aab"])), "graph.unknown_step"),
        (a_document(a_step("a"), output="${steps.a.outptu}"), "expression.unknown_name"),
        (a_document(a_step("a"), output="${inptu.x}"), "expression.unknown_name"),
        (a_document(a_step("a"), output="${sise(input.x)}"), "expression.unknown_function"),
        (a_document(a_step("a"), output="${input.x.containz('a')}"), "expression.unknown_function"),
        (
            a_document(
                a_step("a"),
                output="${input.tex}",
                input_schema={"type": "object", "properties": {"text": {"type": "string"}}},
            ),
            "expression.unknown_input",
        ),
        (a_document(a_step("a"), timeout="10 min"), "duration.bad"),
    ],
)
def test_a_fix_removes_its_finding(document: Document, code: str) -> None:
    finding = next(one for one in checked(document).findings if one.code == code)
    assert finding.fix, finding

    after = checked(applied(document, finding.fix))

    assert not [one for one in after.findings if (one.code, one.message) == (code, finding.message)]
    assert len([one for one in after.findings if one.severity == "error"]) <= len(
        [one for one in checked(document).findings if one.severity == "error"]
    )


def test_an_agent_that_nobody_registered_is_replaced_by_the_nearest() -> None:
    document = a_document(a_step("a", agent_type="text_procesor"))
    finding = next(one for one in check(document, None, ["text_processor"]).findings if one.fix)

    after = applied(document, finding.fix or [])

    assert check(after, None, ["text_processor"]).findings == ()
