"""A script that answers the same when it is asked again: asked until it answers, for a while."""

from typing import Any

import anyio

from orchestra.store.failures import NotReplicated, StoreAway
from orchestra.workflows.ports import SCRIPTS, Partitions

_REPEATS = 8


async def insist(store: Partitions, script: str, tag: int, /, **args: Any) -> Any:
    """What the script answers in the partition `tag`. Raises StoreAway, NotReplicated."""
    wait_s = 0.05
    for _ in range(_REPEATS):
        try:
            return await store.run(SCRIPTS[script], store.prefix(tag), **args)
        except (StoreAway, NotReplicated):
            if wait_s > 1:
                raise
        await anyio.sleep(wait_s)
        wait_s *= 2
    raise StoreAway
