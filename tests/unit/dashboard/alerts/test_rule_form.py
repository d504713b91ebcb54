"""Rules as fields of a form."""

from typing import Any

import pytest

from orchestra.dashboard.alerts.contacts import body_of as contact_of
from orchestra.dashboard.alerts.one import episodes_of, leads_of
from orchestra.dashboard.alerts.rule_form import (
    KINDS,
    OF_KIND,
    body_of,
    empty,
    many_of,
    number,
    pairs,
    shown,
)
from orchestra.dashboard.alerts.silences import matchers_of

RULE: dict[str, Any] = {
    "id": "alr_1", "built_in": False, "name": "Errors", "kind": "threshold", "metric": "m",
    "agg": "ratio", "of": {"outcome": "failed"}, "by": ["agent"],
    "where": {"agent": ["a", "b"]}, "window": "5m", "op": ">", "threshold": 0.1, "recover": 0.05,
    "min_samples": 20, "no_data": "ok", "scope": "tenant", "for": "2m", "keep_firing": "5m",
    "severity": "critical", "enabled": True, "labels": {"team": "x"}, "summary": "s",
    "runbook": "", "notify": ["con_1"], "group_by": ["rule"], "group_wait": "30s", "repeat": "4h",
}  # fmt: skip


def test_a_rule_comes_back_from_the_form_as_it_was() -> None:
    sent = body_of(shown(RULE))

    assert sent == {name: RULE[name] for name in RULE if name not in ("id", "built_in", "runbook")}


def test_each_kind_sends_only_what_it_has() -> None:
    for kind, _ in KINDS:
        values = shown(RULE) | {"kind": kind, "query": "boom", "offset": "7d", "objective": "99 %"}
        sent = body_of(values)

        other = {name for names in OF_KIND.values() for name in names} - set(OF_KIND[kind])
        assert not other & sent.keys(), kind
    assert body_of(shown(RULE) | {"kind": "burn_rate", "objective": "99 %"})["objective"] == 0.99


def test_a_built_in_rule_keeps_what_it_watches() -> None:
    built_in = RULE | {"built_in": True}
    sent = body_of(shown(RULE) | {"metric": "other", "threshold": "0.5", "name": "x"}, built_in)

    assert (sent["metric"], sent["name"], sent["threshold"]) == ("m", "Errors", 0.5)


def test_a_chart_fills_the_form() -> None:
    values = empty([("metric", "m"), ("where", "a:b"), ("where", "c:d=e"), ("evil", "x")])

    assert values["where"] == "a=b\nc=d=e"
    assert values["name"] == "m"
    assert "evil" not in values


@pytest.mark.parametrize(
    ("text", "found"),
    [("5", 5), ("0.05", 0.05), ("5 %", 0.05), ("nan", "nan"), ("inf", "inf"), ("many", "many")],
)
def test_what_is_no_number_stays_as_it_was_typed(text: str, found: object) -> None:
    assert number(text) == found


def test_matchers_are_read_line_by_line() -> None:
    assert matchers_of("agent=gpt*\nseverity!=critical\n\nnonsense") == [
        {"label": "agent", "op": "=", "value": "gpt*"},
        {"label": "severity", "op": "!=", "value": "critical"},
        {"label": "nonsense", "op": "=", "value": ""},
    ]
    assert matchers_of("a=b!=c") == [{"label": "a", "op": "=", "value": "b!=c"}]


def test_an_address_nobody_typed_anew_stays() -> None:
    values = {"name": "n", "kind": "slack", "to": "", "url": "", "resolved": "", "default": ""}

    assert contact_of(values, {"url": "https://a/secret"})["url"] == "https://a/secret"
    assert contact_of(values | {"url": "https://b"}, {"url": "https://a"})["url"] == "https://b"


def test_firings_are_read_from_what_was_said() -> None:
    said = [
        {"type": "alert.fired", "at": "t5"},
        {"type": "alert.resolved", "at": "t4"},
        {"type": "alert.acknowledged", "at": "t3"},
        {"type": "alert.fired", "at": "t2"},
    ]

    assert episodes_of({"fired_at": "t5"}, said) == [
        {"fired_at": "t5", "resolved_at": None},
        {"fired_at": "t2", "resolved_at": "t4"},
    ]


def test_labels_lead_to_what_they_name_and_to_nowhere_else() -> None:
    hrefs = [href for href, _, _ in leads_of({"queue": "../x?y", "shop": "berlin"})]

    assert hrefs[0] == "/queues/..%2Fx%3Fy"
    assert all(href.startswith(("/queues/", "/logs?")) for href in hrefs)


def test_a_label_that_is_there_very_often_is_read_once() -> None:
    read = pairs("a=1\n" * 200_000)  # each time copied: minutes
    assert list(read) == ["a"]
    assert len(many_of(read["a"])) == 200_000
