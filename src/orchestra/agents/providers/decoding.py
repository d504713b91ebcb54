"""JSON of others: decoded when it has a size and a depth that we take."""

import re
from typing import Any, cast

import msgspec

DEPTH_MAX = 64
VALUES_MAX = 500_000
_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)

_decode = msgspec.json.Decoder().decode


class NotReadable(Exception):
    """It is no JSON, or more of it than we take. The text says which."""


def decoded(body: bytes | str) -> object:
    """The JSON in `body`. Raises NotReadable."""
    if _values(body) > VALUES_MAX and _values(_without_texts(body)) > VALUES_MAX:
        raise NotReadable(f"answered with more than {VALUES_MAX} values")
    try:
        value: object = _decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise NotReadable("answered with something that is not JSON") from None
    if _too_deep(value):
        raise NotReadable(f"answered with JSON nested deeper than {DEPTH_MAX}")
    return value


def _values(body: bytes | str) -> int:
    """At least as many as there are: each but the first stands behind one of these. Counted
    before memory is taken for them.
    """
    if isinstance(body, str):
        return body.count(",") + body.count("[") + body.count("{")
    return body.count(b",") + body.count(b"[") + body.count(b"{")


def _without_texts(body: bytes | str) -> str:
    text = body if isinstance(body, str) else body.decode("latin-1")
    return _TEXT.sub("", text) if '"' in text else text


def _too_deep(value: object) -> bool:
    level: list[Any] = [value]
    for _ in range(DEPTH_MAX):
        below: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                below += cast("dict[str, Any]", item).values()
            elif isinstance(item, list):
                below += cast("list[Any]", item)
        if not below:
            return False
        level = below
    return True
