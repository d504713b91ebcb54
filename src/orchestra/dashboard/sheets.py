"""Forms over documents of the interface: what was typed, as a body; what is wrong, at its field.

The name of an entry is its JSON Pointer without the first slash. So a sheet becomes a body by
nesting, and a finding of the interface finds its entry by its pointer. Pure.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal, cast

import msgspec

from orchestra.dashboard.asking import Refused
from orchestra.dashboard.forms import json_of
from orchestra.errors import BadRequest

Kind = Literal[
    "text", "number", "choice", "flag", "json", "lines", "pairs", "numbers", "names", "secret"
]
Document = dict[str, Any]

ABOUT_THE_FORM: Final = (400, 402, 409, 412, 413, 422)
"""What a refusal has to be for the form to be shown again; others are pages of their own."""
NOT_PUBLIC: Final = ": it has to be public, or allowed with --network-allow at the start"
NOT_JSON: Final = "this is not JSON"


class Entry(msgspec.Struct, frozen=True):
    """A field of a form."""

    name: str
    label: str
    kind: Kind = "text"
    hint: str = ""
    options: tuple[str, ...] = ()
    placeholder: str = ""
    required: bool = False
    suggestions: tuple[str, ...] = ()
    rows: int = 4
    most: int = 2_048

    @property
    def id(self) -> str:
        """What its label refers to."""
        return f"f-{self.name.replace('/', '-')}"

    @property
    def parts(self) -> list[str]:
        """The way to it in a document."""
        return self.name.split("/")


class Group(msgspec.Struct, frozen=True):
    """Entries that belong together. `folded`: most people leave them as they are."""

    title: str
    entries: tuple[Entry, ...]
    folded: bool = False
    told: str = ""


class Sheet:
    """A form with what stands in it."""

    def __init__(self, groups: Sequence[Group], values: Mapping[str, str] | None = None) -> None:
        self.groups = tuple(groups)
        self.entries = tuple(one for group in self.groups for one in group.entries)
        given = values or {}
        self.values = {one.name: given.get(one.name, "") for one in self.entries}
        self.wrong: dict[str, list[str]] = {}
        self.loose: list[str] = []

    @property
    def first(self) -> str:
        """The first field that is wrong: it gets the focus."""
        return next((one.name for one in self.entries if one.name in self.wrong), "")

    @property
    def is_wrong(self) -> bool:
        """Whether anything is known to be."""
        return bool(self.wrong or self.loose)

    def findings(self) -> list[tuple[str, str, str]]:
        """All that is wrong: the id of the field, its label, what."""
        labels = {one.name: one for one in self.entries}
        return [
            (labels[name].id, labels[name].label, message)
            for name, messages in self.wrong.items()
            for message in messages
        ]

    def opened(self, group: Group) -> bool:
        """Whether a folded group has to be seen: somebody wrote in it, or it is wrong."""
        return any(
            one.name in self.wrong or (self.values[one.name] and one.kind != "choice")
            for one in group.entries
        )

    def body(self, before: Document | None = None) -> Document:
        """What it says. As a merge patch of what was `before` it has null for what is empty."""
        found: Document = {}
        for one in self.entries:
            text = self.values[one.name]
            try:
                value = _read(one, text)
            except ValueError as error:
                self.wrong.setdefault(one.name, []).append(str(error))
                continue
            if value is not None or before is not None:
                _put(found, one.parts, _merging(value, within(before, one.parts)))
        return found

    def refuse(self, refused: Refused) -> None:
        """Take over what the interface says is wrong. Raises `refused` if no form can help."""
        if refused.answer_status not in ABOUT_THE_FORM:
            raise refused
        findings = cast("Sequence[Document]", refused.document.get("errors") or ())
        for one in findings:
            self._place(str(one.get("pointer", "")), _told(one))
        if not findings:
            self.loose.append(refused.detail)

    def _place(self, pointer: str, message: str) -> None:
        parts = [_plain(part) for part in pointer.strip("/").split("/") if part]
        for length in range(len(parts), 0, -1):
            name = "/".join(parts[:length])
            if name in self.values:
                rest = "/".join(parts[length:])
                self.wrong.setdefault(name, []).append(f"{rest}: {message}" if rest else message)
                return
        inner = next((n for n in self.values if parts and n.split("/")[: len(parts)] == parts), "")
        if inner:
            self.wrong.setdefault(inner, []).append(message)
        else:
            self.loose.append(f"{'/'.join(parts)}: {message}" if parts else message)


def filled(groups: Sequence[Group], document: Mapping[str, Any]) -> Sheet:
    """A form that shows what a document says."""
    sheet = Sheet(groups)
    for one in sheet.entries:
        sheet.values[one.name] = _written(one, within(document, one.parts))
    return sheet


def typed(groups: Sequence[Group], given: Mapping[str, str]) -> Sheet:
    """A form as it was sent."""
    return Sheet(groups, given)


def named(sheet: Sheet, names: Iterable[str]) -> list[Entry]:
    """Some of its entries."""
    wanted = set(names)
    return [one for one in sheet.entries if one.name in wanted]


def within(document: object, parts: Iterable[str]) -> Any:
    """What stands there; None for nothing."""
    for part in parts:
        document = cast("Document", document).get(part) if isinstance(document, dict) else None
    return document


def _merging(value: Any, before: Any) -> object:
    """As a merge patch says it: members that are gone are null."""
    if not isinstance(value, dict) or not isinstance(before, dict):
        return value  # pyright: ignore[reportUnknownVariableType]  # any JSON
    old, new = cast("Document", before), cast("Document", value)
    gone = {name: None for name in old if name not in new}
    return gone | {name: _merging(inner, old.get(name)) for name, inner in new.items()}


def _put(into: Document, parts: Sequence[str], value: object) -> None:
    for part in parts[:-1]:
        into = into.setdefault(part, {})
    into[parts[-1]] = value


def _read(one: Entry, text: str) -> object:
    """None: nothing was typed. Raises ValueError for what we know to be wrong ourselves."""
    if one.kind == "flag":
        return text == "yes"
    if not text.strip():
        return None
    match one.kind:
        case "number":
            return _number(text.strip())
        case "json":
            return _json(text)
        case "lines":
            return _lines(text)
        case "numbers":
            return [_number(part) for part in text.replace(",", " ").split()]
        case "pairs":
            return _pairs(text)
        case "names":
            return _json(text) if text.lstrip().startswith(("[", "{")) else _lines(text)
        case _:
            return text


def _number(text: str) -> object:
    """As JSON has it; what is no number goes on as text, and the interface says so."""
    try:
        value = json_of(text)
    except BadRequest:
        return text
    return value if isinstance(value, int | float) and not isinstance(value, bool) else text


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


def _written(one: Entry, value: object) -> str:
    if value is None:
        return ""
    match one.kind:
        case "flag":
            return "yes" if value is True else ""
        case "json":
            return _pretty(value) if value not in ({}, []) else ""
        case "lines" | "numbers":
            join = "\n" if one.kind == "lines" else ", "
            return join.join(str(item) for item in cast("list[object]", value))
        case "pairs":
            pairs = cast("Mapping[str, object]", value)
            return "\n".join(f"{name}: {text}" for name, text in pairs.items())
        case "names":
            return _names(cast("list[object]", value))
        case "number":
            return f"{value:g}" if isinstance(value, float) else str(value)
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


def _told(finding: Document) -> str:
    suggestion = finding.get("suggestion")
    message = str(finding.get("message", "this is wrong"))
    if finding.get("code") == "destination_not_allowed":
        message += NOT_PUBLIC
    return f"{message} (did you mean {suggestion}?)" if suggestion else message


def _plain(part: str) -> str:
    return part.replace("~1", "/").replace("~0", "~")
