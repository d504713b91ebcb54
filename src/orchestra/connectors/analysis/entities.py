"""Names, numbers and dates in a text, with where they stand."""

import functools
import re
from collections.abc import Iterator

import msgspec

from orchestra.connectors.analysis.words import STOP_WORDS, pieces

ENTITIES_MAX = 1_000
_MONTH = (
    r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?"
    r"|Sept?(?:ember)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)"
)
_NUMBER = (
    r"(?:\d{1,4}|an?|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|several|few)"
)
_CURRENCY = r"(?:EUR|USD|GBP|CHF|CAD|AUD|SEK|NOK|DKK|PLN|JPY|INR|euros?|dollars?|pounds?|francs?)"
_SURE = {
    "email": 0.99,
    "url": 0.99,
    "order_id": 0.9,
    "money": 0.95,
    "phone": 0.85,
    "date": 0.95,
    "weekday": 0.99,
    "duration": 0.95,
    "name": 0.6,
}
_NAME_WORD = (
    r"(?:[A-Z]['’])?[A-ZÀ-ÖØ-ÞĀ-Ž][a-zà-öø-ÿā-ž]{1,20}(?:['’-][A-ZÀ-ÖØ-ÞĀ-Ž][a-zà-öø-ÿā-ž]{1,20})?"
)
_PATTERNS = (  # the first kind to claim a span keeps it
    ("email", r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}"),
    ("url", r"\b(?:https?://|www\.)[^\s<>\"']{1,2000}[^\s<>\"'.,;:!?)\]]"),
    (
        "order_id",
        r"\b[A-Z]{2,5}-\d{3,12}\b|(?<!\w)#\s?[A-Z]{0,4}-?\d{3,12}\b"
        r"|(?i:(?<=\border )|(?<=\border number )|(?<=\border no\. )|(?<=\binvoice )"
        r"|(?<=\bticket ))\d{3,12}\b"
        r"|(?i:(?<=\btracking number )|(?<=\btracking code ))(?=\S{0,20}\d)[\w-]{4,30}\b",
    ),
    (
        "money",
        rf"[$€£¥]\s?\d[\d,.]{{0,14}}\d|[$€£¥]\s?\d|\b\d[\d,.]{{0,15}}\s?(?:{_CURRENCY}\b|[€£])",
    ),
    ("date", r"\b\d{4}-\d\d-\d\d\b|\b\d{1,2}[./]\d{1,2}[./](?:\d{4}|\d\d)\b"),
    ("date", rf"\b\d{{1,2}}(?:st|nd|rd|th)?(?: of)?\s{_MONTH}\b(?:,?\s\d{{4}})?"),
    ("date", rf"\b{_MONTH}\s\d{{1,2}}(?:st|nd|rd|th)?\b(?:,?\s\d{{4}}\b)?"),
    (
        "phone",
        r"(?<!\w)\+\d[\d\s()./-]{7,20}\d\b|\(\d{3}\)\s?\d{3}-\d{4}\b|\b(?:\d{3}-)?\d{3}-\d{4}\b",
    ),
    ("weekday", r"\b(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)days?\b"),
    (
        "duration",
        rf"\b{_NUMBER}[\s-](?:(?:business|working|full) )?(?:minute|hour|day|week|month|year)s?\b",
    ),
    (
        "name",
        rf"\b{_NAME_WORD}(?: (?:(?:van|von|de|del|da|di|bin|al|el) )?{_NAME_WORD}){{0,3}}\b",
    ),
)
_SENTENCE_START = re.compile(r"(?:^|[.!?:;…\n¿¡]['\")]?|^[-*•])\s*$")
_SIGNS_OFF = re.compile(
    r"(?:my name is|name'?s|i am|i'm|this is|regards,?|sincerely,?|thanks,?|thank you,?|cheers,?"
    r"|greetings,?|dear|hi|hello|mr\.?|mrs\.?|ms\.?|dr\.?|[-–—])\s*$",
    re.IGNORECASE,
)
_NO_NAME = STOP_WORDS | frozenset(
    "monday tuesday wednesday thursday friday saturday sunday january february march april may "
    "june july august september october november december english german french spanish order "
    "invoice ticket support customer service sir madam best kind great good bad error subject "
    "mr mrs ms dr article hi hello dear regards cheers android windows internet bluetooth visa "
    "paypal mastercard".split()
)


class Entity(msgspec.Struct, frozen=True):
    """`text` is exactly `whole[start:end]`, counted in characters."""

    text: str
    type: str
    start: int
    end: int


def entities(text: str, tongue: str = "en") -> tuple[Entity, ...]:
    """The first `ENTITIES_MAX`, in order of position, never overlapping.

    In German (`tongue` "de") every noun has a capital, so only introduced names are told.
    """
    found: list[Entity] = []
    for offset, piece in pieces(text):
        found += (
            Entity(piece[start:end], kind, offset + start, offset + end)
            for start, end, kind in sorted(_spans(piece, tongue))
        )
        if len(found) >= ENTITIES_MAX:
            break
    return tuple(found[:ENTITIES_MAX])


def confidence(found: tuple[Entity, ...]) -> float:
    """How often spans of these kinds are what they seem; a name is a guess, an address is not."""
    return round(sum(_SURE[entity.type] for entity in found) / len(found), 2) if found else 0.0


def _spans(piece: str, tongue: str) -> Iterator[tuple[int, int, str]]:
    taken = bytearray(len(piece))
    for kind, pattern in _compiled():
        for match in pattern.finditer(piece):
            start, end = _name_span(piece, match, tongue) if kind == "name" else match.span()
            if start < end and not any(taken[start:end]):
                taken[start:end] = b"\x01" * (end - start)
                yield start, end, kind


def _name_span(piece: str, match: re.Match[str], tongue: str) -> tuple[int, int]:
    """The part of a run of capitalised words that can be a name; empty when nothing can.

    At a sentence's start a capital says nothing, except after a greeting or "my name is".
    """
    start = match.start()
    before = piece[max(start - 24, 0) : start]
    introduced = bool(_SIGNS_OFF.search(before))
    if tongue == "de" and not introduced:
        return start, start
    at_start = bool(_SENTENCE_START.search(before)) and not introduced
    names = list(re.finditer(r"\S+", match[0]))
    while names and names[0][0].lower() in _NO_NAME:
        names.pop(0)
        at_start = False
    while names and names[-1][0].lower() in _NO_NAME:
        names.pop()
    if not names or (at_start and len(names) == 1):
        return start, start
    return start + names[0].start(), start + names[-1].end()


@functools.cache
def _compiled() -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple((kind, re.compile(pattern)) for kind, pattern in _PATTERNS)
