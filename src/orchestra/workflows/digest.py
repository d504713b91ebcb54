"""What makes two definitions the same: SHA-256 of their canonical JSON (RFC 8785)."""

import hashlib
from collections.abc import Callable
from json import encoder
from typing import Final

from orchestra.workflows.definition import Json

type_of: Callable[[object], object] = type
_quoted: Final = encoder.encode_basestring
_LARGEST_PLAIN: Final = 1e21
"""From here on ECMAScript writes numbers with an exponent (ECMA-262, Number::toString)."""


def digest(document: Json) -> str:
    """Hexadecimal SHA-256 of the canonical JSON of `document`."""
    return hashlib.sha256(canonical(document)).hexdigest()


def canonical(value: Json) -> bytes:
    """`value` by RFC 8785: keys by UTF-16 code units, numbers as ECMAScript writes them.

    One difference: whole numbers beyond 2**53 keep all their digits, as they do in our store.
    """
    parts: list[str] = []
    _write(value, parts)
    return "".join(parts).encode()


def _write(value: Json, parts: list[str]) -> None:
    kind = type_of(value)
    if kind is str:
        parts.append(_quoted(value))
    elif kind is dict:
        _write_object(value, parts)
    elif kind is list:
        parts.append("[")
        for index, item in enumerate(value):
            if index:
                parts.append(",")
            _write(item, parts)
        parts.append("]")
    elif value is None:
        parts.append("null")
    elif kind is bool:
        parts.append("true" if value else "false")
    else:
        parts.append(str(value) if kind is int else number(value))


def _write_object(value: dict[str, Json], parts: list[str]) -> None:
    opening = "{"
    for key in _sorted(value):
        parts += (opening, _quoted(key), ":")
        _write(value[key], parts)
        opening = ","
    parts.append("}" if value else "{}")


def _sorted(keys: dict[str, Json]) -> list[str]:
    if all(key.isascii() for key in keys):
        return sorted(keys)
    return sorted(keys, key=lambda key: key.encode("utf-16-be"))


def number(value: float) -> str:
    """A double as ECMAScript writes it: the shortest digits that read back as the same double."""
    if value.is_integer() and abs(value) < _LARGEST_PLAIN:
        return str(int(value))
    digits, _, exponent = repr(value).partition("e")
    if not exponent:
        return digits
    power = int(exponent)
    if -7 < power < 0:  # ECMAScript writes these in full, Python only down to 1e-4.
        sign, plain = ("-", digits[1:]) if digits.startswith("-") else ("", digits)
        return f"{sign}0.{'0' * (-power - 1)}{plain.replace('.', '')}"
    digits = digits.removesuffix(".0")
    return f"{digits}e{'+' if power > 0 else '-'}{abs(power)}"
