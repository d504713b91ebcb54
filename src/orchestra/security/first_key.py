"""What has to be secret before the first request: the pepper of keys, and the first key itself."""

import hmac
import os
import secrets
import sys
from pathlib import Path
from typing import Final, TextIO, cast

import structlog

from orchestra.errors import OrchestraError
from orchestra.security.key_text import handle_of, new_key
from orchestra.security.keys import LIFE_MAX_DAYS, KeyRing, Wish
from orchestra.settings import Settings
from orchestra.store.client import Store
from orchestra.store.keys import identities, key_pepper

log = structlog.get_logger(__name__)

MASTER_KEY_BYTES_MIN: Final = 32
FIRST_KEY: Final = Wish(name="admin", role="platform_admin", days=LIFE_MAX_DAYS, made_by="start")


class KeyMissing(OrchestraError):
    """A key is needed, there is none, and nobody could be told one. Ends the start."""


class KeyFileInvalid(OrchestraError):
    """A file that should hold a key cannot be used. Ends the start."""


async def pepper_of(settings: Settings, store: Store) -> bytes:
    """What secrets of API keys are mixed with; the same in every replica.

    From `master_key_file`; embedded, from a file made once beside the data; else made once in the
    store. Raises KeyFileInvalid.
    """
    if settings.master_key_file is not None:
        return derived(_master_key(Path(settings.master_key_file)), "key-pepper")
    if settings.embedded:
        return derived(_made_once(settings.data_path / "master.key"), "key-pepper")
    prefix = identities(store.space)
    name = key_pepper(prefix)
    await store.call(prefix, "SET", name, secrets.token_hex(MASTER_KEY_BYTES_MIN), "NX")
    return derived(cast("bytes", await store.call(prefix, "GET", name)), "key-pepper")


async def ensure_first_key(
    settings: Settings, ring: KeyRing, terminal: TextIO | None = None
) -> None:
    """In mode `required`: see to it that somebody has a key. Safe to repeat, and for replicas.

    Raises KeyMissing for a shared store without a key, naming the two ways to make one.
    """
    shown_on: TextIO = sys.stderr if terminal is None else terminal
    if settings.admin_key_file is not None:
        text = _read(Path(settings.admin_key_file)).decode("ascii", errors="replace").strip()
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


def derived(master: bytes, label: str) -> bytes:
    """HKDF-SHA256 (RFC 5869) with one block: a key for one purpose."""
    extracted = hmac.digest(b"orchestra", master, "sha256")
    return hmac.digest(extracted, label.encode() + b"\x01", "sha256")


def _tell(text: str, directory: Path, terminal: TextIO) -> None:
    """Show it once to a person, else put it into a file: the logs of containers are shipped."""
    if terminal.isatty():
        terminal.write(f"\nThe first API key (platform admin), shown this once:\n\n  {text}\n\n")
        terminal.flush()
        return
    path = directory / "admin.key"
    if path.exists():  # of an earlier life of this directory: never overwritten
        path = directory / f"admin.{handle_of(text)}.key"
    _write_new(path, text.encode() + b"\n")
    log.warning("key.first_written", path=str(path))


def _master_key(path: Path) -> bytes:
    content = _read(path).strip()
    if len(content) < MASTER_KEY_BYTES_MIN:
        raise KeyFileInvalid(f"{path} holds less than {MASTER_KEY_BYTES_MIN} bytes")
    return content


def _made_once(path: Path) -> bytes:
    if not path.exists():
        _write_new(path, secrets.token_hex(MASTER_KEY_BYTES_MIN).encode() + b"\n")
    return _master_key(path)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise KeyFileInvalid(f"{path}: {error.strerror or 'cannot be read'}") from None


def _write_new(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
