"""Where each part of a JSON text stands: JSON Pointer to line and column.

Reads text that has been decoded before, so it need not judge it. One pass, and only the positions
asked for are kept.
"""

import bisect
import json
import re
from collections.abc import Collection
from typing import Final

import msgspec

_TOKEN: Final = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\]]|[^\s{}\[\]:,"]+', re.DOTALL)


_DEPTH_MAX: Final = 128
"""Deeper parts have no place: pointers to them would fill the memory."""


class Range(msgspec.Struct, frozen=True):
    """A stretch of text. Lines and columns count from 1, columns in UTF-16 units as editors do.

    The end is exclusive.
    """

    line: int
    column: int
    end_line: int
    end_column: int


Span = tuple[int, int]


class _Open(msgspec.Struct):
    """An object or list that is being read; `name` is the key or index of its present value."""

    pointer: str
    start: int
    key: Span | None
    is_object: bool
    name: str = ""
    name_at: Span | None = None
    index: int = -1
    names: set[str] = set()

    def note_key(self, twice: list[tuple[str, Span]]) -> None:
        """Add the present key to `twice` when the object has it already."""
        assert self.name_at is not None
        if self.name in self.names:
            twice.append((f"{self.pointer}/{escaped(self.name)}", self.name_at))
        self.names.add(self.name)


def escaped(key: str) -> str:
    """`key` as one part of a JSON Pointer (RFC 6901, section 3)."""
    return key.replace("~", "~0").replace("/", "~1")


def ranges(source: bytes, wanted: Collection[str]) -> dict[str, tuple[Range | None, Range]]:
    """Ranges of (key, value) of each pointer; for what is not there, of the nearest part around."""
    text = source.decode(errors="replace")
    spans = _spans(text, _with_parents(wanted))
    lines = _line_starts(text)
    made: dict[str, tuple[Range | None, Range]] = {}
    for pointer in wanted:
        at = pointer
        while at and at not in spans:
            at = at.rpartition("/")[0]
        if at in spans:
            key, value = spans[at]
            shown = _range(text, lines, key) if key and at == pointer else None
            made[pointer] = (shown, _range(text, lines, value))
    return made


def spans(text: str, wanted: Collection[str]) -> dict[str, Span]:
    """Where in `text` the value of each pointer begins and ends; what is not there is left out."""
    return {pointer: value for pointer, (_, value) in _spans(text, set(wanted)).items()}


def repeated_keys(source: bytes) -> list[tuple[str, Range]]:
    """(JSON Pointer, range of the key) of every key that its object has already."""
    text = source.decode(errors="replace")
    twice: list[tuple[str, Span]] = []
    _spans(text, set(), twice)
    lines = _line_starts(text)
    return [(pointer, _range(text, lines, span)) for pointer, span in twice]


def range_at(source: bytes, offset: int) -> Range:
    """The one character at byte `offset`."""
    text = source.decode(errors="replace")
    at = min(len(source[:offset].decode(errors="replace")), len(text))
    lines = _line_starts(text)
    return _range(text, lines, (at, min(at + 1, len(text))))


def _with_parents(wanted: Collection[str]) -> set[str]:
    found = set(wanted)
    for pointer in wanted:
        at = pointer
        while at:
            at = at.rpartition("/")[0]
            found.add(at)
    return found


def _line_starts(text: str) -> list[int]:
    return [0, *(found.end() for found in re.finditer("\n", text))]


def _range(text: str, lines: list[int], span: Span) -> Range:
    return Range(*_place(text, lines, span[0]), *_place(text, lines, span[1]))


def _place(text: str, lines: list[int], at: int) -> tuple[int, int]:
    line = bisect.bisect_right(lines, at) - 1
    before = text[lines[line] : at]
    units = len(before) if before.isascii() else len(before.encode("utf-16-le")) // 2
    return line + 1, units + 1


def _spans(
    text: str, wanted: set[str], twice: list[tuple[str, Span]] | None = None
) -> dict[str, tuple[Span | None, Span]]:
    spans: dict[str, tuple[Span | None, Span]] = {}
    stack: list[_Open] = []
    for found in _TOKEN.finditer(text):
        mark, span = found.group(), found.span()
        top = stack[-1] if stack else None
        if mark in "}]":
            if top is None:
                break
            stack.pop()
            if top.pointer in wanted:
                spans[top.pointer] = (top.key, (top.start, span[1]))
        elif top is not None and top.is_object and top.name_at is None:
            top.name = _named(mark)
            top.name_at = span
            if twice is not None:
                top.note_key(twice)
        else:
            pointer, key = _begun(top)
            if len(stack) > _DEPTH_MAX:
                break
            if mark in "{[":
                stack.append(_Open(pointer, span[0], key, mark == "{"))
            elif pointer in wanted:
                spans[pointer] = (key, span)
    return spans


def _named(key: str) -> str:
    """A key as it is called; of one that nobody can read, what is written."""
    if "\\" in key:
        try:
            return json.loads(key)
        except ValueError:
            pass
    return key[1:-1]


def _begun(top: _Open | None) -> tuple[str, Span | None]:
    """Pointer and key of the value that begins here; the next one in an object needs a key."""
    if top is None:
        return "", None
    if top.is_object:
        key, top.name_at = top.name_at, None
        return f"{top.pointer}/{escaped(top.name)}", key
    top.index += 1
    return f"{top.pointer}/{top.index}", None
