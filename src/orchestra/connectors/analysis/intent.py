"""What a customer wants: one of nine support intents, by rules; or the caller's own labels.

Rules need no model and explain themselves, and they know only what they were told: see the
accuracy reported in `tests/unit/connectors/analysis/test_intent.py`. A step that needs more than a
first sorting gives it to a model.
"""

import functools
import math
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence

import msgspec

from orchestra.connectors.analysis.lexicon import lexicon
from orchestra.connectors.analysis.patterns import Pattern, compiled
from orchestra.connectors.analysis.tables import sections
from orchestra.connectors.analysis.vader import score

OTHER = "other"
Scores = defaultdict[str, float]
_LOOKED_AT = 20_000  # characters: who has not said what they want by then will not
_STRONG_FEELING = 0.4
_HITS_MAX = 3
_SETTLED = 2.5  # points of a wish that is plain
_MERE_FEELINGS = frozenset(("praise", "complaint", "question"))


class Guess(msgspec.Struct, frozen=True):
    """An intent and its share of the evidence, a little kept back for what no rule knows."""

    intent: str
    confidence: float


def intents(text: str) -> tuple[Guess, ...]:
    """Every intent there is evidence for, most likely first; `other` with 0 when there is none."""
    start = text[:_LOOKED_AT].replace("’", "'").strip()
    lower = start.lower()
    scores: Scores = defaultdict(float)
    for name, weight, pattern in _patterns():
        if hits := len({match.group() for match in pattern.finditer(lower)}):
            scores[name] += weight * math.sqrt(min(hits, _HITS_MAX))
    _weigh_feelings(scores, start)
    return _ranked(scores)


def labelled(text: str, labels: Mapping[str, Sequence[str]]) -> tuple[Guess, ...]:
    """The same by the caller's own keywords: whole words or phrases, in any case."""
    start = text[:_LOOKED_AT].lower()
    scores: Scores = defaultdict(float)
    for name, phrases in labels.items():
        for phrase in phrases:
            pattern = rf"(?<!\w){re.escape(phrase.lower().strip())}(?!\w)"
            scores[name] += math.sqrt(min(len(re.findall(pattern, start)), _HITS_MAX))
    return _ranked(scores)


def _weigh_feelings(scores: Scores, text: str) -> None:
    """Feelings alone make a complaint or praise; beside a reason to write they say little."""
    feeling = score(text, lexicon()).compound
    if feeling >= _STRONG_FEELING and max(scores.values(), default=0.0) < 1:
        scores["praise"] += 1.2
    elif feeling <= -_STRONG_FEELING:
        scores["complaint"] += 1.0
        scores["praise"] -= 2.0  # "thanks for nothing"
    if scores["complaint"] > 1 and scores["praise"] > 0:
        scores["praise"] -= 2.0
    wishes = [points for name, points in scores.items() if name not in _MERE_FEELINGS]
    if max(wishes, default=0.0) >= _SETTLED:
        scores["praise"] -= 2.0  # "thank you" at the end of a request is manners


def _ranked(scores: Scores) -> tuple[Guess, ...]:
    found = [
        (name, points)
        for name, points in sorted(scores.items(), key=lambda score: -score[1])
        if points > 0
    ]
    total = sum(points for _, points in found) + 1.0
    guesses = tuple(Guess(name, round(points / total, 2)) for name, points in found)
    return guesses or (Guess(OTHER, 0.0),)


@functools.cache
def _patterns() -> tuple[tuple[str, float, Pattern], ...]:
    """Compiled on first use: a server's start has no need of them."""
    return tuple(
        (name, float(weight), compiled("|".join(parts)))
        for (name, weight), parts in sections("intents.txt")
    )
