"""What makes two definitions the same: SHA-256 of their canonical JSON (RFC 8785)."""

import hashlib
from collections.abc import Callable
from json import encoder
from typing import Final

from orchestra.workflows.language.definition import Json

type_of: Callable[[object], object] = type
_quoted: Final = encoder.encode_basestring
_PLAIN_DIGITS_MAX: Final = 21
"""With more digits before the point ECMAScript writes an exponent."""


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
    """A double as ECMAScript writes it: the shortest digits that read back as the same double.

    ECMA-262, Number::toString: `point` is where the decimal point stands among the digits.
    """
    mantissa, _, exponent = repr(abs(value)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    every = (whole + fraction).lstrip("0")
    digits = every.rstrip("0")
    point = len(every) - len(fraction) + int(exponent or 0)
    if not digits:
        return "0"
    if len(digits) <= point <= _PLAIN_DIGITS_MAX:
        made = digits + "0" * (point - len(digits))
    elif 0 < point <= _PLAIN_DIGITS_MAX:
        made = f"{digits[:point]}.{digits[point:]}"
    elif -6 < point <= 0:
        made = f"0.{'0' * -point}{digits}"
    else:
        more = f".{digits[1:]}" if len(digits) > 1 else ""
        made = f"{digits[0]}{more}e{'+' if point > 0 else '-'}{abs(point - 1)}"
    return f"-{made}" if value < 0 else made
