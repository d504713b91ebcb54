import json
import time
from pathlib import Path

import pytest

from orchestra.connectors.analysis.lexicon import lexicon
from orchestra.connectors.analysis.vader import score

# Our own sentences and the compound vaderSentiment 3.3.2 gives them.
PINNED: list[tuple[str, float]] = json.loads(
    Path(__file__).with_name("vader_3_3_2.json").read_text("utf-8")
)


@pytest.mark.parametrize(("text", "compound"), PINNED)
def test_the_compound_is_that_of_the_reference_to_four_decimals(text: str, compound: float) -> None:
    assert score(text, lexicon()).compound == compound


def test_the_lexicon_is_whole() -> None:
    assert len(lexicon().ratings) == 7_506
    assert lexicon().ratings["disappointed"] == -2.1
    assert lexicon().emoji["😊"] == "smiling face with smiling eyes"


def test_every_word_has_one_valence() -> None:
    scored = score("Not good, but the card was very nice!", lexicon())

    assert list(scored.words) == ["Not", "good", "but", "the", "card", "was", "very", "nice"]
    assert [round(valence, 4) for valence in scored.valences] == [
        *(0.0, -0.703, 0.0),
        *(0.0, 0.0, 0.0, 0.0, 3.1395),
    ]


def test_a_text_is_scored_in_fifty_microseconds() -> None:
    text = "I'm disappointed with my recent order, it arrived very late, but your support was kind!"
    score(text, lexicon())

    best = min(_seconds(text) for _ in range(5))

    assert best / 200 < 50e-6


@pytest.mark.parametrize(
    "text",
    [
        "good " * 20_000 + "but " + "bad " * 9,
        "good bad but " * 10_000,
        "😀" * 30_000,
        "a" * 200_000,
        "!" * 200_000,
    ],
    ids=["one word", "many buts", "emoji", "one letter", "marks"],
)
def test_the_cost_grows_with_the_length_and_no_faster(text: str) -> None:
    started = time.process_time()

    scored = score(text, lexicon())

    assert time.process_time() - started < 1
    assert -1 <= scored.compound <= 1


def _seconds(text: str) -> float:
    started = time.process_time()
    for _ in range(200):
        score(text, lexicon())
    return time.process_time() - started
