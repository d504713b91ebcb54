"""`orchestra keys`: make, list and revoke API keys, at the store and not through a server."""

from collections.abc import Awaitable, Callable
from functools import partial, wraps
from pathlib import Path
from typing import Any, TypeVar, get_args

import anyio
import click
import msgspec

from orchestra import log
from orchestra.app import key_ring
from orchestra.cli.configuration import configured
from orchestra.cli.options import AS_JSON
from orchestra.cli.printing import console, plain, print_document, table
from orchestra.cli.problems import Failed
from orchestra.errors import OrchestraError
from orchestra.instants import instant
from orchestra.security import Role
from orchestra.security.keys import LIFE_MAX_DAYS, ApiKey, KeyRing, Wish
from orchestra.settings import Settings
from orchestra.store.datadir import DataInUse

T = TypeVar("T")

DATA = click.option("--data", metavar="DIR", help="The data directory; as `orchestra serve`.")
STORE = click.option("--store-url", metavar="URL", help="The store; as `orchestra serve`.")
CONFIG = click.option("--config", type=click.Path(path_type=Path), help="TOML file.")


@click.group()
def keys() -> None:
    """Make, list and revoke API keys.

    They live in the store that the settings name. An embedded store belongs to its server while
    that runs: stop it first.

    \b
    Examples:
      orchestra keys create --name ci --role operator
      orchestra keys list
    """


def at_the_store(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command `--data`, `--store-url` and `--config`: parameter `settings`; and `--json`."""

    @wraps(command)
    def with_settings(
        *args: object, data: str | None, store_url: str | None, config: Path | None, **named: object
    ) -> None:
        settings = configured({"data": data, "store_url": store_url}, config)
        log.configure(msgspec.structs.replace(settings, log_level="warning"))
        command(*args, settings=settings, **named)

    return DATA(STORE(CONFIG(AS_JSON(with_settings))))


@keys.command("create")
@click.option(
    "--name",
    default="key",
    show_default=True,
    help="What it is for; letters, digits, '_', '.', '-'.",
)
@click.option("--role", type=click.Choice(get_args(Role)), default="viewer", show_default=True)
@click.option("--admin", is_flag=True, help="The same as --role platform_admin.")
@click.option("--days", type=click.IntRange(1, LIFE_MAX_DAYS), default=90, show_default=True)
@at_the_store
def create(
    settings: Settings, name: str, role: Role, admin: bool, days: int, as_json: bool
) -> None:
    """Make a key. Its text is shown once, and cannot be had again.

    \b
    Examples:
      orchestra keys create --name ci --role operator --days 30
      orchestra keys create --name root --admin --store-url redis://store:6379
    """
    wish = Wish(name=name, role="platform_admin" if admin else role, days=days)
    key, text = with_ring(settings, lambda ring: ring.create(wish))
    if as_json:
        print_document({**told(key), "key": text})
        return
    click.echo(text)
    click.echo(
        f"{key.id}, {key.role}, until {instant(key.expires_at)[:10]}. Keep it: it is not "
        "shown again.",
        err=True,
    )


@keys.command("list")
@at_the_store
def list_keys(settings: Settings, as_json: bool) -> None:
    """List the keys that still live. Their texts are not kept anywhere.

    \b
    Examples:
      orchestra keys list --json
    """
    found = with_ring(settings, KeyRing.of_tenant)
    if as_json:
        print_document({"items": [told(key) for key in found], "next_cursor": None})
        return
    rows = table("key", "name", "role", "made", "expires", "by")
    for key in found:
        made, expires = instant(key.created_at)[:10], instant(key.expires_at)[:10]
        rows.add_row(key.id, plain(key.name), key.role, made, expires, plain(key.made_by))
    console().print(rows if found else "No keys.")


@keys.command("revoke")
@click.argument("key_id", metavar="KEY")
@at_the_store
def revoke(settings: Settings, key_id: str, as_json: bool) -> None:
    """Revoke a key, by its id. Servers notice within 5 seconds.

    \b
    Examples:
      orchestra keys revoke key_3fR8…
    """
    with_ring(settings, lambda ring: ring.revoke(key_id))
    if as_json:
        print_document({"id": key_id, "revoked": True})
        return
    click.echo(f"Revoked {key_id}.")


def told(key: ApiKey) -> dict[str, Any]:
    """What may be told of a key."""
    return {
        "id": key.id,
        "name": key.name,
        "role": key.role,
        "tenant": key.tenant,
        "kind": key.kind,
        "created_at": instant(key.created_at),
        "expires_at": instant(key.expires_at),
        "made_by": key.made_by,
    }


def with_ring(settings: Settings, action: Callable[[KeyRing], Awaitable[T]]) -> T:
    """What `action` gives, with the key ring of the store. Raises Failed."""
    try:
        return anyio.run(partial(_with_ring, settings, action))
    except DataInUse as in_use:
        remedy = "a server runs on it: stop it first, or work on the store's URL"
        raise Failed(f"{in_use.detail.partition(':')[0]}; {remedy}") from in_use
    except OrchestraError as error:
        raise Failed(error.detail) from error


async def _with_ring(settings: Settings, action: Callable[[KeyRing], Awaitable[T]]) -> T:
    async with key_ring(settings) as ring:
        return await action(ring)
