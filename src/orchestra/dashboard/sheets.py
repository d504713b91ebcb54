"""Forms over documents of the interface: what was typed, as a body; what is wrong, at its field.

The name of an entry is its JSON Pointer without the first slash. So a sheet becomes a body by
nesting, and a finding of the interface finds its entry by its pointer. Pure.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, cast

import msgspec

from orchestra.dashboard import kinds
from orchestra.dashboard.asking import Refused
from orchestra.dashboard.kinds import Kind

Document = dict[str, Any]
Option = str | tuple[str, str]

ABOUT_THE_FORM: Final = (400, 402, 409, 412, 413, 422)
"""What a refusal has to be for the form to be shown again; others are pages of their own."""
NOT_PUBLIC: Final = ": it has to be public, or allowed with --network-allow at the start"
FINDINGS_MAX: Final = 200
"""So many are told at their fields."""
TOLD_MAX: Final = 5
"""And so many at one."""


class Entry(msgspec.Struct, frozen=True):
    """A field of a form. `default`: what stands in it before anybody has written."""

    name: str
    label: str
    kind: Kind = "text"
    hint: str = ""
    options: tuple[Option, ...] = ()
    placeholder: str = ""
    required: bool = False
    suggestions: tuple[str, ...] = ()
    rows: int = 4
    most: int = 2_048
    default: str = ""
    mono: bool = False
    broad: bool | None = None
    """Over all columns; without it as its kind asks for."""

    @property
    def id(self) -> str:
        """What its label refers to."""
        return f"f-{self.name.replace('/', '-')}"

    @property
    def long(self) -> bool:
        """Whether it has several lines."""
        return self.kind in kinds.LONG

    @property
    def wide(self) -> bool:
        """Whether it is as broad as the form."""
        asks = self.long or self.kind in ("pick", "some")
        return asks if self.broad is None else self.broad

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Its options, each with its words."""
        return [(one, one or "default") if isinstance(one, str) else one for one in self.options]

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


class Difference(msgspec.Struct, frozen=True):
    """A field that says something else than what is saved by now."""

    label: str
    theirs: str
    mine: str


class Sheet:
    """A form with what stands in it. `revision`: what its text began with, once it was sent."""

    def __init__(self, groups: Sequence[Group], values: Mapping[str, str] | None = None) -> None:
        self.groups = tuple(groups)
        self.entries = tuple(one for group in self.groups for one in group.entries)
        given = values or {}
        self.values = {one.name: given.get(one.name, "") for one in self.entries}
        self.wrong: dict[str, list[str]] = {}
        self.loose: list[str] = []
        self.code = ""
        """Of the problem, once it was refused."""
        self.revision = ""
        self.overtaken = False
        """Whether somebody else saved another revision meanwhile."""
        self.meanwhile: list[Difference] = []

    @property
    def first(self) -> str:
        """The first field that is wrong: it gets the focus."""
        return next((one.name for one in self.entries if one.name in self.wrong), "")

    def entry(self, name: str) -> Entry:
        """The one of this name."""
        return next(one for one in self.entries if one.name == name)

    def said(self, one: Entry) -> str:
        """What is wrong with it."""
        return "; ".join(self.wrong.get(one.name, ())[:TOLD_MAX])

    @property
    def is_wrong(self) -> bool:
        """Whether anything is known to be."""
        return bool(self.wrong or self.loose or self.overtaken)

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
            one.name in self.wrong
            or (self.values[one.name] != one.default and (one.default or one.kind != "choice"))
            for one in group.entries
        )

    def body(self, before: Document | None = None) -> Document:
        """What it says. As a merge patch of what was `before` it has null for what is empty."""
        found: Document = {}
        for one in self.entries:
            text = self.values[one.name]
            try:
                value = kinds.read(one.kind, text)
            except ValueError as error:
                self.wrong.setdefault(one.name, []).append(str(error))
                continue
            if value is not None or before is not None:
                _put(found, one.parts, _merging(value, within(before, one.parts)))
        return found

    def refuse(self, refused: Refused, below: str = "") -> None:
        """Take over what the interface says is wrong. Raises `refused` if no form can help.

        `below`: where the document of the form stands in what was sent.
        """
        if refused.answer_status not in ABOUT_THE_FORM:
            raise refused
        self.code = refused.code
        if refused.answer_status == 412:
            self.overtaken = True
            return
        findings = cast("Sequence[Document]", refused.document.get("errors") or ())
        for one in findings[:FINDINGS_MAX]:
            self._place(str(one.get("pointer", "")).removeprefix(below), _told(one))
        if not findings:
            self.loose.append(refused.detail)

    def compare(self, now: "Sheet") -> None:
        """Say in which fields what is saved `now` differs from what was typed."""
        self.meanwhile = [
            Difference(one.label, _shown(one, theirs), _shown(one, mine))
            for one in self.entries
            if _meant(one, mine := self.values[one.name])
            != _meant(one, theirs := now.values[one.name])
            and (mine or one.kind != "secret")
        ]

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
    sheet = fresh(groups)
    for one in sheet.entries:
        value = within(document, one.parts)
        if value is not None:
            sheet.values[one.name] = kinds.written(one.kind, value)
    return sheet


def fresh(groups: Sequence[Group], given: Mapping[str, str] | None = None) -> Sheet:
    """A form nobody has sent yet. `given`: what an address fills in."""
    usual = {one.name: one.default for group in groups for one in group.entries}
    return Sheet(groups, usual | {name: text for name, text in (given or {}).items() if text})


def typed(groups: Sequence[Group], given: Mapping[str, str]) -> Sheet:
    """A form as it was sent."""
    sheet = Sheet(groups, given)
    sheet.revision = given.get("revision", "")
    return sheet


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


def _meant(one: Entry, text: str) -> object:
    try:
        return kinds.read(one.kind, text.replace("\r\n", "\n"))
    except ValueError:
        return text


def _shown(one: Entry, text: str) -> str:
    """As people read it; what is secret stays so."""
    if one.kind == "secret":
        return "another one" if text else "as it is"
    if one.kind == "flag":
        return "yes" if text == "yes" else "no"
    return dict(one.pairs).get(text, text)


def _put(into: Document, parts: Sequence[str], value: object) -> None:
    for part in parts[:-1]:
        into = into.setdefault(part, {})
    into[parts[-1]] = value


def _told(finding: Document) -> str:
    suggestion = finding.get("suggestion")
    message = str(finding.get("message", "this is wrong"))
    if finding.get("code") == "destination_not_allowed":
        message += NOT_PUBLIC
    return f"{message} (did you mean {suggestion}?)" if suggestion else message


def _plain(part: str) -> str:
    return part.replace("~1", "/").replace("~0", "~")
