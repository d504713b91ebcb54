"""The master key: where it comes from, and the keys that are derived from it.

From `master_key_file`, the same for every replica; embedded, from a file made once beside the
data. It is in no backup of the store: whoever has only the store opens nothing.
"""

import hmac
import os
import secrets
from pathlib import Path
from typing import Final

from orchestra.errors import OrchestraError
from orchestra.settings import Settings

MASTER_KEY_BYTES_MIN: Final = 32
FILE: Final = "master.key"


class KeyFileInvalid(OrchestraError):
    """A file that should hold a key cannot be used. Ends the start."""


def master_key_of(settings: Settings) -> bytes | None:
    """The master key; None with a store of its own standing and no `master_key_file`.

    Raises KeyFileInvalid.
    """
    if settings.master_key_file is not None:
        return master_key_in(Path(settings.master_key_file))
    if settings.embedded:
        return _made_once(settings.data_path / FILE)
    return None


def master_key_in(path: Path) -> bytes:
    """The key in a file, without white space around it. Raises KeyFileInvalid."""
    content = read_key_file(path).strip()
    if len(content) < MASTER_KEY_BYTES_MIN:
        raise KeyFileInvalid(f"{path} holds less than {MASTER_KEY_BYTES_MIN} bytes")
    return content


def derived(master: bytes, label: str) -> bytes:
    """HKDF-SHA256 (RFC 5869) with one block: a key for one purpose."""
    extracted = hmac.digest(b"orchestra", master, "sha256")
    return hmac.digest(extracted, label.encode() + b"\x01", "sha256")


def read_key_file(path: Path) -> bytes:
    """What is in a file. Raises KeyFileInvalid."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise KeyFileInvalid(f"{path}: {error.strerror or 'cannot be read'}") from None


def write_new(path: Path, content: bytes) -> None:
    """A file only we may read, on disk before this returns. Raises FileExistsError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _made_once(path: Path) -> bytes:
    if not path.exists():
        write_new(path, secrets.token_hex(MASTER_KEY_BYTES_MIN).encode() + b"\n")
    return master_key_in(path)
