"""Settings for commands: what is wrong with them is a usage error, exit code 2."""

from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import click

from orchestra.errors import Problem
from orchestra.settings import Settings, SettingsInvalid, load


class Misconfigured(click.ClickException):
    """The settings cannot be used; every reason is shown."""

    exit_code = 2

    def __init__(self, invalid: SettingsInvalid) -> None:
        super().__init__("the configuration cannot be used")
        self._findings = [one for one in invalid.findings if isinstance(one, Problem)]

    def show(self, file: IO[Any] | None = None) -> None:
        """One line a reason, on standard error."""
        click.echo(click.style("Error: ", fg="red", bold=True) + self.message, err=True)
        for finding in self._findings:
            hint = f" (did you mean {finding.suggestion}?)" if finding.suggestion else ""
            click.echo(f"  {finding.pointer}: {finding.message}{hint}", err=True)


def configured(options: Mapping[str, object] | None = None, file: Path | None = None) -> Settings:
    """The settings of this process. Raises Misconfigured."""
    try:
        return load(options, file=file)
    except SettingsInvalid as invalid:
        raise Misconfigured(invalid) from invalid
