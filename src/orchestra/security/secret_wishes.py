"""What a secret may be: its name, its value, the hosts it may be sent to."""

import re
from typing import Annotated, Final
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from orchestra.errors import Invalid, Problem

VALUE_MAX: Final = 16_384
HOST = re.compile(
    r"(?:(?:\*\.)?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]{2,45}\])(?::[1-9]\d{0,4})?"
)

SecretName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$")]


class SecretInvalid(Invalid):
    """What was sent cannot be a secret. The value is not quoted."""


class Wish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a secret is to be. `allowed_hosts`: where it may be sent, empty is anywhere."""

    value: Annotated[str, Meta(min_length=1, max_length=VALUE_MAX)]
    allowed_hosts: Annotated[tuple[str, ...], Meta(max_length=50)] = ()
    description: Annotated[str, Meta(max_length=1_024)] = ""

    def __repr__(self) -> str:
        return "Wish(***)"


def judge(name: str, wish: Wish) -> None:
    """Raises SecretInvalid with everything that is wrong."""
    found: list[Problem] = []
    try:
        msgspec.convert(name, SecretName)
    except msgspec.ValidationError:
        found.append(Problem("/name", "format", "letters, digits, '_', '.', '-', at most 63"))
    if "\x00" in wish.value:
        found.append(Problem("/value", "format", "holds a NUL"))
    for i, host in enumerate(wish.allowed_hosts):
        if len(host) > 255 or not HOST.fullmatch(host.lower()):
            told = "must be a host: api.example.com, api.example.com:8443 or *.example.com"
            found.append(Problem(f"/allowed_hosts/{i}", "format", told))
    if found:
        raise SecretInvalid("the secret cannot be kept", found)


def goes_to(url: str, allowed: str) -> bool:
    """Host of `url` against `host`, `host:port` or `*.host`. A name without port is any port."""
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    wanted = urlsplit(f"//{allowed}")
    if wanted.port is not None:
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
        if port != wanted.port:
            return False
    name = (wanted.hostname or "").rstrip(".")
    return host.endswith(name[1:]) if name.startswith("*.") else host == name
