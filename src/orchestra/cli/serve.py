"""`orchestra serve`: the server in the foreground. Its options are the settings."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import click

from orchestra.cli import lean
from orchestra.cli.configuration import configured
from orchestra.cli.setting_table import Setting, describe

# The command line of httpx, and tracebacks in colour of structlog: a sixth of a start.
UNSEEN: Final = ("httpx._main", "rich")


def with_settings(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command one option for each setting, in the order of `describe`."""
    for setting in reversed(describe()):
        command = option_of(setting)(command)
    return command


def option_of(setting: Setting) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """The option of a setting. What was not given is None: then the other sources decide."""
    told = setting.help + (f" Default: {setting.default}." if setting.default else "")
    if setting.kind == "true|false":
        names = f"{setting.option}/--no-{setting.option[2:]}"
        return click.option(names, setting.name, default=None, help=setting.help)
    metavar = setting.kind if "|" in setting.kind else setting.kind.upper()
    return click.option(setting.option, setting.name, metavar=metavar, help=told)


@click.command()
@click.option("--config", type=click.Path(path_type=Path), help="TOML file; else orchestra.toml.")
@with_settings
def serve(config: Path | None, **given: object) -> None:
    """Start the server, in the foreground; Ctrl-C or SIGTERM stops it in order.

    Without --store-url it starts a Valkey server of its own on the data directory. Every option is
    also a variable (ORCHESTRA_PORT) and a line of the TOML file (port = 8000); an option wins over
    a variable, a variable over the file.

    \b
    Examples:
      orchestra serve
      orchestra serve --port 9000 --data /var/lib/orchestra
      orchestra serve --store-url redis://store:6379/0 --host 0.0.0.0
      orchestra serve --store-url redis://store:6379/0 --modules agents
    """
    settings = configured(given, config)
    lean.imported("orchestra.server", without=UNSEEN).serve(settings)
