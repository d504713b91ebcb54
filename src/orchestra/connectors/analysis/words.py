"""Sentences, words and pieces of a text: what every other page cuts it into."""

import re
from collections.abc import Iterator

STOP_WORDS = frozenset(
    "a about after again all already also always am an and any are around as ask asks at away "
    "be because been before being both but by came can can't cannot come could did didn't do "
    "does doesn't doing don't done each either else even ever every few for from get gets "
    "getting give go going gone got had has hasn't have haven't having he he's her here hers "
    "him his how however i i'd i'll i'm i've if in instead into is isn't it it's its just last "
    "let like made make makes many may maybe me might mine more most much must my need no nor "
    "not now of off on once one only or other others our out over own paid perhaps please put "
    "quite rather really said same say says see seem she should since so some still such sure "
    "take tell than that that's the their them then there there's these they they're thing "
    "things this those though through to too try trying two under until up upon us use very "
    "want wanted wants was wasn't we we'd we're we've well went were weren't what what's when "
    "where which while who whom whose why will with within without won't would wouldn't yes yet "
    "you you'd you're you've your yours yourself hello hi hey dear regards thanks thank team "
    "sincerely".split()
)
SENTENCES_MAX = 200
_PIECE = 16_384
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_SENTENCE_END = re.compile(r"(?<=[.!?…。！？])[\"')\]]?\s+(?=[^a-z\s])|\n\s*\n|\n(?=\s*[-*•])")
_NO_END = re.compile(r"\b(?:Mr|Mrs|Ms|Dr|Prof|St|No|vs|approx|e\.g|i\.e)\.$", re.IGNORECASE)


def words(text: str) -> list[str]:
    """Every word in lower case, with one kind of apostrophe."""
    return _WORD.findall(text.lower().replace("’", "'"))


def sentences(text: str) -> list[str]:
    """The first `SENTENCES_MAX` sentences: at full stops, blank lines and list marks."""
    found: list[str] = []
    held = ""
    for part in _SENTENCE_END.split(text, SENTENCES_MAX * 2):
        sentence = f"{held} {part.strip()}".strip()
        held = ""
        if _NO_END.search(sentence[-12:]):
            held = sentence
        elif sentence:
            found.append(sentence)
    return [*found, *([held] if held else [])][:SENTENCES_MAX]


def pieces(text: str) -> Iterator[tuple[int, str]]:
    """`text` in pieces of about 16 KiB with their offsets, cut at white space where there is some.

    A pattern that finds nothing holds the interpreter for a whole scan; a piece keeps that short.
    """
    start = 0
    while start < len(text):
        end = min(start + _PIECE, len(text))
        if end < len(text):
            cut = max(text.rfind("\n", start + _PIECE // 2, end), text.rfind(" ", start, end))
            end = cut + 1 if cut > start else end
        yield start, text[start:end]
        start = end
