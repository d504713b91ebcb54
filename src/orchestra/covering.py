"""Live secrets, found wherever a text shows them: as they are, quoted, in a URL, in base64.

Looking for them is on the way of every line of the log: patterns of RE2, each of many values, take
1 µs for a line whatever their number, where a search for each form took 3 ms for 1,000 values.
"""

import json
import re
from base64 import b64encode
from collections.abc import Iterator
from typing import Any, Final, cast
from urllib.parse import quote, quote_plus

import msgspec

# google-re2 ships neither stubs nor annotations: what it returns is typed here, at the border.
import re2  # pyright: ignore[reportMissingTypeStubs]

_RE2: Final[Any] = re2

MASK: Final = "***"
COVERED_MAX: Final = 1_000
FORM_MIN: Final = 8
"""Shorter pieces are not looked for: they would be found everywhere."""
_GROUP: Final = 25
"""Values in one pattern: one that holds many more takes RE2 milliseconds instead."""

_ESCAPE = re.compile("%[0-9A-F]{2}")
_URL_SAFE = str.maketrans("+/", "-_")


def forms_of(value: str) -> set[str]:
    """A value as echoes show it: plain, in JSON that is quoted as text, in a URL, in base64.

    What base64 makes of it depends on what stands before it: the middle of each of the three.
    """
    raw = value.encode("utf-8", errors="surrogatepass")
    quoted = quote(raw, safe="")
    found = {value, json.dumps(value, ensure_ascii=False)[1:-1], json.dumps(value)[1:-1]}
    found |= {quoted, quote_plus(raw), quote(raw), _ESCAPE.sub(_lowered, quoted), repr(value)[1:-1]}
    for before in range(3):
        text = b64encode(b"\0" * before + raw).decode()
        whole = (len(raw) + before) // 3 * 4
        middle = text[(0, 2, 3)[before] : whole]
        if len(middle) >= FORM_MIN:
            found |= {middle, middle.translate(_URL_SAFE)}
    return found


def _lowered(escape: re.Match[str]) -> str:
    return escape[0].lower()


class _Group:
    """Some values, all forms of which are one pattern."""

    def __init__(self) -> None:
        self.values: list[str] = []
        self.pattern: Any = None

    def add(self, value: str) -> None:
        self.values.append(value)
        # The longest first: one may begin with another, and the first that fits is taken.
        forms = sorted({form for one in self.values for form in _searched(one)}, key=len)
        options = _RE2.Options()
        options.log_errors, options.never_capture = False, True
        text = b"|".join(_RE2.escape(form) for form in reversed(forms))
        self.pattern = _RE2.compile(text, options)


def _searched(value: str) -> Iterator[bytes]:
    """Its forms, and the same twice more in JSON: in a line of the log, of a text that is JSON."""
    for form in forms_of(value):
        raw = form.encode("utf-8", errors="replace")
        for _ in range(3):
            yield raw
            raw = msgspec.json.encode(raw.decode())[1:-1]


class Covered:
    """Values that no line shows, however it came to hold them: live secrets."""

    def __init__(self) -> None:
        self._groups: list[_Group] = []
        self._known: set[str] = set()

    def add(self, value: str) -> None:
        """Cover it from now on. Of more than 1,000 the oldest are let go. Safe to repeat."""
        if value in self._known:
            return
        if not self._groups or len(self._groups[-1].values) >= _GROUP:
            self._groups.append(_Group())
        self._known.add(value)
        self._groups[-1].add(value)
        if len(self._known) > COVERED_MAX:
            self._known.difference_update(self._groups.pop(0).values)

    def shows(self, raw: bytes) -> bool:
        """Whether there is one of the values in it, in any form."""
        return any(group.pattern.search(raw) for group in self._groups)

    def over(self, text: str) -> str:
        """`text` with each of the values covered."""
        raw = text.encode("utf-8", errors="surrogatepass")
        return self._over(raw).decode("utf-8", "surrogatepass") if self.shows(raw) else text

    def _over(self, raw: bytes) -> bytes:
        for group in self._groups:
            if group.pattern.search(raw):
                raw = cast("bytes", group.pattern.sub(MASK.encode(), raw))
        return raw

    def over_line(self, line: bytes) -> bytes:
        """A line of JSON, covered: in its texts, so that it stays JSON whatever the values are."""
        if not self.shows(line):
            return line
        return msgspec.json.encode(self.over_json(msgspec.json.decode(line)))

    def over_json(self, value: object) -> object:
        """The same for JSON that is decoded. The names and the time of a line stay as they are."""
        match value:
            case str():
                return self.over(value)
            case dict():
                members = cast("dict[str, object]", value)
                return {
                    self.over(name): inner if name in _KEPT else self.over_json(inner)
                    for name, inner in members.items()
                }
            case list():
                return [self.over_json(inner) for inner in cast("list[object]", value)]
            case _:
                return value


_KEPT: Final = frozenset({"ts", "level"})
