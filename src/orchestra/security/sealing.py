"""Sealing: what turns a secret into bytes that the store may hold, and back.

AES-256-GCM-SIV (RFC 8452): a nonce that comes twice shows no more than that two values are equal.
Each tenant has a data key, wrapped by a key derived from the master key. What is sealed names what
it belongs to (`tenant|id|version`), so it opens nowhere else.
"""

import secrets
from typing import Final, NoReturn

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV

from orchestra.errors import OrchestraError
from orchestra.security.master_key import derived

NONCE_BYTES: Final = 12
DATA_KEY_BYTES: Final = 32


class Unopenable(OrchestraError):
    """What was sealed does not open: damaged, moved, or sealed with another master key."""


class Secret:
    """A value that shows itself only when asked to: `reveal`. It cannot be encoded or pickled."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value. For the one call it is meant for."""
        return self._value

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __format__(self, _: str) -> str:
        return "***"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not encoded")


class WrappedKey(msgspec.Struct, frozen=True):
    """A tenant's data key as the store has it. `kid` names the master key that opens it."""

    kid: str
    sealed: bytes


class Box:
    """Seals and opens with one data key."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCMSIV(key)

    def seal(self, value: bytes, belongs_to: str) -> bytes:
        """Nonce and ciphertext."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, value, belongs_to.encode())

    def open(self, sealed: bytes, belongs_to: str) -> bytes:
        """The value. Raises Unopenable."""
        try:
            return self._cipher.decrypt(
                sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], belongs_to.encode()
            )
        except (InvalidTag, ValueError):
            raise Unopenable("a sealed value does not open") from None


class MasterKey:
    """Wraps data keys. `kid` names it, `check` shows that two are the same; neither tells it."""

    def __init__(self, master: bytes) -> None:
        self.kid = derived(master, "secrets-kid").hex()[:16]
        self.check = f"{self.kid}|{derived(master, 'secrets-check').hex()}"
        self._box = Box(derived(master, "secrets-wrap"))

    def __repr__(self) -> str:
        return f"MasterKey({self.kid})"

    def new_data_key(self, tenant: str) -> WrappedKey:
        """A key nobody has."""
        return self.wrapped(secrets.token_bytes(DATA_KEY_BYTES), tenant)

    def wrapped(self, data_key: bytes, tenant: str) -> WrappedKey:
        """A data key as the store may have it."""
        return WrappedKey(self.kid, self._box.seal(data_key, f"data-key|{tenant}|{self.kid}"))

    def unwrapped(self, wrapped: WrappedKey, tenant: str) -> bytes:
        """The data key itself. Raises Unopenable."""
        return self._box.open(wrapped.sealed, f"data-key|{tenant}|{wrapped.kid}")

    def keep(self, value: bytes, label: str) -> bytes:
        """Something else that has to outlive a change of the master key, sealed."""
        return self._box.seal(value, f"{label}|{self.kid}")

    def kept(self, sealed: bytes, label: str) -> bytes:
        """What was kept. Raises Unopenable."""
        return self._box.open(sealed, f"{label}|{self.kid}")
