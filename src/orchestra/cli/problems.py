"""What can go wrong between the command line and a server, and how it is told.

`--json` prints the problem document itself on standard output, so that a program always finds
one document there; people get sentences on standard error. Either way the exit code is 1.
"""

import json
import re
import sys
from typing import IO, Any

import click
import msgspec

from orchestra.cli.shapes import Finding, ProblemDocument, members

# What a terminal would obey: agents choose their words.
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f]")


class Failed(click.ClickException):
    """It was understood and did not work: exit code 1."""

    exit_code = 1

    def __init__(self, message: str) -> None:
        super().__init__(message)
        # Now: when it is shown, click has left the command's context.
        context = click.get_current_context(silent=True)
        self.as_json = context is not None and bool(context.params.get("as_json"))

    def show(self, file: IO[Any] | None = None) -> None:
        """As JSON when the command was given `--json`, else as sentences."""
        if self.as_json:
            sys.stdout.write(json.dumps(self.document(), ensure_ascii=False) + "\n")
            return
        for line in self.lines():
            click.echo(line, err=True)

    def lines(self) -> list[str]:
        """The sentences, the first one beginning with `Error: `."""
        return [click.style("Error: ", fg="red", bold=True) + self.message]

    def document(self) -> object:
        """The same for programs: a problem document."""
        return {"type": "about:blank", "title": self.message, "code": "failed"}


class Unreachable(Failed):
    """No answer, or not one of ours."""

    def __init__(self, message: str, refused: bool = False) -> None:
        super().__init__(message)
        self.refused = refused

    def lines(self) -> list[str]:
        """With what to do about it."""
        if self.refused:
            hint = "Start a server with `orchestra serve`, or name another with --url URL"
        else:
            hint = "Check --url (or ORCHESTRA_URL), and see `orchestra doctor`"
        return [*super().lines(), f"  {hint}."]

    def document(self) -> object:
        """The same for programs."""
        return {"type": "about:blank", "title": self.message, "code": "unreachable"}


class Refused(Failed):
    """The server said no, with a problem document."""

    def __init__(self, problem: ProblemDocument, body: bytes) -> None:
        super().__init__(problem.detail or problem.title)
        self.problem, self.body = problem, body

    def lines(self) -> list[str]:
        """Detail, each finding with its place and its fix, and what would be possible."""
        problem = self.problem
        code = f" ({problem.status} {problem.code})" if problem.code else f" ({problem.status})"
        lines = [super().lines()[0] + click.style(code, dim=True)]
        lines += [line for finding in problem.errors for line in finding_lines(finding)]
        lines += [line for attempt in problem.attempts for line in attempt_lines(attempt)]
        if problem.known:
            lines.append(f"  known: {', '.join(problem.known)}")
        if problem.allowed:
            lines.append(f"  possible now: {', '.join(problem.allowed)}")
        if problem.retry_after_ms is not None:
            wait_s = problem.retry_after_ms / 1_000
            lines.append(
                f"  try again in {wait_s:.2g} s"
                if wait_s < 10
                else f"  try again in {wait_s:.0f} s"
            )
        elif problem.status in (401, 403):
            lines.append("  give a key with --key KEY, or in ORCHESTRA_KEY")
        if problem.status >= 500 and problem.instance:
            lines.append(f"  the server's log knows it as {problem.instance.rsplit('/', 1)[-1]}")
        return lines

    def document(self) -> object:
        """The problem document as it came."""
        try:
            return msgspec.json.decode(self.body)
        except msgspec.DecodeError:
            return msgspec.to_builtins(self.problem)


def finding_lines(finding: Finding) -> list[str]:
    """A finding without its text at hand: where, what, and the fix."""
    lines = [f"  {finding.pointer or '/'}  {finding.message}  [{finding.code}]"]
    if finding.suggestion:
        lines.append(f"    did you mean {finding.suggestion!r}?")
    return lines


def attempt_lines(attempt: Any) -> list[str]:
    """One call to an agent that did not end well."""
    call, error = members(attempt), members(members(attempt).get("error"))
    if not error:
        return []
    text = f"try {call.get('n')}, {call.get('agent')}: {error.get('message')} [{error.get('code')}]"
    return ["  " + _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)]
