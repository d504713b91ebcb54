"""The language of searches: what it says, what it refuses, and that nothing breaks it."""

import random
import string

import pytest

from orchestra.monitoring.logs.language import (
    Level,
    Member,
    Pattern,
    QueryInvalid,
    Term,
    Text,
    parsed,
)
from orchestra.monitoring.logs.matching import Matcher

UNDERSTOOD: dict[str, tuple[Term, ...]] = {
    "": (),
    "  retry  ": (Text("retry"),),
    "-retry": (Text("retry", True),),
    '"rate limit"': (Text("rate limit"),),
    r'"a \"b\" \\c"': (Text(r'a "b" \c'),),
    "level>=warn": (Level(">=", 2),),
    "-level:ERROR": (Level(":", 3, True),),
    "agent:gpt*": (Member(("agent",), ":", "gpt", begins=True),),
    "agent:*": (Member(("agent",), ":", None, begins=True),),
    'agent:"gpt*"': (Member(("agent",), ":", "gpt*"),),
    "execution:exe_1 a.b:1": (
        Member(("execution_id",), ":", "exe_1"),
        Member(("a", "b"), ":", "1"),
    ),
    "latency_ms>=1.5": (Member(("latency_ms",), ">=", "1.5"),),
    "/429|503/ /a\\/b/": (Pattern("429|503"), Pattern("a/b")),
    "-/x y/": (Pattern("x y", True),),
    "a:b:c": (Member(("a",), ":", "b:c"),),
    "50%": (Text("50%"),),
    "ünï": (Text("ünï"),),
}


@pytest.mark.parametrize("query", UNDERSTOOD)
def test_what_a_query_says(query: str) -> None:
    assert parsed(query) == UNDERSTOOD[query]


@pytest.mark.parametrize(
    ("query", "codes"),
    [
        ('"open', ["syntax"]),
        ("/open", ["syntax"]),
        ("//", ["syntax"]),
        ('""', ["empty"]),
        ("/(/", ["bad_pattern"]),
        (r"/(a)\1/", ["bad_pattern"]),
        ("/" + "a" * 300 + "/", ["bad_pattern"]),
        ("/((((a{500}){500}){500}){500})/", ["bad_pattern"]),
        ("/(a.{0,1000})z/", ["bad_pattern"]),
        ("level:loud x>=many", ["bad_level", "not_a_number"]),
        ("x " * 40, ["too_many"]),
        ("x" * 1_025, ["too_long"]),
        ('a"b', ["syntax"]),
    ],
)
def test_what_a_query_may_not_say(query: str, codes: list[str]) -> None:
    with pytest.raises(QueryInvalid) as refused:
        parsed(query)

    assert [finding.code for finding in refused.value.findings] == codes  # type: ignore[attr-defined]  # Problems


def test_no_query_breaks_the_reader() -> None:
    rnd = random.Random(7)
    pieces = [
        '"',
        "/",
        "-",
        ":",
        ">=",
        "level",
        "\\",
        " ",
        "*",
        "(",
        "[",
        "{9}",
        "\x00",
        "\u2028",
        "é",
        "a",
    ]
    line = b'{"ts":"2026-11-23T04:09:31.123456Z","level":"info","event":"x","a":{"b":1}}'
    for _ in range(10_000):
        query = "".join(
            rnd.choice(pieces) if rnd.random() < 0.7 else rnd.choice(string.printable)
            for _ in range(rnd.randrange(1, 30))
        )
        try:
            terms = parsed(query)
        except QueryInvalid:
            continue
        Matcher(terms).found(line + b"\n" + line)
