"""Standard Webhooks 1.0: what is signed, how, and whether it is true.

The signed text is `id.timestamp.body`, in bytes. `v1` is HMAC-SHA256 with a shared secret,
`whsec_` + base64; `v1a` is ed25519, private key `whsk_`, public key `whpk_`. Several keys give
several signatures, with a space between: so a key is replaced while both are good.
"""

import binascii
import hmac
import secrets
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from orchestra.bus.webhooks.records import Kind

TOLERANCE_S: Final = 300
KEY_BYTES: Final = 32
SECRET, PRIVATE, PUBLIC = "whsec_", "whsk_", "whpk_"
_SIGNATURES_MAX: Final = 20
_TIMESTAMP_MAX: Final = 12


class Key(msgspec.Struct, frozen=True):
    """What signs: the bytes of a shared secret (`v1`), or of a private key (`v1a`)."""

    value: bytes
    kind: Kind = "v1"

    def __repr__(self) -> str:
        return f"Key({self.kind}, ***)"

    @property
    def text(self) -> str:
        """As its owner is shown it, once."""
        return (SECRET if self.kind == "v1" else PRIVATE) + b64encode(self.value).decode()

    @property
    def public(self) -> str | None:
        """What a receiver verifies `v1a` with; None for `v1`."""
        if self.kind == "v1":
            return None
        key = Ed25519PrivateKey.from_private_bytes(self.value).public_key()
        return PUBLIC + b64encode(key.public_bytes_raw()).decode()

    def sign(self, text: bytes) -> str:
        """One entry of the header."""
        if self.kind == "v1":
            made = hmac.digest(self.value, text, "sha256")
        else:
            made = Ed25519PrivateKey.from_private_bytes(self.value).sign(text)
        return f"{self.kind},{b64encode(made).decode()}"

    def made(self, text: bytes, version: str, signature: bytes) -> bool:
        """Whether this key made the signature."""
        if version != self.kind:
            return False
        if self.kind == "v1":
            return hmac.compare_digest(hmac.digest(self.value, text, "sha256"), signature)
        public = Ed25519PrivateKey.from_private_bytes(self.value).public_key()
        return _verifies(public, signature, text)


def new_key(kind: Kind = "v1") -> Key:
    """A key nobody has."""
    return Key(secrets.token_bytes(KEY_BYTES), kind)


def read_key(text: str) -> Key | None:
    """The key in `whsec_…` or `whsk_…`; None when it is none: 24 to 64 bytes, a private one 32."""
    private = text.startswith(PRIVATE)
    try:
        value = b64decode(text.removeprefix(PRIVATE if private else SECRET), validate=True)
    except (binascii.Error, ValueError):
        return None
    if private:
        return Key(value, "v1a") if len(value) == KEY_BYTES else None
    return Key(value) if text.startswith(SECRET) and 24 <= len(value) <= 64 else None


def headers(keys: Sequence[Key], message_id: str, at_s: int, body: bytes) -> dict[str, str]:
    """The three headers, with a signature of each key."""
    text = signed_text(message_id, str(at_s), body)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(at_s),
        "webhook-signature": " ".join(key.sign(text) for key in keys),
    }


def signed_text(message_id: str, timestamp: str, body: bytes) -> bytes:
    """What is signed."""
    return f"{message_id}.{timestamp}.".encode() + body


def verify(keys: Sequence[Key], given: Mapping[str, str], body: bytes, now_s: int) -> bool:
    """Whether one of the keys signed this within five minutes of now. Names of headers are lower.

    All that is wrong, malformed headers among it, is False.
    """
    name, at = given.get("webhook-id", ""), given.get("webhook-timestamp", "")
    if not name or not in_time(at, now_s):
        return False
    text, true = signed_text(name, at, body), False
    for entry in given.get("webhook-signature", "").split(" ")[:_SIGNATURES_MAX]:
        version, _, encoded = entry.partition(",")
        try:
            signature = b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            continue
        for key in keys:  # all of them: the time must not tell which
            true |= key.made(text, version, signature)
    return true


def in_time(at: str, now_s: int) -> bool:
    """Whether a timestamp in seconds is at most five minutes away."""
    written = at.isascii() and at.isdigit() and len(at) <= _TIMESTAMP_MAX
    return written and abs(int(at) - now_s) <= TOLERANCE_S


def verify_public(public: str, given: Mapping[str, str], body: bytes) -> bool:
    """Whether the owner of `whpk_…` signed this: what a receiver of `v1a` does."""
    key = Ed25519PublicKey.from_public_bytes(b64decode(public.removeprefix(PUBLIC)))
    text = signed_text(given["webhook-id"], given["webhook-timestamp"], body)
    parts = (one.partition(",") for one in given["webhook-signature"].split(" "))
    return any(kind == "v1a" and _verifies(key, b64decode(one), text) for kind, _, one in parts)


def _verifies(public: Ed25519PublicKey, signature: bytes, text: bytes) -> bool:
    try:
        public.verify(signature, text)
    except InvalidSignature:
        return False
    return True
