"""Live secrets, found wherever a text shows them: as they are, quoted, in a URL, in base64.

Looking for them is on the way of every line of the log: patterns of RE2, each of many values, take
1 µs for a line whatever their number, where a search for each form took 3 ms for 1,000 values.
"""

import json
import re
from base64 import b64encode
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
_GROUP_BYTES: Final = 24_576
"""Of all forms in one pattern: RE2 compiles 1 MiB of them in a second, or refuses to."""
LONG_MAX: Final = 100
"""Values that are too long for a pattern. They are looked for one form after the other."""

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
        self._forms: set[bytes] = set()
        self._bytes = 0
        self.pattern: Any = None

    def add(self, value: str, forms: set[bytes]) -> bool:
        """Whether there was room for it. Nothing is changed when there was none."""
        wanted = self._bytes + sum(map(len, forms))
        if len(self.values) >= _GROUP or (self.values and wanted > _GROUP_BYTES):
            return False
        # The longest first: one may begin with another, and the first that fits is taken.
        together = sorted(self._forms | forms, key=len, reverse=True)
        options = _RE2.Options()
        options.log_errors, options.never_capture = False, True
        self.pattern = _RE2.compile(b"|".join(_RE2.escape(one) for one in together), options)
        self.values.append(value)
        self._forms, self._bytes = self._forms | forms, wanted
        return True

    def shows(self, raw: bytes) -> bool:
        return self.pattern.search(raw) is not None

    def over(self, raw: bytes) -> bytes:
        return cast("bytes", self.pattern.sub(MASK.encode(), raw)) if self.shows(raw) else raw


class _Long:
    """One value that is too long for a pattern. Texts are mostly shorter, and not looked at."""

    def __init__(self, value: str, forms: set[bytes]) -> None:
        self.values = [value]
        self._forms = sorted(forms, key=len, reverse=True)
        self._least = len(self._forms[-1])

    def shows(self, raw: bytes) -> bool:
        return len(raw) >= self._least and any(form in raw for form in self._forms)

    def over(self, raw: bytes) -> bytes:
        for form in self._forms if len(raw) >= self._least else ():
            raw = raw.replace(form, MASK.encode())
        return raw


def _searched(value: str) -> set[bytes]:
    """Its forms, and the same twice more in JSON: in a line of the log, of a text that is JSON."""
    found: set[bytes] = set()
    for form in forms_of(value):
        raw = form.encode("utf-8", errors="replace")
        for _ in range(3):
            found.add(raw)
            raw = msgspec.json.encode(raw.decode())[1:-1]
    return found


class Covered:
    """Values that no line shows, however it came to hold them: live secrets."""

    def __init__(self) -> None:
        self._groups: list[_Group] = []
        self._long: list[_Long] = []
        self._known: set[str] = set()

    def add(self, value: str) -> None:
        """Cover it from now on. Of more than 1,000 the oldest are let go, of long ones of more
        than 100. Safe to repeat.
        """
        if value in self._known:
            return
        forms = _searched(value)
        self._known.add(value)
        if sum(map(len, forms)) > _GROUP_BYTES:
            self._long.append(_Long(value, forms))
            if len(self._long) > LONG_MAX:
                self._known.difference_update(self._long.pop(0).values)
        elif not self._groups or not self._groups[-1].add(value, forms):
            self._groups.append(_Group())
            self._groups[-1].add(value, forms)
        if self._groups and len(self._known) - len(self._long) > COVERED_MAX:
            self._known.difference_update(self._groups.pop(0).values)

    def shows(self, raw: bytes) -> bool:
        """Whether there is one of the values in it, in any form."""
        return any(one.shows(raw) for one in (*self._long, *self._groups))

    def over(self, text: str) -> str:
        """`text` with each of the values covered."""
        raw = text.encode("utf-8", errors="surrogatepass")
        return self._over(raw).decode("utf-8", "surrogatepass") if self.shows(raw) else text

    def _over(self, raw: bytes) -> bytes:
        for one in (*self._long, *self._groups):
            raw = one.over(raw)
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
