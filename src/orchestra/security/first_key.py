"""What has to be secret before the first request: the pepper of keys, and the first key itself."""

import secrets
import sys
from pathlib import Path
from typing import Final, TextIO, cast

import structlog

from orchestra.errors import OrchestraError
from orchestra.security.key_text import handle_of, new_key
from orchestra.security.keys import LIFE_MAX_DAYS, KeyRing, Wish
from orchestra.security.master_key import (
    MASTER_KEY_BYTES_MIN,
    KeyFileInvalid,
    derived,
    master_key_of,
    read_key_file,
    write_new,
)
from orchestra.security.sealing import MasterKey, Unopenable
from orchestra.settings import Settings
from orchestra.store.client import Store
from orchestra.store.keys import identities, key_pepper
from orchestra.store.secret_keys import kept_pepper

log = structlog.get_logger(__name__)

PEPPER: Final = "key-pepper"
FIRST_KEY: Final = Wish(name="admin", role="platform_admin", days=LIFE_MAX_DAYS, made_by="start")


class KeyMissing(OrchestraError):
    """A key is needed, there is none, and nobody could be told one. Ends the start."""


async def pepper_of(settings: Settings, store: Store) -> bytes:
    """What secrets of API keys are mixed with; the same in every replica.

    From `master_key_file`; embedded, from a file made once beside the data; else made once in the
    store. It stays when the master key is changed. Raises KeyFileInvalid.
    """
    master, prefix = master_key_of(settings), identities(store.space)
    if master is not None:
        kept = cast("bytes | None", await store.call(prefix, "GET", kept_pepper(prefix)))
        if kept is None:
            return derived(master, PEPPER)
        try:
            return MasterKey(master).kept(kept, PEPPER)
        except Unopenable:
            raise KeyFileInvalid("the master key is not the one of this installation") from None
    name = key_pepper(prefix)
    await store.call(prefix, "SET", name, secrets.token_hex(MASTER_KEY_BYTES_MIN), "NX")
    return derived(cast("bytes", await store.call(prefix, "GET", name)), PEPPER)


async def ensure_first_key(
    settings: Settings, ring: KeyRing, terminal: TextIO | None = None
) -> None:
    """In mode `required`: see to it that somebody has a key. Safe to repeat, and for replicas.

    Raises KeyMissing for a shared store without a key, naming the two ways to make one.
    """
    shown_on: TextIO = sys.stderr if terminal is None else terminal
    if settings.admin_key_file is not None:
        text = (
            read_key_file(Path(settings.admin_key_file)).decode("ascii", errors="replace").strip()
        )
        if handle_of(text) is None:
            raise KeyFileInvalid(f"{settings.admin_key_file} does not hold an API key of ours")
        await ring.adopt_first(FIRST_KEY, text)
        return
    if await ring.of_tenant():
        return
    if not settings.embedded:
        raise KeyMissing(
            "the store has no API key yet and this process does not listen on loopback only: "
            "run `orchestra keys create --admin --name admin`, or name a file with one in "
            "ORCHESTRA_ADMIN_KEY_FILE"
        )
    text = new_key()
    if await ring.adopt_first(FIRST_KEY, text):
        _tell(text, settings.data_path, shown_on)


def _tell(text: str, directory: Path, terminal: TextIO) -> None:
    """Show it once to a person, else put it into a file: the logs of containers are shipped."""
    if terminal.isatty():
        terminal.write(f"\nThe first API key (platform admin), shown this once:\n\n  {text}\n\n")
        terminal.flush()
        return
    path = directory / "admin.key"
    if path.exists():  # of an earlier life of this directory: never overwritten
        path = directory / f"admin.{handle_of(text)}.key"
    write_new(path, text.encode() + b"\n")
    log.warning("key.first_written", path=str(path))
