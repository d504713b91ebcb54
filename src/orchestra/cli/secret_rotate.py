"""`orchestra secret rotate`: another master key, at the store and not through a server."""

import secrets
from functools import partial
from pathlib import Path

import anyio
import click

from orchestra.app import Ports, store_options
from orchestra.cli.keys import at_the_store
from orchestra.cli.printing import print_document
from orchestra.cli.problems import Failed
from orchestra.errors import OrchestraError
from orchestra.security.first_key import pepper_of
from orchestra.security.master_key import FILE, master_key_in, master_key_of, write_new
from orchestra.security.rotation import rotate as rotate_keys
from orchestra.security.secrets import Secrets
from orchestra.settings import Settings
from orchestra.store.datadir import DataInUse
from orchestra.store.opening import open_store


@click.command("rotate")
@click.option(
    "--new-key-file", metavar="FILE", help="File with the new master key: 32 bytes or more."
)
@at_the_store
def rotate(settings: Settings, new_key_file: str | None, as_json: bool) -> None:
    """Let a new master key take over. Secrets and API keys stay as they are.

    With an embedded store the server has to be stopped; the new key is made here and replaces
    master.key. Elsewhere FILE holds the new key, and the settings name the old one: afterwards
    every server needs the new file at its next start. Running ones go on until then.

    \b
    Examples:
      orchestra secret rotate --data .orchestra
      orchestra secret rotate --store-url redis://store:6379/0 --new-key-file new.key
    """
    try:
        count = anyio.run(partial(rotated, settings, new_key_file))
    except DataInUse as in_use:
        raise Failed(
            f"{in_use.detail.partition(':')[0]}; a server runs on it: stop it first"
        ) from in_use
    except OrchestraError as error:
        raise Failed(error.detail) from error
    if as_json:
        print_document({"rotated": True, "data_keys": count})
        return
    click.echo(
        f"Done: {count} data {'key is' if count == 1 else 'keys are'} under the new master key."
    )
    if new_key_file is not None:
        click.echo(f"Start every server with ORCHESTRA_MASTER_KEY_FILE={new_key_file} from now on.")


async def rotated(settings: Settings, new_key_file: str | None) -> int:
    """All of it; how many data keys were wrapped anew."""
    own = settings.embedded and settings.master_key_file is None
    if own == (new_key_file is not None):
        raise Failed(
            "the embedded store makes its own key: leave out --new-key-file"
            if own
            else "name the new key with --new-key-file"
        )
    ports = Ports.of_the_machine()
    async with open_store(store_options(settings), ports.clock, ports.chance) as store:
        old = master_key_of(settings)
        if old is None:
            raise Failed("name the present key with ORCHESTRA_MASTER_KEY_FILE")
        await Secrets(store, ports.clock, ports.ids, lambda: old).check_master_key()
        place = settings.data_path / f"{FILE}.new"
        new = master_key_in(Path(new_key_file)) if new_key_file else made(place)
        count = await rotate_keys(store, old, new, await pepper_of(settings, store))
    if own:
        # From here to the store's script and back: were we killed between, both files are there.
        place.replace(settings.data_path / FILE)
    return count


def made(place: Path) -> bytes:
    """A new key in a file, or the one that an interrupted attempt left there."""
    if not place.exists():
        write_new(place, secrets.token_hex(32).encode() + b"\n")
    return master_key_in(place)
