"""The store's clock: time that passes there when a test says so, and nowhere else."""

from orchestra.store.client import Store


async def passes(store: Store, ms: int) -> None:
    """So much time, in every partition. Everything that decides by the store's clock sees it."""
    prefixes = [store.prefix(tag) for tag in store.partitions]
    for moved in [store.call(one, "HINCRBY", f"{one}cur", "@off", ms) for one in prefixes]:
        await moved
