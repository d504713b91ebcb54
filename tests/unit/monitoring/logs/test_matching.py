"""Matching is the same whether it goes through a whole chunk or line by line."""

import json
import random
import re
from typing import Any

import pytest
from log_lines import a_line

from orchestra.monitoring.logs.chunks import header_of, sealed, unpacked
from orchestra.monitoring.logs.language import parsed
from orchestra.monitoring.logs.matching import Matcher

EXECUTION = "exe_019ab12c-4f7e-7c31-9d52-0b6c8f1e2a44"
LINES = [
    a_line(0, "debug", "queue.taken", n=1, ok=True),
    a_line(1, "info", "call.ended", agent="gpt-4", latency_ms=120, text="Rate Limit reached"),
    a_line(2, "warning", "call.failed", agent="gpt-mini", latency_ms=900, error="rate limit: 429"),
    a_line(3, "error", "call.failed", agent="claude", text='he said "no"\nand left C:\\dir'),
    a_line(4, "info", "x", a={"b": {"c": "deep"}}, n=2.5, none=None, list=[1, 2]),
    a_line(5, "critical", "y", execution_id=EXECUTION, step="fetch"),
    a_line(6, "info", "z", text="Größe ÄÖ\x1b[31m"),
]
FOUND = {
    "": [0, 1, 2, 3, 4, 5, 6],
    "rate": [1, 2],
    '"rate limit"': [1, 2],
    "Rate": [1],
    "-rate": [0, 3, 4, 5, 6],
    "rate -mini": [1],
    "level>=warn": [2, 3, 5],
    "level<info": [0],
    "-level:info": [0, 2, 3, 5],
    "level:error": [3, 5],
    "agent:gpt-4": [1],
    "agent:gpt*": [1, 2],
    "agent:*": [1, 2, 3],
    "-agent:gpt*": [0, 3, 4, 5, 6],
    "agent:gpt": [],
    "latency_ms>=900": [2],
    "latency_ms<900": [1],
    "n:1": [0],
    "n>1": [4],
    "n:2.5": [4],
    "ok:true": [0],
    "ok:t*": [0],
    "none:null": [4],
    "a.b.c:deep": [4],
    "a.b:*": [4],
    'list:"[1,2]"': [4],
    r'"said \"no\""': [3],
    r'"c:\\dir"': [3],
    '"\\"level\\":\\"error\\""': [3],
    "größe": [6],
    "GRÖßE": [],
    "/: 4[0-9]{2}/": [2],
    "/(?i)RATE/": [1, 2],
    '/^{"ts"/': [0, 1, 2, 3, 4, 5, 6],
    "/deep.*}$/": [4],
    r"/\A\{.*left/": [3],
    r"/ended[^x]*failed/": [],
    r"/}\s*\{/": [],
    "-/rate/": [0, 1, 3, 4, 5, 6],
    f"execution:{EXECUTION}": [5],
    EXECUTION: [5],
    EXECUTION[:30]: [5],
    "ts>=2026-11-18T11:06:40.005000Z": [5, 6],
    "event:call.failed error:*429": [],
    "event:call.* /limit|left/ -Reached": [2, 3],
}


@pytest.mark.parametrize("query", FOUND)
def test_what_a_query_finds(query: str) -> None:
    matcher = Matcher(parsed(query))

    found = matcher.found(b"\n".join(LINES))

    assert [LINES.index(line) for line in found] == FOUND[query]
    assert [n for n, line in enumerate(LINES) if matcher.fits(line)] == FOUND[query]


@pytest.mark.parametrize("query", FOUND)
def test_no_chunk_is_skipped_that_has_a_line(query: str) -> None:
    matcher = Matcher(parsed(query))
    for n in FOUND[query]:
        (chunk,) = sealed([LINES[n]], "1-0")

        assert matcher.may_be_in(header_of(chunk.header))


def test_chunks_without_an_id_or_a_level_are_skipped() -> None:
    (chunk,) = sealed(LINES[:2], "1-0")
    header = header_of(chunk.header)

    for query in (f"execution:{EXECUTION}", EXECUTION, "step:fetch", "level>=warn", "agent:claude"):
        assert not Matcher(parsed(query)).may_be_in(header), query


def test_random_queries_agree_with_a_plain_search() -> None:
    rnd = random.Random(11)
    words = ["alpha", "Beta", "429", "x y", 'q"t', "é"]
    for _ in range(300):
        facts: list[dict[str, Any]] = [
            {rnd.choice("ab"): " ".join(rnd.choices(words, k=3)), "n": rnd.randrange(4)}
            for _ in range(20)
        ]
        lines = [a_line(n, **one) for n, one in enumerate(facts)]
        word, minus, n = rnd.choice(words), rnd.choice(words), rnd.randrange(4)
        quoted = [json.dumps(one, ensure_ascii=False) for one in (word, minus)]
        query = f"{quoted[0]} -{quoted[1]} n<={n}"

        found = Matcher(parsed(query)).found(b"\n".join(lines))

        wanted = [
            line
            for line, fact in zip(lines, facts, strict=True)
            if has(fact, word) and not has(fact, minus) and fact["n"] <= n
        ]
        assert found == wanted, query


def has(fact: dict[str, Any], word: str) -> bool:
    text = str(fact.get("a", "")) + "|" + str(fact.get("b", ""))
    flags = re.IGNORECASE if word == word.lower() and re.search("[a-z]", word) else 0
    return re.search(re.escape(word), text, flags) is not None


def test_chunks_are_cut_at_gaps_and_at_their_bound() -> None:
    lines = [a_line(n) for n in range(2_500)] + [a_line(-86_400_000), a_line(-86_400_001)]

    made = sealed(list(lines), "7-0")

    assert [chunk.lines for chunk in made] == [2, 1_024, 1_024, 452]
    back = b"\n".join(unpacked(chunk.data) for chunk in made).split(b"\n")
    assert back == sorted(lines)
