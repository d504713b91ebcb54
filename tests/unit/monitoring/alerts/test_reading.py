"""Rules as people write them: what they mean, and everything that is wrong with them at once."""

import json
import math
import random
from typing import Any

import pytest

from orchestra.errors import Problem
from orchestra.monitoring.alerts import showing
from orchestra.monitoring.alerts.builtin import built_in
from orchestra.monitoring.alerts.reading import RuleInvalid, change_of, rule_of
from orchestra.monitoring.alerts.records import Rule
from orchestra.store.keys import DEFAULT_TENANT

FEW: dict[str, Any] = {"name": "n", "metric": "m", "threshold": 3}


def check(query: str) -> list[Problem]:
    """A language of one word."""
    return [] if query == "level>=error" else [Problem("", "syntax", f"what is {query}?")]


def read(body: object) -> Rule:
    """The rule, of the default tenant."""
    return rule_of(body, DEFAULT_TENANT, check)


def wrong(body: object) -> dict[str, str]:
    """Codes of what is wrong, by pointer."""
    with pytest.raises(RuleInvalid) as refused:
        read(body)
    findings = [one for one in refused.value.findings if isinstance(one, Problem)]
    return {one.pointer: one.code for one in findings}


def test_three_members_are_enough() -> None:
    rule = read(FEW)

    assert (rule.recover, rule.for_s, rule.keep_firing_s, rule.min_samples) == (3, 0, 60, 0)
    assert (rule.kind, rule.op, rule.window_s, rule.no_data) == ("threshold", ">", 300, "ok")
    assert (rule.severity, rule.group_by, rule.group_wait_s) == ("warning", ("rule",), 30)
    assert rule.enabled


def test_the_example_of_the_guide_is_read_and_shown_as_it_was_written() -> None:
    body: dict[str, Any] = {
        "name": "Agent error rate", "kind": "threshold", "metric": "orchestra_agent_tasks_total",
        "agg": "ratio", "of": {"outcome": "failed"}, "by": ["agent"], "where": {},
        "window": "5m", "op": ">", "threshold": 0.1, "recover": 0.05, "for": "2m",
        "keep_firing": "5m", "min_samples": 20, "no_data": "ok", "severity": "warning",
        "enabled": True, "labels": {}, "summary": "${labels.agent}: ${value} of calls fail",
        "runbook": "https://example.com/r", "notify": ["oncall"], "group_by": ["rule"],
        "group_wait": "30s", "repeat": "4h",
    }  # fmt: skip

    assert showing.body(read(body)) == body | {"scope": "tenant"}


BAD: list[tuple[dict[str, Any], dict[str, str]]] = [
    ({"recover": 4}, {"/recover": "wrong_side"}),
    ({"op": "<", "recover": 2}, {"/recover": "wrong_side"}),
    ({"for": "2d"}, {"/for": "out_of_range"}),
    ({"window": "31d"}, {"/window": "out_of_range"}),
    ({"window": "1s"}, {"/window": "out_of_range"}),
    ({"window": "soon"}, {"/window": "type"}),
    ({"keep_firing": -1}, {"/keep_firing": "out_of_range"}),
    ({"threshold": math.nan}, {"/threshold": "out_of_range"}),
    ({"threshold": math.inf}, {"/threshold": "out_of_range"}),
    ({"threshold": 1e16}, {"/threshold": "out_of_range"}),
    ({"threshold": True}, {"/threshold": "type"}),
    ({"threshold": None}, {"/threshold": "missing_field"}),
    ({"kind": "view"}, {"/kind": "not_available"}),
    ({"kind": "guess"}, {"/kind": "out_of_range"}),
    ({"agg": "mode"}, {"/agg": "out_of_range"}),
    ({"agg": "ratio"}, {"/of": "missing_field"}),
    ({"of": {"a": "b"}}, {"/of": "not_applicable"}),
    ({"metric": "no name"}, {"/metric": "format"}),
    ({"metric": ""}, {"/metric": "too_short"}),
    ({"by": ["A"]}, {"/by/0": "format"}),
    ({"by": ["a"] * 9}, {"/by": "too_many"}),
    ({"where": {"B": "x"}}, {"/where/B": "format"}),
    ({"where": {"b": 1}}, {"/where/b": "type"}),
    ({"where": {"b": ["x", 2]}}, {"/where/b/1": "type"}),
    ({"where": {"b": []}}, {"/where/b": "too_many"}),
    ({"labels": {"severity": "x"}}, {"/labels/severity": "reserved"}),
    ({"labels": {"a": "x" * 129}}, {"/labels/a": "type"}),
    ({"summary": "${labels.agent} ${secret:x}"}, {"/summary": "unknown_reference"}),
    ({"summary": "x" * 1_001}, {"/summary": "too_long"}),
    ({"runbook": "javascript:alert(1)"}, {"/runbook": "format"}),
    ({"runbook": "http://["}, {"/runbook": "format"}),
    ({"name": "\x1b[31m"}, {"/name": "format"}),
    ({"name": " "}, {"/name": "too_short"}),
    ({"notify": ["x"] * 11}, {"/notify": "too_many"}),
    ({"notify": [""]}, {"/notify/0": "type"}),
    ({"repeat": "1s"}, {"/repeat": "out_of_range"}),
    ({"min_samples": 1.5}, {"/min_samples": "out_of_range"}),
    ({"enabled": "yes"}, {"/enabled": "type"}),
    ({"offset": "1d"}, {"/offset": "not_applicable"}),
    ({"kind": "change", "offset": "1m"}, {"/offset": "out_of_range"}),
    ({"kind": "log"}, {"/query": "missing_field", "/metric": "not_applicable"}),
    ({"kind": "burn_rate"}, {"/of": "missing_field"}),
    ({"kind": "burn_rate", "of": {"a": "b"}, "objective": 1}, {"/objective": "out_of_range"}),
    ({"more": 1, "a/b~c": 2}, {"/more": "unknown_field", "/a~1b~0c": "unknown_field"}),
]


@pytest.mark.parametrize(("change", "codes"), BAD)
def test_what_is_wrong_is_named_with_its_place(
    change: dict[str, Any], codes: dict[str, str]
) -> None:
    assert wrong(FEW | change) == codes


def test_all_findings_come_at_once() -> None:
    assert wrong({"window": "31d", "op": "~", "extra": 1}) == {
        "/extra": "unknown_field",
        "/name": "missing_field",
        "/metric": "missing_field",
        "/threshold": "missing_field",
        "/window": "out_of_range",
        "/op": "out_of_range",
    }


def test_what_is_no_object_is_refused() -> None:
    for body in (None, [], "x", 3):
        assert wrong(body)[""] == "type"


def test_a_search_of_the_log_that_is_none_is_refused() -> None:
    body = {"kind": "log", "name": "n", "threshold": 1, "query": "("}

    assert wrong(body) == {"/query": "syntax"}
    assert read(body | {"query": "level>=error"}).query == "level>=error"


def test_of_a_built_in_rule_only_where_it_strikes_may_change() -> None:
    rule = built_in(DEFAULT_TENANT)[0]
    body = {name: value for name, value in showing.body(rule).items() if name != "scope"}

    changed = change_of(rule, body | {"threshold": 0.5, "enabled": False}, check)
    with pytest.raises(RuleInvalid) as refused:
        change_of(rule, body | {"metric": "m", "window": "1h"}, check)

    assert (changed.threshold, changed.enabled, changed.id) == (0.5, False, rule.id)
    pointers = {one.pointer for one in refused.value.findings if isinstance(one, Problem)}
    assert pointers == {"/metric", "/window"}


def test_every_built_in_rule_can_be_written_as_it_is_shown() -> None:
    for rule in built_in(DEFAULT_TENANT):
        assert change_of(rule, showing.body(rule), check) == rule


def test_nothing_anybody_sends_breaks_it() -> None:
    chance = random.Random(7)
    odd: list[Any] = [
        None, True, -1, 1e400, "", "5m", "\x00", [], {}, ["a"], {"a": 1}, "x" * 2_000, [[]],
        {"a": ["b"]}, 10**30, "${",
    ]  # fmt: skip
    members = [*showing.body(read(FEW)), "query", "of", "offset", "objective", "/~"]
    for _ in range(3_000):
        body = FEW | {chance.choice(members): chance.choice(odd) for _ in range(5)}
        try:
            rule = read(body)
        except RuleInvalid:
            continue
        json.dumps(showing.body(rule), allow_nan=False)
