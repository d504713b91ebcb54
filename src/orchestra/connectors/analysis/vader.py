"""VADER's scorer, equal to vaderSentiment 3.3.2 to 4 decimals, its quirks included.

The rules and constants are Hutto and Gilbert's (2014, see `lexicon.py`). Ours looks every word up
once and works on the rated ones only, so the cost follows the sentiment in a text.
"""

import heapq
import math
import string
from collections.abc import Sequence

import msgspec

from orchestra.connectors.analysis.lexicon import DEGREES, IDIOMS, NEGATIONS, Lexicon

_CAPITALS = 0.733  # the rise in intensity people see in a word in capitals
_NEGATED = -0.74
_FAR = (1.0, 0.95, 0.9)  # what a degree adverb counts for, one, two and three words before
_SPREAD = 15  # roughly the largest sum expected: it scales the compound to -1 .. 1


class Scored(msgspec.Struct, frozen=True):
    """`compound` is -1 to 1. `words` are the tokens, `valences` what each adds to the sum."""

    compound: float
    words: Sequence[str] = ()
    valences: Sequence[float] = ()


def score(text: str, lexicon: Lexicon) -> Scored:
    """Rate `text`. Words are never empty: a text of nothing but spaces has none."""
    plain = _spell_emoji(text, lexicon)
    words = [_bare(token) for token in plain.split()]
    if not words:
        return Scored(0.0)
    sentence = _Sentence(words, lexicon.ratings)
    valences = sentence.valences()
    if "but" in sentence.lower:
        _weigh_around_but(valences, sentence.lower.index("but"))
    total = float(sum(valences))
    if total:
        total += math.copysign(_emphasis(plain), total)
    compound = total / math.sqrt(total * total + _SPREAD)
    return Scored(round(max(-1.0, min(1.0, compound)), 4), words, valences)


def _spell_emoji(text: str, lexicon: Lexicon) -> str:
    if text.isascii():  # no emoji of the table is
        return text.strip()
    spelled: list[str] = []
    after_space = True
    for character in text:
        if name := lexicon.emoji.get(character):
            spelled.append(name if after_space else " " + name)
            after_space = False
        else:
            spelled.append(character)
            after_space = character == " "
    return "".join(spelled).strip()


def _bare(token: str) -> str:
    """`token` without punctuation around it; what is left of an emoticon is too short for that."""
    bare = token.strip(string.punctuation)
    return token if len(bare) <= 2 else bare


def _emphasis(text: str) -> float:
    questions = text.count("?")
    asking = 0.0 if questions < 2 else questions * 0.18 if questions <= 3 else 0.96
    return min(text.count("!"), 4) * 0.292 + asking


def _weigh_around_but(valences: list[float], but: int) -> None:
    """Halve what comes before "but", raise what comes after by half.

    The original looks each value up by its first equal, and so does this, with heaps of positions
    instead of a search: equal words before "but" are halved again for those after it.
    """
    places: dict[float, list[int]] = {}
    for place, valence in enumerate(valences):
        if valence:
            places.setdefault(valence, []).append(place)  # ascending, so already a heap
    for place in range(len(valences)):
        valence = valences[place]
        if not valence or (first := places[valence][0]) == but:
            continue
        heapq.heappop(places[valence])
        changed = valence * (0.5 if first < but else 1.5)
        valences[first] = changed
        heapq.heappush(places.setdefault(changed, []), first)


class _Sentence:
    """The words of one text, looked at from each rated word in turn."""

    def __init__(self, words: Sequence[str], ratings: dict[str, float]) -> None:
        self._words = words
        self._ratings = ratings
        self.lower = [word.lower() for word in words]
        capitals = sum(word.isupper() for word in words)
        self._capitals_stand_out = 0 < capitals < len(words)

    def valences(self) -> list[float]:
        """One number a word: 0 where it carries no sentiment."""
        return [
            0.0 if rating is None else self._valence(place, rating)
            for place, rating in enumerate(map(self._ratings.get, self.lower))
        ]

    def _valence(self, at: int, rating: float) -> float:
        lower = self.lower
        if lower[at] in DEGREES or lower[at : at + 2] == ["kind", "of"]:
            return 0.0
        valence = self._capitals(at, self._after_no(at, rating))
        for near in range(min(at, 3)):
            if lower[at - near - 1] in self._ratings:
                continue
            valence += self._degree(at - near - 1, valence) * _FAR[near]
            valence = self._negation(at, near, valence)
            if near == 2:
                valence = self._idiom(at, valence)
        return valence * _NEGATED if self._is_least(at) else valence

    def _after_no(self, at: int, rating: float) -> float:
        """The rating with "no" seen to: it turns a rated word after it, and then says nothing."""
        lower = self.lower
        near = lower[max(at - 2, 0) : at]
        if "no" in near or (at > 2 and lower[at - 3] == "no" and lower[at - 1] in ("or", "nor")):
            return rating * _NEGATED
        if lower[at] == "no" and at + 1 < len(lower) and lower[at + 1] in self._ratings:
            return 0.0
        return rating

    def _capitals(self, at: int, valence: float) -> float:
        if not (self._capitals_stand_out and self._words[at].isupper()):
            return valence
        return valence + (_CAPITALS if valence > 0 else -_CAPITALS)

    def _degree(self, at: int, valence: float) -> float:
        """What the adverb at `at` adds to a word of this `valence`."""
        degree = DEGREES.get(self.lower[at])
        if degree is None:
            return 0.0
        loud = self._capitals_stand_out and self._words[at].isupper()
        return (-degree if valence < 0 else degree) + (
            0.0 if not loud else _CAPITALS if valence > 0 else -_CAPITALS
        )

    def _negation(self, at: int, near: int, valence: float) -> float:
        lower = self.lower
        word = lower[at - near - 1]
        between = lower[at - near : at]  # what stands between it and the rated word
        if near == 1:
            if word == "never" and between[0] in ("so", "this"):
                return valence * 1.25
        elif near == 2 and (
            (word == "never" and between[0] in ("so", "this")) or between[1] in ("so", "this")
        ):  # the original's "or" binds so: "so" right before the word is enough
            return valence * 1.25
        if word == "without" and "doubt" in between:
            return valence
        return valence * _NEGATED if word in NEGATIONS or "n't" in word else valence

    def _idiom(self, at: int, valence: float) -> float:
        """The valence of an idiom around `at`; it has three words before it."""
        third, second, first, word = self.lower[at - 3 : at + 1]
        before = (f"{third} {second} {first}", f"{third} {second}", f"{second} {first}")
        for phrase in (f"{first} {word}", f"{second} {first} {word}", before[2], *before[:2]):
            if phrase in IDIOMS:
                valence = IDIOMS[phrase]
                break
        for more in (2, 3):
            if at + more <= len(self.lower):
                valence = IDIOMS.get(" ".join(self.lower[at : at + more]), valence)
        return valence + sum(DEGREES.get(phrase, 0.0) for phrase in before)

    def _is_least(self, at: int) -> bool:
        lower = self.lower
        if at == 0 or lower[at - 1] != "least":
            return False
        return at == 1 or lower[at - 2] not in ("at", "very")
