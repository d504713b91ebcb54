"""The phrases a text is about."""

import math
import re
from collections import Counter

import msgspec

from orchestra.connectors.analysis.words import STOP_WORDS, words

_PHRASE_WORDS = 3
_LOOKED_AT = 200_000  # characters
_BREAK = re.compile(r"[^\w'’\s-]+|\d+|\n+|\s[-–—]\s")


class Keyword(msgspec.Struct, frozen=True):
    """`score` is relative to the best phrase of the text, which has 1."""

    text: str
    score: float


def keywords(text: str, limit: int = 8) -> tuple[Keyword, ...]:
    """Phrases between stop words, by degree over frequency (RAKE: Rose et al. 2010).

    Repeated and earlier phrases weigh more: a request says first what it is about.
    """
    places: dict[tuple[str, ...], int] = {}
    counts = Counter[tuple[str, ...]]()
    for phrase in _phrases(text[:_LOOKED_AT]):
        places.setdefault(phrase, len(places))
        counts[phrase] += 1
    frequency, degree = Counter[str](), Counter[str]()
    for phrase, count in counts.items():
        for word in phrase:
            frequency[word] += count
            degree[word] += len(phrase) * count
    scored = {
        phrase: sum(degree[word] / frequency[word] for word in phrase)
        / math.sqrt(len(phrase))
        * (1 + 1 / (1 + place))
        * (1 + math.log(counts[phrase]))
        for phrase, place in places.items()
    }
    best = max(scored.values(), default=1.0)
    ranked = sorted(scored.items(), key=lambda item: -item[1])[:limit]
    return tuple(
        Keyword(" ".join(phrase)[:200], round(score / best, 3)) for phrase, score in ranked
    )


def _phrases(text: str) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    for part in _BREAK.split(text):
        run: list[str] = []
        for word in [*words(part), ""]:
            if len(word) > 2 and word not in STOP_WORDS and len(run) < _PHRASE_WORDS:
                run.append(word)
            elif run:
                found.append(tuple(run))
                run = [word] if len(word) > 2 and word not in STOP_WORDS else []
        if run:
            found.append(tuple(run))
    return found
