"""Instants as people write them: RFC 3339, with the offset that says what is meant."""

import re
from datetime import datetime
from typing import Final

import msgspec
from msgspec import UNSET

from orchestra.workflows.language.definition import Json
from orchestra.workflows.language.findings import Findings
from orchestra.workflows.language.shapes import Read, wrong_type

PATTERN: Final = (
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?"
    r"([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_WHOLE: Final = re.compile(PATTERN)
_FRACTION: Final = re.compile(r"\.([0-9]+)")


def parsed_instant_ms(text: object) -> int | None:
    """Milliseconds since 1970 of `2027-01-31T09:00:00+01:00`; None when it is no such instant."""
    if type(text) is not str or not _WHOLE.fullmatch(text):
        return None
    short = _FRACTION.sub(lambda found: f".{found[1][:6].ljust(6, '0')}", text.upper())
    try:
        return round(datetime.fromisoformat(short).timestamp() * 1_000)
    except (ValueError, OverflowError):
        return None


class Instant(msgspec.Struct, frozen=True):
    """An RFC 3339 instant. That its day exists is a rule no schema can say."""

    def read(self, value: Json, at: str, found: Findings) -> Read:
        if type(value) is not str:
            return wrong_type("a text", value, at, found)
        if parsed_instant_ms(value) is None:
            text = 'must be an RFC 3339 instant such as "2027-01-31T09:00:00Z"'
            found.error("field.range", at, text)
            return UNSET
        return value

    def schema(self) -> dict[str, Json]:
        return {
            "type": "string",
            "pattern": f"^(?:{PATTERN})$",
            "examples": ["2027-01-31T09:00:00Z"],
        }
