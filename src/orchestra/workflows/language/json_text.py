"""JSON as it comes in: is it JSON at all, is any key given twice, is it of a size to work with."""

import json
import re
from typing import Final

import msgspec

from orchestra.workflows.language.definition import Json
from orchestra.workflows.language.findings import Findings
from orchestra.workflows.language.kinds import is_list, is_object
from orchestra.workflows.language.positions import range_at, repeated_keys

BYTES_MAX: Final = 1_048_576
DEPTH_MAX: Final = 64
VALUES_MAX: Final = 100_000
_BYTE: Final = re.compile(r"\(byte (\d+)\)")
_decode: Final = msgspec.json.Decoder().decode


def read_text(source: bytes, found: Findings) -> Json:
    """The document in `source`; None when `found` says why it is none."""
    if len(source) > BYTES_MAX:
        found.error("limit.bytes", "", f"a definition may have {BYTES_MAX:,} bytes")
        return None
    try:
        document = _decode(source)
    except RecursionError:
        found.error("json.too_deep", "", f"nested deeper than {DEPTH_MAX}")
    except UnicodeDecodeError as error:
        where = range_at(source, error.start)
        found.error("json.syntax", "", "not UTF-8", range=where)
    except msgspec.DecodeError as error:
        place = _BYTE.search(str(error))
        where = range_at(source, int(place.group(1)) if place else len(source))
        found.error("json.syntax", "", _BYTE.sub("", str(error)).strip(), range=where)
    else:
        if acceptable(document, found):
            _refuse_duplicates(source, found)
            return document
    return None


def acceptable(document: object, found: Findings) -> bool:
    """Whether it is JSON of a depth and size to work with. Needs no stack, whatever it is given."""
    level: list[Json] = [document]
    values = 0
    for _ in range(DEPTH_MAX + 1):
        if not level:
            return True
        values += len(level)
        if values > VALUES_MAX:
            found.error("limit.bytes", "", f"more than {VALUES_MAX:,} values")
            return False
        below: list[Json] = []
        for value in level:
            if is_object(value):
                below += map(_as_key, value)
                below += value.values()
            elif is_list(value):
                below += value
            elif not _is_scalar(value):
                found.error("json.syntax", "", "holds a value that JSON cannot hold here")
                return False
        level = below
    found.error("json.too_deep", "", f"nested deeper than {DEPTH_MAX}")
    return False


def _as_key(key: object) -> object:
    """The key to be looked at as a text; what is no text becomes something JSON cannot hold."""
    return key if type(key) is str else ()


def _is_scalar(value: Json) -> bool:
    if type(value) is str:
        return "\0" not in value and (value.isascii() or _encodes(value))
    if type(value) is float:
        return -1.8e308 < value < 1.8e308
    if type(value) is int:
        return -(2**63) <= value < 2**64
    return value is None or type(value) is bool


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # a lone surrogate
        return False
    return True


def _refuse_duplicates(source: bytes, found: Findings) -> None:
    twice: list[str] = []

    def pairs(items: list[tuple[str, Json]]) -> None:
        if len(dict(items)) != len(items):
            twice.append("")

    json.JSONDecoder(object_pairs_hook=pairs).decode(source.decode())
    if twice:
        for pointer, where in repeated_keys(source):
            found.error("json.duplicate_key", pointer, "this key is given twice", range=where)
