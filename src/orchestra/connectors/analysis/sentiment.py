"""How a text sounds: negative, neutral or positive, how surely, and by which words."""

import math
from typing import Literal

import msgspec

from orchestra.connectors.analysis import language, vader
from orchestra.connectors.analysis.lexicon import lexicon

Label = Literal["negative", "neutral", "positive"]
_LABELS: tuple[Label, ...] = ("negative", "neutral", "positive")
_NEUTRAL = 0.05  # VADER's own border of a neutral compound
# Fitted on 4,200 rated tweets; in-sample within 0.11 above 0.7, over-confident on long reviews.
# That is why probabilities are told in tenths.
_STEEPNESS = 5.25
_HIGHLIGHTS_MAX = 8
_FOREIGN = 0.5  # surely enough another language than the lexicon's


class Highlight(msgspec.Struct, frozen=True):
    """A word and what it adds, after negation, degree and "but" around it."""

    text: str
    score: float


class Sentiment(msgspec.Struct, frozen=True, omit_defaults=True):
    """`score` is -1 to 1 (VADER's compound); `confidence` is the probability of `sentiment`."""

    sentiment: Label
    score: float
    confidence: float
    probabilities: dict[Label, float]
    highlights: tuple[Highlight, ...]
    method: str
    language: str
    note: str | None = None


def sentiment(text: str) -> Sentiment:
    """Rate `text`. Without a word to go by the answer is neutral, with confidence 0."""
    guess = language.guess(text)
    if guess.language not in ("en", language.UNKNOWN) and guess.confidence >= _FOREIGN:
        note = f"the lexicon is English and the text seems to be '{guess.language}': not rated"
        return _answer(vader.Scored(0.0), guess.language, note)
    return _answer(vader.score(text, lexicon()), guess.language)


def probabilities(compound: float) -> dict[Label, float]:
    """Softmax over the distances from VADER's borders, in tenths that sum to one."""
    powers = [
        math.exp(-_STEEPNESS * (compound + _NEUTRAL)),
        1.0,
        math.exp(_STEEPNESS * (compound - _NEUTRAL)),
    ]
    exact = [10 * power / sum(powers) for power in powers]
    tenths = [int(share) for share in exact]
    by_rest = sorted(range(3), key=lambda place: tenths[place] - exact[place])
    for place in by_rest[: 10 - sum(tenths)]:
        tenths[place] += 1
    return {label: tenth / 10 for label, tenth in zip(_LABELS, tenths, strict=True)}


def _answer(scored: vader.Scored, tongue: str, note: str | None = None) -> Sentiment:
    compound = scored.compound
    label: Label = "neutral"
    if abs(compound) >= _NEUTRAL:
        label = "positive" if compound > 0 else "negative"
    shares = probabilities(compound)
    return Sentiment(
        sentiment=label,
        score=compound,
        confidence=shares[label] if scored.words else 0.0,
        probabilities=shares,
        highlights=_highlights(scored),
        method="lexicon",
        language=tongue,
        note=note,
    )


def _highlights(scored: vader.Scored) -> tuple[Highlight, ...]:
    strongest: dict[str, Highlight] = {}
    for word, valence in zip(scored.words, scored.valences, strict=True):
        known = strongest.get(word.lower())
        if valence and (known is None or abs(valence) > abs(known.score)):
            strongest[word.lower()] = Highlight(word[:64], round(valence, 4))
    ranked = sorted(strongest.values(), key=lambda highlight: -abs(highlight.score))
    return tuple(ranked[:_HIGHLIGHTS_MAX])
