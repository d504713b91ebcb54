"""Which language a text is in, by its script and its commonest words."""

import functools
import re
from collections import defaultdict

import msgspec

from orchestra.connectors.analysis.tables import sections
from orchestra.connectors.analysis.words import words

UNKNOWN = "und"  # ISO 639-2 for a language nobody could tell
_LOOKED_AT = 2_000  # characters
_SCRIPTS = (
    ("ja", re.compile(r"[\u3040-\u30ff]")),
    ("ko", re.compile(r"[\uac00-\ud7af\u1100-\u11ff]")),
    ("zh", re.compile(r"[\u4e00-\u9fff]")),
    ("uk", re.compile(r"[іїєґІЇЄҐ]")),
    ("ru", re.compile(r"[\u0400-\u04ff]")),
    ("el", re.compile(r"[\u0370-\u03ff]")),
    ("he", re.compile(r"[\u0590-\u05ff]")),
    ("ar", re.compile(r"[\u0600-\u06ff]")),
    ("hi", re.compile(r"[\u0900-\u097f]")),
    ("th", re.compile(r"[\u0e00-\u0e7f]")),
)
_SCRIPT_SHARE = 0.2  # a quoted foreign name does not make the text foreign


class Guess(msgspec.Struct, frozen=True):
    """`language` is an ISO 639-1 code, or "und". `confidence` is its share of the evidence."""

    language: str
    confidence: float
    alternatives: tuple[tuple[str, float], ...] = ()


def guess(text: str) -> Guess:
    """The language of the beginning of `text`."""
    start = text[:_LOOKED_AT]
    if not start.isascii() and (script := _by_script(start)):
        return script
    votes: defaultdict[str, float] = defaultdict(float)
    common = _common()
    for word in words(start):
        for language in (claims := common.get(word, ())):
            votes[language] += 2 / (1 + len(claims))  # a word of many languages says less
    if not votes:
        return Guess(UNKNOWN, 0.0)
    if start.isascii():
        votes["en"] += 0.5  # the only one of these languages that never needs an accent
    ranked = sorted(votes.items(), key=lambda vote: -vote[1])[:4]
    rivals = sum(vote for _, vote in ranked[:2]) + 1  # so that one word alone convinces nobody
    return Guess(
        ranked[0][0],
        round(ranked[0][1] / rivals, 2),
        tuple((language, round(vote / rivals, 2)) for language, vote in ranked[1:]),
    )


@functools.cache
def _common() -> dict[str, tuple[str, ...]]:
    """The languages that each common word belongs to."""
    claims: dict[str, tuple[str, ...]] = {}
    for (language,), lines in sections("languages.txt"):
        for word in " ".join(lines).split():
            claims[word] = (*claims.get(word, ()), language)
    return claims


def _by_script(text: str) -> Guess | None:
    letters = sum(character.isalpha() for character in text)
    for language, pattern in _SCRIPTS:
        share = len(pattern.findall(text)) / max(letters, 1)
        if share >= (0.02 if language == "uk" else _SCRIPT_SHARE):
            return Guess(language, round(min(0.5 + share / 2, 0.99), 2))
    return None
