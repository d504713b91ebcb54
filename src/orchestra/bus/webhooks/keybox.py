"""Keys that are sealed in records, opened for use; the last few hundred stay open in memory."""

from base64 import b64encode
from collections import OrderedDict
from typing import Final

import msgspec
import structlog

from orchestra.bus.webhooks.records import SigningKey
from orchestra.errors import Conflict
from orchestra.log import COVERED
from orchestra.security.sealing import Unopenable
from orchestra.security.secrets import Secrets
from orchestra.store.keys import Tenant

log = structlog.get_logger(__name__)

OPENED_MAX: Final = 500
COVERED_FROM: Final = 8


class SigningKeyUnreadable(Conflict):
    """A signing key is there and does not open: rotate the secret of the webhook."""


class KeyBox:
    """Seals and opens keys of records."""

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets
        self._opened: OrderedDict[tuple[str, str], bytes] = OrderedDict()

    async def sealed(self, tenant: Tenant, owner: str, value: bytes, as_: SigningKey) -> SigningKey:
        """`as_` with `value` in it. Raises MasterKeyMissing, StoreAway."""
        sealed = await self._secrets.seal(tenant, value, as_.belongs_to(tenant, owner))
        _cover(value)
        return msgspec.structs.replace(as_, sealed=sealed)

    async def opened(self, tenant: Tenant, owner: str, kept: SigningKey) -> bytes:
        """The key itself. Raises SigningKeyUnreadable, MasterKeyMissing, StoreAway."""
        found = self._opened.get((owner, kept.id))
        if found is None:
            try:
                belongs_to = kept.belongs_to(tenant, owner)
                found = await self._secrets.unseal(tenant, kept.sealed, belongs_to)
            except Unopenable:
                log.error("webhook.key_unopenable", webhook=owner)  # noqa: TRY400 -- says all of it
                raise SigningKeyUnreadable("a signing key does not open: rotate it") from None
            self._opened[owner, kept.id] = found
            _cover(found)
            while len(self._opened) > OPENED_MAX:
                self._opened.popitem(last=False)
        return found


def living(kept: tuple[SigningKey, ...], now_ms: int) -> list[SigningKey]:
    """Those that are good now, the newest first."""
    return [one for one in kept if one.expires_ms is None or one.expires_ms > now_ms]


def _cover(value: bytes) -> None:
    """No log shows it, as it is or in base64."""
    COVERED.add(b64encode(value).decode())
    if len(value) >= COVERED_FROM and value.isascii() and value.decode().isprintable():
        COVERED.add(value.decode())
