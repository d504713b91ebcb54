"""A JSON value as a tree that is opened bit by bit: never more than a page can hold. Pure."""

import base64
import binascii
import re
from collections.abc import Sequence
from typing import Any, Final, cast

import msgspec

CHILDREN: Final = 200
INSIDE: Final = 50
"""Of what stands inside."""
NODES_MAX: Final = 160
"""So many are open at first."""
DEPTH_OPEN: Final = 3
TEXT_SHOWN: Final = 600
TEXT_MAX: Final = 16 * 1024
KEY_MAX: Final = 120
_BINARY_MIN: Final = 200
_BASE64: Final = re.compile(r"[A-Za-z0-9+/\-_\r\n]++={0,2}+\s*+")
_HEX: Final = re.compile(r"[0-9a-fA-F]+")
_DATA: Final = re.compile(r"data:([\w.+/-]{1,80})?;base64,")
_MAGIC: Final = (
    (b"\x89PNG", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"GIF8", "image/gif"),
    (b"%PDF", "application/pdf"), (b"PK\x03\x04", "application/zip"), (b"\x1f\x8b", "gzip"),
    (b"RIFF", "image/webp or audio"), (b"OggS", "audio/ogg"), (b"ID3", "audio/mpeg"),
)  # fmt: skip


class Branch(msgspec.Struct):
    """A value in the tree. `shut`: what is inside is fetched when it is opened; `more`: from where
    on children are left.
    """

    key: str
    kind: str
    pointer: str
    text: str = ""
    count: int = 0
    children: list["Branch"] = []
    more: int | None = None
    shut: bool = False


class _Budget:
    __slots__ = ("left",)

    def __init__(self, left: int) -> None:
        self.left = left


def tree(value: object, pointer: str = "", start: int = 0) -> Branch:
    """The tree of a value, from a child on. `pointer`: where the value itself stands."""
    key = pointer.rpartition("/")[2].replace("~1", "/").replace("~0", "~")
    return _branch(value, (key[:KEY_MAX], pointer), start, 0, _Budget(NODES_MAX))


def _branch(
    value: object, place: tuple[str, str], start: int, depth: int, budget: _Budget
) -> Branch:
    key, pointer = place
    budget.left -= 1
    if not isinstance(value, dict | list):
        kind, text = _leaf(value, whole=depth == 0)
        size = len(cast("str", value)) if kind == "long" else 0
        return Branch(key, kind, pointer, text, size, shut=kind == "long")
    items = _items(cast("Any", value))
    kind = "object" if isinstance(value, dict) else "list"
    made = Branch(key, kind, pointer, count=len(items))
    if items and depth and (depth >= DEPTH_OPEN or budget.left < min(len(items), 20)):
        made.shut = True
        return made
    room = CHILDREN if depth == 0 else max(20, min(INSIDE, budget.left))
    shown = items[start : start + room]
    made.children = [
        _branch(child, (name[:KEY_MAX], f"{pointer}/{_escaped(name)}"), 0, depth + 1, budget)
        for name, child in shown
    ]
    made.more = start + len(shown) if start + len(shown) < len(items) else None
    return made


def _items(value: dict[str, object] | list[object]) -> Sequence[tuple[str, object]]:
    if isinstance(value, dict):
        return list(value.items())
    return [(str(i), child) for i, child in enumerate(value)]


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def _leaf(value: object, *, whole: bool) -> tuple[str, str]:
    """Its kind, and what is shown of it."""
    if isinstance(value, str):
        told = binary(value)
        if told is not None:
            return "binary", told
        most = TEXT_MAX if whole else TEXT_SHOWN
        return ("text", value) if len(value) <= most else ("long", value[:most])
    if value is None:
        return "null", "null"
    if isinstance(value, bool):
        return "flag", str(value).lower()
    return "number", msgspec.json.encode(value).decode()


def binary(text: str) -> str | None:
    """Type and size of what is written in base64; None of any other text."""
    if len(text) < _BINARY_MIN:
        return None
    found = _DATA.match(text[:120])
    rest = text[found.end() :] if found else text
    if not _BASE64.fullmatch(rest) or (not found and _HEX.fullmatch(rest[:400])):
        return None
    try:
        head = base64.b64decode(rest[:64].translate(_URL_SAFE), validate=True)
    except (ValueError, binascii.Error):
        return None
    kind = found[1] if found and found[1] else None
    kind = kind or next((name for mark, name in _MAGIC if head.startswith(mark)), None)
    if kind is None and (rest.isalpha() and (rest.islower() or rest.isupper())):
        return None  # one long word
    size = len(rest.rstrip("=\r\n")) * 3 // 4
    return f"base64, {kind or 'binary'}, {size:,} bytes"


_URL_SAFE: Final = str.maketrans("-_", "+/")


def at(value: object, pointer: str) -> object:
    """What stands at a JSON pointer. Raises LookupError."""
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict):
            value = cast("dict[str, object]", value)[name]
        elif isinstance(value, list) and name.isascii() and name.isdigit() and len(name) < 10:
            value = cast("list[object]", value)[int(name)]
        else:
            raise LookupError(name)
    return value
