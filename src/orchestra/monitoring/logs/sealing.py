"""Sealing: what lies open in the tail becomes chunks, whichever replica wrote it.

Everything in the tail is as safe as in a chunk, so nobody need hurry, and a replica that dies
leaves nothing that another could not seal: chunks hold lines of all replicas in order of time.
"""

import anyio.to_thread
import structlog

from orchestra.errors import OrchestraError
from orchestra.monitoring.logs.chunks import Chunk, sealed, unpacked
from orchestra.monitoring.logs.shelf import Shelf
from orchestra.store.keys import Tenant
from orchestra.store.tails import Entry

log = structlog.get_logger(__name__)


async def seal(shelf: Shelf, tenant: Tenant) -> None:
    """Seal what is open now. The store keeps two from doing it at once; what fails is left open."""
    try:
        since, batches = await shelf.open_batches(tenant)
        if batches:
            until = batches[-1][0]
            made = await anyio.to_thread.run_sync(_chunks, batches, until)
            await shelf.seal(tenant, (since, until), batches, made)
    except OrchestraError as away:
        log.debug("log.not_sealed", error=away.code)


def _chunks(batches: list[Entry], until: str) -> list[Chunk]:
    lines = [line for _, one in batches for line in unpacked(one["z"]).split(b"\n") if line]
    return sealed(lines, until) if lines else []
