"""Matching: which lines of a chunk a query means, without looking at most of them.

Of the texts that every such line must have the longest is looked for in the whole chunk at once;
only lines that have it are looked at by themselves, and decoded only for members.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, TypeAlias, cast

import msgspec

from orchestra.monitoring.logs.chunks import Header, hashes
from orchestra.monitoring.logs.language import Level, Member, Op, Pattern, Term, Text, compiled
from orchestra.monitoring.logs.lines import AT, KNOWN_NAMES, LEVEL_AT, RANKS, id_token, token

Check: TypeAlias = Callable[[bytes], bool]
Finder: TypeAlias = Callable[[bytes, int], int]
"""Where the next place is that may belong to a line that matches; -1: nowhere."""

_COMPARE: Final[dict[Op, Callable[[Any, Any], bool]]] = {
    ":": lambda a, b: a == b,
    ">=": lambda a, b: a >= b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    "<": lambda a, b: a < b,
}
_PLAIN_VALUE = re.compile(r"(?:true|false|null|[-\d{\[].*)?", re.DOTALL)
_PER_LINE = re.compile(r"\\[AzZ]|\(\?[a-zA-Z]*-")
_SMALL = re.compile(r"[a-z]")
_decode = msgspec.json.Decoder(dict[str, Any]).decode


class Matcher:
    """A query, ready to be asked."""

    def __init__(self, terms: Sequence[Term]) -> None:
        self._ranks = frozenset(rank for rank in range(4) if _allowed(terms, rank))
        self._tokens = tuple(hashes(one) for one in _tokens(terms))
        texts = [term for term in terms if isinstance(term, Text)]
        members = [term for term in terms if isinstance(term, Member)]
        patterns = [term for term in terms if isinstance(term, Pattern)]
        self._anchor = _anchor(texts, members)
        self._whole = next((_over_many(one) for one in patterns if not one.negated), None)
        checks: list[Check] = []
        if len(self._ranks) < 4:
            letters = frozenset(letter for letter, rank in RANKS.items() if rank in self._ranks)
            checks.append(lambda line: line[LEVEL_AT] in letters)
        checks += [_text(term) for term in texts]
        checks += [_pattern(term) for term in patterns]
        if members:
            checks.append(_members(members))
        self._checks = tuple(checks)

    def may_be_in(self, header: Header) -> bool:
        """Whether a chunk is worth looking through."""
        return any(header.levels[rank] for rank in self._ranks) and header.may_have(self._tokens)

    def found(self, lines: bytes, since: bytes = b"", until: bytes = b"~") -> list[bytes]:
        """The lines that match, with their time from `since` up to before `until`."""
        checks = self._checks
        return [
            line
            for line in self._candidates(lines)
            if since <= line[AT] < until and all(check(line) for check in checks)
        ]

    def fits(self, line: bytes) -> bool:
        """Whether one line matches."""
        return all(check(line) for check in self._checks)

    def _candidates(self, lines: bytes) -> Iterator[bytes]:
        if self._anchor is not None:
            needle, small = self._anchor
            return _around(lines, (lines.lower() if small else lines).find, needle)
        if self._whole is not None:
            return _matched(lines, self._whole)
        return iter(lines.split(b"\n") if lines else ())


def _around(lines: bytes, find: Callable[[bytes, int], int], needle: bytes) -> Iterator[bytes]:
    at = find(needle, 0)
    while at >= 0:
        start, end = lines.rfind(b"\n", 0, at) + 1, lines.find(b"\n", at)
        if end < 0:
            yield lines[start:]
            return
        yield lines[start:end]
        at = find(needle, end)


def _matched(lines: bytes, pattern: Any) -> Iterator[bytes]:
    found = pattern.search(lines, 0)
    while found:
        at = cast("int", found.start())
        start, end = lines.rfind(b"\n", 0, at) + 1, lines.find(b"\n", at)
        if end < 0:
            yield lines[start:]
            return
        yield lines[start:end]
        found = pattern.search(lines, end + 1)


def _over_many(term: Pattern) -> Any:
    """The pattern for a whole chunk; None where only a line by itself says whether it matches."""
    return None if _PER_LINE.search(term.pattern) else compiled(term.pattern, lines=True)


def _allowed(terms: Sequence[Term], rank: int) -> bool:
    return all(
        _COMPARE[term.op](rank, term.rank) != term.negated
        for term in terms
        if isinstance(term, Level)
    )


def _tokens(terms: Sequence[Term]) -> Iterator[bytes]:
    """What the filter of a chunk must know, for one of its lines to match."""
    for term in terms:
        if term.negated:
            continue
        if isinstance(term, Text):
            text = term.text
        elif isinstance(term, Member) and term.op == ":" and not term.begins:
            text = term.value or ""
            if ".".join(term.path) in KNOWN_NAMES and not _PLAIN_VALUE.fullmatch(text):
                yield token(term.path[0], _escaped(text))
        else:
            continue
        if (known := id_token(text.encode("utf-8", "replace"))) is not None:
            yield known


def _anchor(texts: Sequence[Text], members: Sequence[Member]) -> tuple[bytes, bool] | None:
    """The longest text that must be in a line, and whether in any case."""
    found = [_needles(term.text) for term in texts if not term.negated]
    usable = [(forms[0], small) for forms, small in found if len(forms) == 1]
    usable += [
        (_member_needle(term), False) for term in members if not term.negated and term.op == ":"
    ]
    return max(usable, key=lambda one: len(one[0]), default=None)


def _member_needle(term: Member) -> bytes:
    """What a line with that member holds: numbers are without quotes, texts have them."""
    name = msgspec.json.encode(term.path[-1])
    plain = term.value is None or _PLAIN_VALUE.fullmatch(term.value)
    if plain or (term.begins and (term.value or "")[:1] in "tfn"):
        return name + b":"
    assert term.value is not None
    value = _escaped(term.value)
    return name + b':"' + value + (b"" if term.begins else b'"')


def _needles(text: str) -> tuple[tuple[bytes, ...], bool]:
    """A text as lines may show it, and whether in any case: when none of it is in capitals."""
    letters = _SMALL.search(text) and id_token(text.encode("utf-8", "replace")) is None
    small = bool(letters) and text.lower() == text
    raw, escaped = text.encode("utf-8", "replace"), _escaped(text)
    if small:
        raw, escaped = raw.lower(), escaped.lower()
    return ((raw,) if raw == escaped else (escaped, raw)), small


def _escaped(text: str) -> bytes:
    return msgspec.json.encode(text.encode("utf-8", "replace").decode())[1:-1]


def _text(term: Text) -> Check:
    (needles, small), wanted = _needles(term.text), not term.negated
    if small:
        return lambda line: any(one in line.lower() for one in needles) == wanted
    return lambda line: any(one in line for one in needles) == wanted


def _pattern(term: Pattern) -> Check:
    search, wanted = compiled(term.pattern).search, not term.negated
    return lambda line: (search(line) is not None) == wanted


def _members(members: Sequence[Member]) -> Check:
    def check(line: bytes) -> bool:
        decoded = _decode(line)
        return all(_has(decoded, member) != member.negated for member in members)

    return check


def _has(line: dict[str, Any], member: Member) -> bool:
    value: Any = line
    for name in member.path:
        if not isinstance(value, dict) or name not in value:
            return False
        value = cast("dict[str, Any]", value)[name]
    if member.value is None:
        return True
    if member.op != ":" and member.path != ("ts",):
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return number and _COMPARE[member.op](value, float(member.value))
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    if member.begins:
        return text.startswith(member.value)
    return _COMPARE[member.op](text, member.value)
