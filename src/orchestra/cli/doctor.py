"""`orchestra doctor`: whether this machine is fit, and what runs here is well."""

from collections.abc import Iterator
from pathlib import Path

import click
import msgspec
from rich.table import Table
from rich.text import Text

from orchestra import log
from orchestra.cli.client import Client
from orchestra.cli.configuration import configured
from orchestra.cli.doctor_machine import (
    check_data,
    check_fsync,
    check_lock,
    check_packages,
    check_python,
    check_space,
    check_store_binary,
)
from orchestra.cli.doctor_report import Check
from orchestra.cli.doctor_server import check_modules, check_port, check_server
from orchestra.cli.doctor_store import check_store, repair
from orchestra.cli.options import remote
from orchestra.cli.printing import console, plain, print_document
from orchestra.settings import Settings

MARKS = {"ok": ("ok", "green"), "warn": ("warn", "yellow"), "fail": ("FAIL", "bold red")}


@click.command()
@click.option("--data", metavar="DIR", help="The data directory; default: as `orchestra serve`.")
@click.option("--store-url", metavar="URL", help="The store; default: as `orchestra serve`.")
@click.option("--config", type=click.Path(path_type=Path), help="TOML file; else orchestra.toml.")
@click.option("--repair-store", is_flag=True, help="Give up what lies behind damaged data.")
@remote
def doctor(
    client: Client, config: Path | None, repair_store: bool, as_json: bool, **given: str | None
) -> None:
    """Check this machine, its data and its server: one line each, with a remedy.

    It looks at the settings `orchestra serve` would use here. The exit code is 1 if a check failed;
    a warning is no failure.

    --repair-store checks nothing else. It is for a start that was refused because the embedded
    store's file is damaged: everything behind the damage is cut off, and lost. A copy is kept.

    \b
    Examples:
      orchestra doctor
      orchestra doctor --data /var/lib/orchestra --json
      orchestra doctor --url http://10.0.0.5:8000
      orchestra doctor --repair-store --data /var/lib/orchestra
    """
    settings = configured(given, config)
    log.configure(msgspec.structs.replace(settings, log_level="error"))
    if repair_store:
        repair(settings, as_json)
        return
    found: list[Check] = []
    for check in examined(settings, client):
        found.append(check)
        if not as_json:
            tell(check)
    levels = [check.level for check in found]
    verdict = "fail" if "fail" in levels else "warn" if "warn" in levels else "ok"
    if as_json:
        print_document({"verdict": verdict, "checks": [msgspec.to_builtins(one) for one in found]})
    if verdict == "fail":
        raise SystemExit(1)


def examined(settings: Settings, client: Client) -> Iterator[Check]:
    """Every check, in the order in which one explains the next."""
    yield check_python()
    yield check_packages()
    if settings.embedded:
        yield check_store_binary()
        yield check_data(settings.data_path)
        yield check_space(settings.data_path)
        yield check_lock(settings.data_path)
        yield check_fsync(settings.data_path)
    yield check_store(settings)
    server = check_server(client)
    yield check_port(settings, answered=server.level == "ok")
    yield server
    if (modules := check_modules(client)) is not None:
        yield modules


def tell(check: Check) -> None:
    """One line, and the remedy below it."""
    mark, style = MARKS[check.level]
    line = Table.grid(padding=(0, 2, 0, 0))
    line.add_column(width=4)
    line.add_column(width=8)
    line.add_column(overflow="fold")
    line.add_row(Text(mark, style=style), Text(check.name, style="bold"), plain(check.told))
    if check.remedy:
        line.add_row("", "", f"→ {plain(check.remedy)}")
    console().print(line)
