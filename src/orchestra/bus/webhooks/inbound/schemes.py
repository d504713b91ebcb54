"""How senders sign. Each scheme is a row: what its secret is, whether a request is signed with it,
and what two of the same have in common.

Only Standard Webhooks signs an id; of the others the body itself tells a repeat.
"""

import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec

from orchestra.bus.webhooks import signing
from orchestra.bus.webhooks.inbound.records import Scheme

Headers = Mapping[str, str]
"""Names in lower case."""
Verify = Callable[[Sequence[bytes], Headers, bytes, int], bool]
SECRET_CHARS: Final = (16, 256)


class Row(msgspec.Struct, frozen=True):
    """One scheme. `made` false: the sender makes its secret, so it has to be given."""

    verify: Verify
    is_secret: Callable[[str], bool]
    id_of: Callable[[Headers, bytes], str]
    made: bool
    told: str


def new_secret(scheme: Scheme) -> str:
    """A secret nobody has, as its owner is shown it."""
    return signing.new_key().text if scheme == "standard-webhooks" else secrets.token_hex(32)


def _standard(keys: Sequence[bytes], headers: Headers, body: bytes, now_s: int) -> bool:
    read = [key for text in keys if (key := signing.read_key(text.decode()))]
    return signing.verify(read, headers, body, now_s)


def _github(keys: Sequence[bytes], headers: Headers, body: bytes, _: int) -> bool:
    kind, _eq, given = headers.get("x-hub-signature-256", "").partition("=")
    return kind == "sha256" and _made(keys, body, [given])


def _slack(keys: Sequence[bytes], headers: Headers, body: bytes, now_s: int) -> bool:
    at = headers.get("x-slack-request-timestamp", "")
    kind, _, given = headers.get("x-slack-signature", "").partition("=")
    if kind != "v0" or not signing.in_time(at, now_s):
        return False
    return _made(keys, f"v0:{at}:".encode() + body, [given])


def _stripe(keys: Sequence[bytes], headers: Headers, body: bytes, now_s: int) -> bool:
    parts = [part.partition("=") for part in headers.get("stripe-signature", "").split(",")[:20]]
    times = [value for name, _, value in parts if name.strip() == "t"]
    if len(times) != 1 or not signing.in_time(times[0], now_s):
        return False
    given = [value for name, _, value in parts if name.strip() == "v1"]
    return _made(keys, f"{times[0]}.".encode() + body, given)


def _made(keys: Sequence[bytes], text: bytes, given: Sequence[str]) -> bool:
    """Whether one of the signatures is one of the keys'. All are tried, whatever was found."""
    true = False
    for key in keys:
        made = hmac.digest(key, text, "sha256").hex().encode()
        for one in given:
            true |= hmac.compare_digest(made, one.encode())
    return true


def _named(headers: Headers, _: bytes) -> str:
    return headers.get("webhook-id", "")


def _same_body(_: Headers, body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def _is_standard(text: str) -> bool:
    key = signing.read_key(text)
    return key is not None and key.kind == "v1"


def _is_text(text: str) -> bool:
    return SECRET_CHARS[0] <= len(text) <= SECRET_CHARS[1] and text.isascii() and text.isprintable()


SCHEMES: Final[Mapping[Scheme, Row]] = {
    "standard-webhooks": Row(
        _standard, _is_standard, _named, made=True, told="whsec_ and base64 of 24 to 64 bytes"
    ),
    "github": Row(_github, _is_text, _same_body, made=True, told="16 to 256 ASCII characters"),
    "slack": Row(
        _slack, _is_text, _same_body, made=False, told="the signing secret of the Slack app"
    ),
    "stripe": Row(
        _stripe, _is_text, _same_body, made=False, told="the signing secret of the endpoint"
    ),
}
