"""Steps that wait, as they are written: what is accepted, and all that is refused."""

import itertools
import json
import random
from typing import Any

import jsonschema_rs
import pytest
from workflow_documents import a_document, a_step, checked, codes, found

from orchestra.workflows.language.instants import parsed_instant_ms
from orchestra.workflows.language.schema import language_schema

SIGNAL = {"signal": "go", "timeout": "1h"}


def a_wait(**fields: Any) -> dict[str, Any]:
    return {"id": "w", "type": "wait", **{key.rstrip("_"): v for key, v in fields.items()}}


@pytest.mark.parametrize(
    "fields",
    [
        {"for_": "1h30m"},
        {"for_": "${input.delay}"},
        {"until": "2027-01-31T09:00:00+01:00"},
        {"until": "${vars.at}"},
        SIGNAL,
        {**SIGNAL, "on_timeout": {"do": "fail", "error": "order.unpaid", "message": "no"}},
        {**SIGNAL, "on_timeout": {"do": "continue", "output": {"x": "${input.x}"}}},
        {**SIGNAL, "output": "${result.x}", "if_": "input.x > 1", "on_error": []},
    ],
)
def test_what_can_be_waited_for(fields: dict[str, Any]) -> None:
    document = a_document(a_wait(**fields), vars={"at": "2027-01-31T09:00:00Z"})

    assert checked(document).valid, checked(document).findings


@pytest.mark.parametrize(
    ("fields", "code", "pointer"),
    [
        ({}, "field.missing", "/for"),
        ({"for_": 5}, "duration.bad", "/for"),
        ({"for_": "5"}, "duration.bad", "/for"),
        ({"for_": "367d"}, "field.range", "/for"),
        ({"until": "2027-01-31"}, "field.range", "/until"),
        ({"until": "2027-01-31T09:00:00"}, "field.range", "/until"),
        ({"until": "2027-02-30T09:00:00Z"}, "field.range", "/until"),
        ({"until": 5}, "field.type", "/until"),
        ({"signal": "go"}, "step.timeout_required", "/timeout"),
        ({"signal": "", "timeout": "1h"}, "field.range", "/signal"),
        ({"signal": "a b", "timeout": "1h"}, "field.range", "/signal"),
        ({"signal": 1, "timeout": "1h"}, "field.type", "/signal"),
        ({"signal": "go", "timeout": "99ms"}, "field.range", "/timeout"),
        ({"signal": "go", "for_": "1h"}, "field.conflict", "/signal"),
        ({"for_": "1h", "timeout": "2h"}, "field.conflict", "/timeout"),
        ({"for_": "1h", "on_timeout": {"do": "fail"}}, "field.conflict", "/on_timeout"),
        ({**SIGNAL, "on_timeout": {"do": "reject"}}, "field.range", "/on_timeout/do"),
        ({**SIGNAL, "on_timeout": {}}, "field.missing", "/on_timeout/do"),
        (
            {**SIGNAL, "on_timeout": {"do": "fail", "output": 1}},
            "field.unknown",
            "/on_timeout/output",
        ),
        ({**SIGNAL, "retry": {}}, "step.retry_not_here", "/retry"),
        ({**SIGNAL, "compensate": {}}, "step.compensate_not_here", "/compensate"),
        ({**SIGNAL, "total_timeout": "1h"}, "field.unsupported", "/total_timeout"),
        ({"event": "order.paid"}, "field.unsupported", "/event"),
        ({"for_": "${nothing}"}, "expression.unknown_name", "/for"),
        (
            {**SIGNAL, "on_timeout": {"do": "continue", "output": "${secret:x}"}},
            "secret.misplaced",
            "/on_timeout/output",
        ),
    ],
)
def test_what_is_wrong_is_told_at_its_place(
    fields: dict[str, Any], code: str, pointer: str
) -> None:
    assert found(a_document(a_wait(**fields)), code).pointer == f"/steps/0{pointer}"


def test_everything_wrong_is_told_at_once() -> None:
    wrong = a_wait(signal="a b", for_="5", until="x", retry={}, unknown=1)

    assert sorted(codes(a_document(wrong))) == sorted(
        [
            "field.range", "duration.bad", "field.range", "step.retry_not_here", "field.unknown",
            "step.timeout_required", "field.conflict", "field.conflict",
        ]
    )  # fmt: skip


def test_a_definition_has_at_most_200_signals() -> None:
    waits = [{**a_wait(**SIGNAL), "id": f"w{n}", "signal": f"s{n}"} for n in range(200)]
    again = {**a_wait(**SIGNAL), "id": "again", "signal": "s0"}
    more = {**a_wait(**SIGNAL), "id": "more", "signal": "more"}

    assert "limit.signals" not in codes(a_document(*waits, again))
    assert found(a_document(*waits, again, more), "limit.signals").pointer == "/steps/201/signal"


def test_a_wait_longer_than_the_whole_is_doubted() -> None:
    long = found(a_document(a_wait(for_="40d")), "step.wait_outlasts_timeout")
    short = a_document(a_wait(**SIGNAL), timeout="30m")

    assert (long.severity, long.pointer) == ("warning", "/steps/0/for")
    assert found(short, "step.wait_outlasts_timeout").pointer == "/steps/0/timeout"
    assert codes(a_document(a_wait(for_="40d"), timeout="41d")) == []


def test_a_wait_depends_on_what_its_templates_read() -> None:
    rule = {"do": "continue", "output": "${steps.b.output}"}
    made = checked(
        a_document(
            a_step("a", depends_on=[]), a_step("b"), a_wait(for_="${steps.a.output.x}"),
            {**a_wait(**SIGNAL, on_timeout=rule), "id": "v"},
        )
    ).definition  # fmt: skip

    assert made is not None
    assert [step.joins for step in made.body.steps] == [(), (), ("a",), ("b",)]


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01t01:00:00.5+01:00", 500),
        ("1970-01-01T00:00:00.123456789z", 123),
        ("9999-12-31T23:59:59Z", 253_402_300_799_000),
        ("1970-01-01T00:00:00+99:00", None),
        ("1970-01-01 00:00:00Z", 0),
        ("19700101T000000Z", None),
        ("", None),
        (None, None),
        (0, None),
    ],
)
def test_instants_are_rfc_3339(text: object, ms: int | None) -> None:
    assert parsed_instant_ms(text) == ms


def test_schema_and_loader_agree_about_waits() -> None:
    """But for what no schema can say: bounds of durations, days that are none, expressions."""
    validator = jsonschema_rs.Draft202012Validator(language_schema())
    chance = random.Random(4)
    values: dict[str, list[Any]] = {
        "for": ["1h", "x", 5, "${input.x}"],
        "until": ["2027-01-31T09:00:00Z", "2027", None],
        "signal": ["go", "a b", 5],
        "event": ["order.paid"],
        "timeout": ["1h", "x", 5],
        "on_timeout": [{"do": "fail"}, {"do": "continue", "output": 1}, {"do": "no"}, {"x": 1}, []],
        "output": [1],
        "retry": [{}],
        "other": [1],
    }
    wrong = list[tuple[Any, ...]]()
    for count, _ in itertools.product(range(1, 5), range(250)):
        keys = chance.sample(sorted(values), count)
        document = a_document({"type": "wait"} | {key: chance.choice(values[key]) for key in keys})
        by_loader, by_schema = checked(document).valid, validator.is_valid(document)
        if by_loader != by_schema:
            wrong.append((json.dumps(document), by_loader, codes(document)))

    assert not wrong, wrong[:3]
