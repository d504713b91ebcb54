"""Source text to tokens, and the values of string and number literals."""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from orchestra.workflows.expressions.failures import Malformed
from orchestra.workflows.expressions.values import INT_MAX, INT_MIN

_TOKEN: Final = re.compile(
    r"""
  (?P<space>[ \t\r\n\f]+|//[^\n]*)
| (?P<number>0[xX][0-9a-fA-F]+[uU]?|(?:[0-9]+\.[0-9]+|\.[0-9]+)(?:[eE][+-]?[0-9]+)?
    |[0-9]+[eE][+-]?[0-9]+|[0-9]+[uU]?)
| (?P<string>[rRbB]{0,2}(?:\"{3}(?:[^\\]|\\.)*?\"{3}|'{3}(?:[^\\]|\\.)*?'{3}
    |"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'))
| (?P<name>[A-Za-z_][A-Za-z0-9_]*)
| (?P<quoted>`[A-Za-z0-9_.\-/ ]+`)
| (?P<symbol>\.\?|\[\?|==|!=|<=|>=|&&|\|\||[-+*/%<>!?:.,()\[\]{}])
""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"} | {
    c: c for c in "\\\"'`?"
}
_CODE_POINT: Final = re.compile(
    r"[xX]([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-3][0-7]{2})"
)
_DIGITS_MAX: Final = 32  # of an integer: 64 bits need 19, the rest is leading zeros


class Token(NamedTuple):
    """One word of the source. `kind`: number, string, name, quoted, symbol or end."""

    kind: str
    text: str
    position: int


def tokens(source: str, start: int = 0, offset: int = 0) -> Iterator[Token]:
    """Tokens from `start` on, read only as far as the caller asks; positions plus `offset`."""
    position = start
    while position < len(source):
        found = _TOKEN.match(source, position)
        if found is None:
            raise _unreadable(source[position], position + offset)
        what = found.lastgroup
        if what != "space":
            yield Token(what or "", found.group(), position + offset)
        position = found.end()
    yield Token("end", "", position + offset)


def _unreadable(character: str, position: int) -> Malformed:
    if character in "\"'`":
        return Malformed(f"the string that {character} begins is not closed", position)
    return Malformed(f"unexpected character {character!r}", position)


def string_value(token: Token) -> str:
    prefix = token.text[: len(token.text) - len(token.text.lstrip("rRbB"))].lower()
    if "b" in prefix:
        raise Malformed("bytes are not part of this profile", token.position)
    quotes = 3 if token.text[len(prefix) :][:3] in ('"""', "'''") else 1
    begin = len(prefix) + quotes
    text = token.text[begin:-quotes]
    return text if "r" in prefix else _unescape(text, token.position + begin)


def _unescape(text: str, position: int) -> str:
    out: list[str] = []
    at = 0
    while (backslash := text.find("\\", at)) >= 0:
        out.append(text[at:backslash])
        escape = text[backslash + 1 : backslash + 2]
        if escape in _ESCAPES:
            out.append(_ESCAPES[escape])
            at = backslash + 2
            continue
        found = _CODE_POINT.match(text, backslash + 1)
        if found is None:
            raise Malformed(f"unknown escape \\{escape}", position + backslash, 2)
        digits = found.group(1) or found.group(2) or found.group(3)
        point = int(digits, 16) if digits else int(found.group(4), 8)
        if point > 0x10FFFF or 0xD800 <= point <= 0xDFFF:
            raise Malformed(
                "not a Unicode character", position + backslash, found.end() - backslash
            )
        out.append(chr(point))
        at = found.end()
    return "".join([*out, text[at:]])


def number_value(token: Token) -> int | float:
    """`token.text` may begin with a minus, so that the smallest integer can be written."""
    text = token.text
    if text[-1] in "uU":
        raise Malformed("unsigned numbers are not part of this profile", token.position, len(text))
    digits = text.lstrip("-")
    if digits.isdigit() or digits[:2] in ("0x", "0X"):
        value = int(text, 0 if "x" in text.lower() else 10) if len(digits) <= _DIGITS_MAX else None
        if value is None or not INT_MIN <= value <= INT_MAX:
            raise Malformed("the number does not fit 64 bits", token.position, len(text))
        return value
    return float(text)
