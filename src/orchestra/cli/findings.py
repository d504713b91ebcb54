"""Findings about a definition, for people: place, excerpt, caret, fix."""

from collections.abc import Sequence

import click

from orchestra.cli.printing import plain
from orchestra.cli.problems import Failed, Refused
from orchestra.cli.shapes import Finding

COLOURS = {"error": "red", "warning": "yellow", "note": "cyan"}
EXCERPT_WIDTH = 100


class NotSaved(Refused):
    """A definition was refused; its findings are shown in its text."""

    def __init__(self, refused: Refused, text: str, name: str) -> None:
        super().__init__(refused.problem, refused.body)
        self._text, self._name = text, name

    def lines(self) -> list[str]:
        """The findings with their excerpts, and the verdict."""
        told = [
            line
            for finding in self.problem.errors
            for line in [*described(finding, self._text.splitlines(), self._name), ""]
        ]
        return [*told, *Failed.lines(self)]


def print_findings(findings: Sequence[Finding], text: str, name: str) -> None:
    """Each finding with the line it is about; `name` stands for the file, `text` is all of it."""
    lines = text.splitlines()
    for finding in findings:
        for line in described(finding, lines, name):
            click.echo(line)
        click.echo()


def described(finding: Finding, lines: Sequence[str], name: str) -> list[str]:
    """The lines that tell of one finding, the first one as compilers write it."""
    place = finding.range or {}
    line, column = place.get("line", 0), place.get("column", 0)
    where = f"{name}:{line}:{column}" if line else name
    severity = click.style(finding.severity, fg=COLOURS.get(finding.severity), bold=True)
    told = [f"{where}: {severity}: {plain(finding.message)} [{finding.code}]"]
    if finding.pointer:
        told.append(f"  at {plain(finding.pointer)}")
    if 1 <= line <= len(lines):
        ends = place.get("end_column", 0) if place.get("end_line", line) == line else 0
        told += excerpt(lines[line - 1], line, column, ends)
    if finding.suggestion:
        told.append(f"  did you mean {click.style(plain(finding.suggestion), bold=True)}?")
    return told


def excerpt(source: str, line: int, column: int, end_column: int) -> list[str]:
    """A line of a file with carets below columns `column` to `end_column` (from 1, exclusive).

    Of a long line only the part around the place is shown. Tabs become spaces, so that the carets
    stand where they should.
    """
    shown = plain(source.replace("\t", " "))
    column, end_column = characters(source, column), characters(source, end_column)
    start = max(0, column - 1 - EXCERPT_WIDTH // 2) if len(shown) > EXCERPT_WIDTH else 0
    window = shown[start : start + EXCERPT_WIDTH]
    at = max(0, column - 1 - start)
    carets = max(1, min(end_column - column, len(window) - at))
    gutter = f"{line:>5} | "
    return [
        f"{gutter}{window}",
        f"{'':>5} | {' ' * at}{click.style('^' * carets, fg='red', bold=True)}",
    ]


def characters(source: str, column: int) -> int:
    """A column in UTF-16 units, as editors count, as one in characters."""
    if source.isascii():
        return column
    units = source.encode("utf-16-le")[: 2 * max(0, column - 1)]
    return len(units.decode("utf-16-le", errors="replace")) + 1


def summary(findings: Sequence[Finding]) -> str:
    """How many of each severity: `1 error, 2 notes`; `no findings`."""
    counted = [
        (sum(finding.severity == severity for finding in findings), severity)
        for severity in COLOURS
    ]
    said = [f"{n} {severity}{'s' if n > 1 else ''}" for n, severity in counted if n]
    return ", ".join(said) or "no findings"
