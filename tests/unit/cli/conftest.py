"""Fixtures: a fake server, and a way to run commands."""

from collections.abc import Callable, Iterator

import click
import pytest
from click.testing import CliRunner, Result
from unit.cli.fake_server import FakeServer

from orchestra.cli.root import orchestra

Run = Callable[..., Result]


@pytest.fixture
def server() -> Iterator[FakeServer]:
    """A server that knows nothing yet."""
    fake = FakeServer()
    yield fake
    fake.close()


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run `orchestra …` in this process; `stdin` is what it can read."""
    monkeypatch.delenv("ORCHESTRA_URL", raising=False)
    monkeypatch.delenv("ORCHESTRA_KEY", raising=False)

    def invoke(*arguments: str, stdin: str | bytes | None = None) -> Result:
        command: click.Command = orchestra
        return CliRunner().invoke(command, arguments, input=stdin, prog_name="orchestra")

    return invoke
