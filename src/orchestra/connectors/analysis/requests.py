"""Reading a task's input, every finding at once, and writing its output as plain JSON.

A finding's pointer is a JSON Pointer into `input_data`.
"""

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import cast

import msgspec

from orchestra.agents import Reject
from orchestra.errors import Problem

TEXT_MAX_BYTES = 1_048_576
_LABELS_MAX = 100
_PHRASES_MAX = 200
_LIMIT_MAX = 100


class Reading:
    """One input being read: ask for its fields, then `check()`. A wrong field is a finding."""

    def __init__(self, input_data: object) -> None:
        self._findings: list[Problem] = []
        self._fields: Mapping[str, object] = {}
        if isinstance(input_data, Mapping):
            self._fields = cast("Mapping[str, object]", input_data)
        else:
            self._find("", "type", "the input must be an object")

    def check(self) -> None:
        """Raise `Reject` with all findings, if there are any."""
        if self._findings:
            raise Reject("; ".join(found.message for found in self._findings), self._findings)

    def text(self) -> str:
        """`text`: required, a string, at most 1 MiB of UTF-8; it may be empty."""
        value = self._fields.get("text")
        if "text" not in self._fields:
            self._find("/text", "required", "text is required")
        elif not isinstance(value, str):
            self._find("/text", "type", "text must be a string")
        elif utf8_size(value) > TEXT_MAX_BYTES:
            self._find("/text", "too_large", "text must not be longer than 1 MiB")
        else:
            return whole_characters(value)
        return ""

    def data(self) -> object:
        """`data`: required, any JSON value; the text of a table has at most 1 MiB."""
        value = self._fields.get("data")
        if "data" not in self._fields:
            self._find("/data", "required", "data is required")
        elif isinstance(value, str) and utf8_size(value) > TEXT_MAX_BYTES:
            self._find("/data", "too_large", "data as text must not be longer than 1 MiB")
        else:
            return value
        return None

    def choice(self, name: str, choices: Sequence[str], default: str) -> str:
        """A string out of `choices`; `default` when it is absent."""
        value = self._fields.get(name, default)
        if isinstance(value, str) and value in choices:
            return value
        close = get_close_matches(str(value)[:100], choices, n=1)
        message = f"{name} must be one of {', '.join(choices)}"
        self._find(f"/{name}", "enum", message, f"did you mean '{close[0]}'?" if close else None)
        return default

    def limit(self, default: int) -> int:
        """`limit`: how many to tell, 1 to 100."""
        value = self._fields.get("limit", default)
        if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= _LIMIT_MAX:
            return value
        self._find("/limit", "range", f"limit must be a whole number from 1 to {_LIMIT_MAX}")
        return default

    def labels(self) -> dict[str, list[str]] | None:
        """`labels`: the caller's own intents as `{name: [keyword]}`; None when absent."""
        value = self._fields.get("labels")
        if value is None:
            return None
        if not isinstance(value, Mapping) or not 0 < len(cast("Mapping[str, object]", value)) <= (
            _LABELS_MAX
        ):
            self._find("/labels", "type", f"labels must be an object of 1 to {_LABELS_MAX} names")
            return None
        labels: dict[str, list[str]] = {}
        for name, phrases in cast("Mapping[str, object]", value).items():
            labels[name] = list(_phrases(phrases))
            if not labels[name] or len(labels[name]) > _PHRASES_MAX:
                where = name.replace("~", "~0").replace("/", "~1")
                self._find(
                    f"/labels/{where}",
                    "type",
                    f"a label needs 1 to {_PHRASES_MAX} keywords, each a string that is not empty",
                )
        return labels

    def _find(self, pointer: str, code: str, message: str, suggestion: str | None = None) -> None:
        self._findings.append(Problem(pointer, code, message, suggestion))


def plain(answer: object) -> object:
    """`answer` as JSON has it: objects, lists and scalars only. What is not a number is null."""
    return msgspec.json.decode(msgspec.json.encode(answer))


def whole_characters(text: str) -> str:
    """`text` with "?" for every half of a surrogate pair, so that it has a UTF-8 form."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def utf8_size(text: str) -> int:
    """Bytes of `text` as UTF-8; a lone surrogate counts as what replaces it."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))


def _phrases(value: object) -> Iterable[str]:
    """The keywords of one label; none when any of them is unusable."""
    if not isinstance(value, Sequence) or isinstance(value, str | bytes):
        return []
    phrases = [phrase for phrase in cast("Sequence[object]", value) if isinstance(phrase, str)]
    usable = len(phrases) == len(cast("Sequence[object]", value))
    return phrases if usable and all(phrase.strip() for phrase in phrases) else []
