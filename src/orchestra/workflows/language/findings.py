"""Findings: what is wrong or doubtful in a document, each at its place, all of them at once."""

import difflib
import itertools
from collections.abc import Callable, Iterable, Mapping
from typing import Final, Literal

import msgspec

from orchestra.workflows.language.definition import Json
from orchestra.workflows.language.positions import Range, ranges

FINDINGS_MAX: Final = 200
NAMES_MAX: Final = 500

Severity = Literal["error", "warning", "note"]
_ON_VALUES: Final = ("replace", "remove")
_ON_THE_KEY: Final = ("field.unknown", "field.unsupported", "field.moved", "field.alias")


class Finding(msgspec.Struct, frozen=True, omit_defaults=True):
    """One finding. `pointer` is a JSON Pointer into the document as it was sent.

    `fix` is a JSON Patch that repairs it; `related` are pointers of other places it is about.
    """

    code: str
    severity: Severity
    pointer: str
    message: str
    suggestion: str | None = None
    fix: list[dict[str, Json]] | None = None
    related: tuple[str, ...] = ()
    range: Range | None = None


class Findings:
    """Collects findings, at most 200: errors are never crowded out by notes.

    Pointers are given in terms of the normalised document; `moved` says where a part of it stands
    in the document that was sent.
    """

    def __init__(self) -> None:
        self.steps_seen = 0
        self.moved: dict[str, str] = {}
        self._errors: list[tuple[int, Finding]] = []
        self._others: list[tuple[int, Finding]] = []
        self._lookups = 0
        self._given: set[tuple[str, str, str]] = set()

    @property
    def failed(self) -> bool:
        """True once there is an error."""
        return bool(self._errors)

    def error(self, code: str, at: str, message: str, **more: object) -> None:
        """Add an error. `more`: other fields of Finding, and `nearest`: names to suggest from."""
        self._add(self._errors, "error", (code, at, message), more)

    def warning(self, code: str, at: str, message: str, **more: object) -> None:
        """Add a warning: it can be saved, and somebody should look."""
        self._add(self._others, "warning", (code, at, message), more)

    def note(self, code: str, at: str, message: str, **more: object) -> None:
        """Add a note: how something was understood."""
        self._add(self._others, "note", (code, at, message), more)

    def _add(
        self,
        kept: list[tuple[int, Finding]],
        severity: Severity,
        what: tuple[str, str, str],
        more: dict[str, object],
    ) -> None:
        if len(kept) >= FINDINGS_MAX or what in self._given:
            return
        self._given.add(what)
        order = len(self._errors) + len(self._others)
        made = {"code": what[0], "severity": severity, "pointer": what[1], "message": what[2]}
        kept.append((order, msgspec.convert({**made, **more}, Finding)))

    def all(self, source: bytes | None = None) -> tuple[Finding, ...]:
        """Everything found, in the order it was found; with ranges when there is a `source`."""
        room = FINDINGS_MAX - len(self._errors)
        others = sorted(self._others, key=lambda pair: (pair[1].severity == "note", pair[0]))
        chosen = sorted([*self._errors, *others[:room]], key=lambda pair: pair[0])
        found = [self._as_sent(finding) for _, finding in chosen]
        return tuple(_located(found, source) if source is not None else found)

    def _as_sent(self, finding: Finding) -> Finding:
        if not self.moved:
            return finding
        fix = finding.fix and [_patched(self.origin, change) for change in finding.fix]
        related = tuple(self.origin(pointer) for pointer in finding.related)
        pointer = self.origin(finding.pointer)
        return msgspec.structs.replace(finding, pointer=pointer, fix=fix, related=related)

    def nearest(self, name: str, names: Iterable[str]) -> str | None:
        """The one of `names` that `name` was probably meant to be; None when none is close.

        Looks at 500 names and is asked 200 times at most: a comparison costs about a microsecond
        for each, and documents have many mistakes.
        """
        self._lookups += 1
        if self._lookups > FINDINGS_MAX:
            return None
        known = list(itertools.islice(names, NAMES_MAX))
        folded = {_folded(known_name): known_name for known_name in reversed(known)}
        same = folded.get(_folded(name))
        if same is not None and same != name:
            return same
        close = difflib.get_close_matches(name[:128], known, 1)
        return close[0] if close else None

    def origin(self, pointer: str) -> str:
        """Where the part of the normalised document at `pointer` stands in what was sent."""
        head = pointer
        while head:
            if head in self.moved:
                return self.moved[head] + pointer[len(head) :]
            head = head.rpartition("/")[0]
        return pointer


def _patched(origin: Callable[[str], str], change: Mapping[str, Json]) -> dict[str, Json]:
    return (
        {**change, "path": origin(change["path"])} if change["op"] in _ON_VALUES else dict(change)
    )


def _located(found: Iterable[Finding], source: bytes) -> list[Finding]:
    found = list(found)
    if not found:
        return found
    places = ranges(source, {finding.pointer for finding in found})
    made: list[Finding] = []
    for finding in found:
        place = places.get(finding.pointer)
        if place is not None and finding.range is None:
            key, value = place
            marked = key if key is not None and finding.code in _ON_THE_KEY else value
            finding = msgspec.structs.replace(finding, range=marked)  # noqa: PLW2901
        made.append(finding)
    return made


def _folded(name: str) -> str:
    return name.lower().replace("-", "_")
