"""Lines of the log as a page shows them."""

import pytest

from orchestra.dashboard.logs.lines import (
    fields,
    leads,
    level_of,
    levels_in,
    mark,
    shown,
    term_of,
    with_level,
    without_level,
)

LINE = {
    "ts": "2026-11-23T10:00:00.1Z",
    "level": "critical",
    "event": "task.failed",
    "tenant": "default",
    "replica": "a:1",
    "execution_id": "exe_1",
    "step": "a/b",
    "error": {"code": 1},
}


def test_a_line_shows_what_says_most_and_leads_on() -> None:
    one = shown(LINE)

    assert (one.level, [fact.name for fact in one.facts]) == (
        "error",
        ["execution_id", "step", "error"],
    )
    assert [fact.href for fact in one.facts] == [
        "/executions/exe_1",
        "/executions/exe_1?step=a%2Fb",
        "",
    ]
    assert one.facts[2].value == '{"code":1}'
    assert one.more == 2
    assert one.id == mark(dict(LINE)) != mark({**LINE, "step": "c"})


def test_nothing_leads_out_of_the_house() -> None:
    evil = "//evil.example/?x=<b>"

    for name in ("execution_id", "agent", "queue", "request_id", "webhook", "step"):
        href = leads(name, evil, {"execution_id": evil})
        assert not href or (href[0] == "/" and href[1] not in "/\\")


@pytest.mark.parametrize(
    ("name", "value", "term"),
    [
        ("agent", "gpt-4", "agent:gpt-4"),
        ("execution_id", "exe_1", "execution:exe_1"),
        ("step", 'say "a b"', '"say \\"a b\\""'),
        ("n", 5, "n:5"),
        ("bad name", "x", ""),
        ("list", [1], ""),
    ],
)
def test_terms_find_the_line_again(name: str, value: object, term: str) -> None:
    assert term_of(name, value) == term


def test_levels_of_a_search() -> None:
    assert levels_in("level>=warn agent:x") == ("warning", "error")
    assert levels_in("a level:info") == ("info",)
    assert levels_in("a -level:info") == ("debug", "info", "warning", "error")
    assert with_level("a level>=warn b", "level:error") == "level:error a b"
    assert without_level("level:error") == ""
    assert level_of({"level": "odd"}) == "info"


def test_fields_are_bounded() -> None:
    assert len(fields({f"k{i}": i for i in range(500)})) == 100
