"""What stands in a field, and what it says in JSON: by kind of field. Pure.

Text that cannot be what its kind asks for goes on as text, and the interface says what is wrong.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, cast

import msgspec

from orchestra.dashboard.forms import json_of
from orchestra.errors import BadRequest

Kind = Literal[
    "text", "secret", "moment", "number", "numbers", "flag", "choice", "pick", "some", "words",
    "lines", "pairs", "labels", "names", "json",
]  # fmt: skip
LONG: Final = ("lines", "pairs", "labels", "names", "json")
"""Those with a field of several lines."""
NUMBER_MAX: Final = 1e18
NOT_JSON: Final = "this is not JSON"

Document = dict[str, Any]


def read(kind: Kind, text: str) -> object:
    """None: nothing was typed. Raises ValueError for what we know to be wrong ourselves."""
    if kind == "flag":
        return text == "yes"
    if not text.strip():
        return None
    reader = _READERS.get(kind)
    return reader(text) if reader is not None else text


def number(text: str) -> object:
    """The number of a text such as `8`, `0.05`, `5 %`, `1_000`; else the text."""
    try:
        found = json_of(text)
    except BadRequest:
        digits = text.rstrip("% ").replace("_", "")
        try:
            found = float(digits) / 100 if text.endswith("%") else float(digits)
        except ValueError:
            return text
        if not -NUMBER_MAX < found < NUMBER_MAX:  # also what is no number
            return text
        return int(found) if found == int(found) else found
    return found if isinstance(found, int | float) and not isinstance(found, bool) else text


def labels(text: str) -> Document:
    """`outcome=failed`, one a line; of a label that is there twice either will do."""
    found: dict[str, list[str]] = {}
    for line in _lines(text):
        at = min((place for sign in "=:" if (place := line.find(sign)) >= 0), default=-1)
        label, value = (line[:at], line[at + 1 :]) if at >= 0 else (line, "")
        found.setdefault(label.strip(), []).append(value.strip())
    return {label: many if len(many) > 1 else many[0] for label, many in found.items()}


def many_of(value: object) -> list[object]:
    """Values of a label: it has one, or a list of those that are as good."""
    return cast("list[object]", value) if isinstance(value, list) else [value]


def _json(text: str) -> object:
    try:
        return json_of(text)
    except BadRequest as error:
        raise ValueError(f"{NOT_JSON}: {error.detail}") from None


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _pairs(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in _lines(text):
        name, colon, value = line.partition(":")
        if not colon:
            raise ValueError(f"write name: value, one a line; there is no colon in {line[:40]!r}")
        found[name.strip()] = value.strip()
    return found


def _given(text: str) -> object:
    """A name a line, or JSON for who has more to say."""
    return _json(text) if text.lstrip().startswith(("[", "{")) else _lines(text)


_READERS: Final[Mapping[Kind, Callable[[str], object]]] = {
    "number": lambda text: number(text.strip()),
    "numbers": lambda text: [number(part) for part in text.replace(",", " ").split()],
    "words": lambda text: [part for part in (one.strip() for one in text.split(",")) if part],
    "lines": _lines,
    "some": _lines,
    "pairs": _pairs,
    "labels": labels,
    "names": _given,
    "json": _json,
}


def written(kind: Kind, value: Any) -> str:
    """A value as it stands in a field: what `read` makes of that is the value."""
    if value is None:
        return ""
    match kind:
        case "flag":
            return "yes" if value is True else ""
        case "json":
            return _pretty(value) if value not in ({}, []) else ""
        case "lines" | "some":
            return "\n".join(str(item) for item in value)
        case "words" | "numbers":
            return ", ".join(str(item) for item in value)
        case "pairs":
            return "\n".join(f"{name}: {text}" for name, text in value.items())
        case "labels":
            known = cast("Mapping[str, object]", value)
            return "\n".join(
                f"{name}={one}" for name, many in known.items() for one in many_of(many)
            )
        case "names":
            return _names(value)
        case "number":
            whole = isinstance(value, float) and value.is_integer() and abs(value) < NUMBER_MAX
            return str(int(value) if whole else value)
        case _:
            return str(value)


def _names(items: list[object]) -> str:
    """A name a line where a name is all there is, else JSON."""
    plain = {"input_types": ["any"], "output_types": ["any"]}
    names: list[str] = []
    for item in items:
        one = cast("Document", item) if isinstance(item, dict) else {"name": item}
        if plain | {"name": one.get("name")} != plain | one:
            return _pretty(items)
        names.append(str(one.get("name")))
    return "\n".join(names)


def _pretty(value: object) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
