"""How hard a text is to read, by Flesch (1948) and Kincaid (1975), made for English."""

import re

import msgspec

from orchestra.connectors.analysis.words import sentences, words

_LOOKED_AT = 100_000  # characters
_VOWELS = re.compile(r"[aeiouyàâäéèêëïîôöùûüáíóúãõåæøœ]+")
_LEVELS = (
    (90, "very easy"),
    (80, "easy"),
    (70, "fairly easy"),
    (60, "standard"),
    (50, "fairly difficult"),
    (30, "difficult"),
)


class Readability(msgspec.Struct, frozen=True):
    """`reading_ease` falls with difficulty (60 to 70 is plain English); `grade` is a US one."""

    reading_ease: float
    grade: float
    level: str
    words: int
    sentences: int
    syllables: int
    words_per_sentence: float
    syllables_per_word: float
    reading_time_s: int


def readability(text: str) -> Readability:
    """Of the beginning of `text`; all zero, level "empty", without a word."""
    start = text[:_LOOKED_AT]
    every = words(start)
    if not every:
        return Readability(0.0, 0.0, "empty", 0, 0, 0, 0.0, 0.0, 0)
    count = max(len(sentences(start)), 1)
    syllables = sum(map(_syllables, every))
    length, weight = len(every) / count, syllables / len(every)
    ease = round(206.835 - 1.015 * length - 84.6 * weight, 1)
    return Readability(
        reading_ease=ease,
        grade=round(0.39 * length + 11.8 * weight - 15.59, 1),
        level=next((level for least, level in _LEVELS if ease >= least), "very difficult"),
        words=len(every),
        sentences=count,
        syllables=syllables,
        words_per_sentence=round(length, 1),
        syllables_per_word=round(weight, 2),
        reading_time_s=round(len(every) * 60 / 230),  # 230 words a minute, silently
    )


def _syllables(word: str) -> int:
    groups = len(_VOWELS.findall(word))
    if word.endswith("e") and not word.endswith(("le", "ee")) and groups > 1:
        groups -= 1
    if word.endswith("ed") and not word.endswith(("ted", "ded")) and groups > 1:
        groups -= 1
    return max(groups, 1)
