"""Options that many commands share, and what they become."""

import functools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import msgspec

from orchestra.cli.client import Client
from orchestra.cli.problems import Failed
from orchestra.settings import load_client

AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
URL = click.option("--url", metavar="URL", help="The server; also ORCHESTRA_URL.")
KEY = click.option("--key", metavar="KEY", help="API key; also ORCHESTRA_KEY.")


def remote(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command `--url`, `--key` and `--json`: parameters `client` and `as_json`.

    Goes nearest to the function, below its own options.
    """

    @functools.wraps(command)
    def with_client(*args: object, url: str | None, key: str | None, **named: object) -> None:
        command(*args, client=connect(url, key), **named)

    return URL(KEY(AS_JSON(with_client)))


def connect(url: str | None, key: str | None) -> Client:
    """A client of the server that the options or the settings name."""
    settings = load_client()
    return Client(url or settings.url, key or settings.key)


def text_of(source: str) -> str:
    """What is in the file `source`; `-` is standard input. Raises Failed when it is no text."""
    return bytes_of(source).decode("utf-8", errors="replace")


def bytes_of(source: str) -> bytes:
    """The bytes in the file `source`; `-` is standard input."""
    if source == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(source).read_bytes()
    except OSError as error:
        raise Failed(f"{source}: {error.strerror or 'cannot be read'}") from error


def json_of(given: str | None, option: str) -> Any:
    """The value of an option that takes any JSON, `@file` or `@-`; None when not given."""
    if given is None:
        return None
    text = bytes_of(given[1:]) if given.startswith("@") else given.encode()
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise click.BadParameter(f"not JSON: {error}", param_hint=option) from error


def json_object_of(given: str | None, option: str) -> dict[str, Any]:
    """The value of an option that takes a JSON object, `@file` or `@-`; `{}` when not given."""
    if given is None:
        return {}
    text = bytes_of(given[1:]) if given.startswith("@") else given.encode()
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.ValidationError as error:
        raise click.BadParameter("must be a JSON object", param_hint=option) from error
    except msgspec.DecodeError as error:
        raise click.BadParameter(f"not JSON: {error}", param_hint=option) from error
