"""Another master key: data keys are wrapped anew, what they seal stays as it is.

Servers that run go on, for they have the data keys; at their next start they need the new key.
"""

from typing import cast

import structlog

from orchestra.errors import Conflict
from orchestra.security.first_key import PEPPER
from orchestra.security.sealing import MasterKey
from orchestra.security.secrets import packed, unpacked
from orchestra.store import keys, secret_keys
from orchestra.store.client import Store
from orchestra.store.keys import Tenant
from orchestra.store.scripts import load_scripts

log = structlog.get_logger(__name__)

_SCRIPTS = load_scripts("orchestra.security", prelude=False)


class RotatedMeanwhile(Conflict):
    """Somebody else changed the keys at the same time. Nothing was changed here."""


async def rotate(store: Store, old: bytes, new: bytes, pepper: bytes) -> int:
    """Let `new` take over from `old`, all at once or not at all; how many data keys there are.

    `pepper` of API keys stays, so that they stay good. Raises Unopenable, RotatedMeanwhile.
    """
    before, after = MasterKey(old), MasterKey(new)
    prefix = keys.identities(store.space)
    found = cast("list[bytes]", await store.call(prefix, "HGETALL", secret_keys.data_keys(prefix)))
    pairs: list[bytes] = []
    for tenant, record in zip(found[::2], found[1::2], strict=True):
        name = Tenant(tenant.decode())
        data_key = before.unwrapped(unpacked(record), name)
        pairs += (tenant, packed(after.wrapped(data_key, name)))
    done = await store.run(
        _SCRIPTS["master_rotate"],
        prefix,
        *pairs,
        before=before.check,
        after=after.check,
        pepper=after.keep(pepper, PEPPER),
    )
    if not done:
        raise RotatedMeanwhile("the master key was changed by somebody else meanwhile")
    log.info("secrets.rotated", before=before.kid, after=after.kid, tenants=len(found) // 2)
    return len(found) // 2
