"""Reads profiles of ended executions until it is killed: `python profile_reader.py URL`."""

import sys

import anyio

from orchestra.clock import Clock, SystemClock, system_random
from orchestra.errors import OrchestraError
from orchestra.monitoring.analytics.keeping import Shelf
from orchestra.monitoring.analytics.reading import Reader
from orchestra.monitoring.metrics.leading import Leading
from orchestra.store.client import Store
from orchestra.store.opening import StoreOptions, open_store
from orchestra.workflows.catalogue.plans import Catalogue
from orchestra.workflows.history.profiles import Profiles
from orchestra.workflows.history.reader import Reader as Executions

EVERYTHING = 1_000_000


def a_profile_reader(store: Store, clock: Clock) -> Reader:
    """One that reads every execution there is."""
    catalogue = Catalogue(store)
    profiles = Profiles(store, Executions(store, catalogue, clock, ""), catalogue)
    leading = Leading(store, clock, "nobody")
    return Reader(profiles, Shelf(store), clock, leading, EVERYTHING, EVERYTHING)


async def read_for_ever(url: str) -> None:
    """Turn after turn, beside whoever does the same."""
    options = StoreOptions(url=url, durability="no", allow_weaker=True)
    clock, chance = SystemClock(), system_random()
    async with open_store(options, clock, chance) as store:
        while True:
            try:
                reader = a_profile_reader(store, clock)
                await reader.begin()
                while True:
                    await reader.turn()
                    await clock.sleep(0.002)
            except OrchestraError:
                await clock.sleep(0.005)


if __name__ == "__main__":
    anyio.run(read_for_ever, sys.argv[1])
