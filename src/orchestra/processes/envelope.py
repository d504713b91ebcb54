"""An HTTP request on its way to the process that has its module, and proof that we sent it.

The process the client reached has authenticated him; the other one believes it because of the
proof, whose key comes from the pepper of API keys. Whoever can only write to the store cannot make
one, and an old one is worth nothing: it is for one minute, and for once.
"""

import hmac
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

import msgspec

from orchestra.security import Principal
from orchestra.security.local_trust import Mode
from orchestra.security.master_key import derived

LABEL: Final = "forwarded-requests"
FRESH_MS: Final = 60_000
REMEMBERED_MAX: Final = 100_000

Header = tuple[bytes, bytes]


class Asked(msgspec.Struct, frozen=True):
    """One HTTP request, whole. `mode` is that of the process that took it."""

    id: str
    sent_ms: int
    module: str
    mode: Mode
    principal: Principal | None
    method: str
    scheme: str
    path: str
    raw_path: bytes
    query: bytes
    headers: tuple[Header, ...]
    client: tuple[str, int] | None
    server: tuple[str, int] | None
    body: bytes


class Forwarded(msgspec.Struct, frozen=True):
    """A request and its proof."""

    asked: Asked
    proof: bytes


class Head(msgspec.Struct, frozen=True, array_like=True):
    """The first part of an answer. `whole`: there is no other part."""

    status: int
    headers: tuple[Header, ...]
    body: bytes
    whole: bool


class Seal:
    """Makes proofs, and judges them. `now_ms` is the store's clock: the same everywhere."""

    def __init__(self, pepper: bytes, now_ms: Callable[[], int]) -> None:
        self._key, self._now_ms = derived(pepper, LABEL), now_ms
        self._seen: OrderedDict[str, int] = OrderedDict()

    def now_ms(self) -> int:
        """The store's clock."""
        return self._now_ms()

    def sealed(self, asked: Asked) -> Forwarded:
        """The request with its proof."""
        return Forwarded(asked, self._proof(asked))

    def holds(self, forwarded: Forwarded) -> bool:
        """Whether one of ours sent it, lately, and it did not come before."""
        asked, now_ms = forwarded.asked, self._now_ms()
        if not hmac.compare_digest(self._proof(asked), forwarded.proof):
            return False
        if abs(now_ms - asked.sent_ms) > FRESH_MS or asked.id in self._seen:
            return False
        while self._seen and next(iter(self._seen.values())) < now_ms - 2 * FRESH_MS:
            self._seen.popitem(last=False)
        if len(self._seen) >= REMEMBERED_MAX:
            return False
        self._seen[asked.id] = now_ms
        return True

    def _proof(self, asked: Asked) -> bytes:
        principal = asked.principal
        if principal is not None:  # a set has no order of its own
            rights = (principal.tenant, principal.role, principal.actor)
            rights = (*rights, *sorted(principal.permissions))
        else:
            rights = ()
        rest = msgspec.structs.replace(asked, principal=None)
        return hmac.digest(self._key, msgspec.msgpack.encode((rights, rest)), "sha256")
