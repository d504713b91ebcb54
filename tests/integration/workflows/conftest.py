"""One running replica of the engine for each test."""

from collections.abc import AsyncIterator

import pytest
from workflow_replica import Replica, replica

from orchestra.store.client import Store


@pytest.fixture
async def engine(store: Store) -> AsyncIterator[Replica]:
    """The real engine on an empty store, with agents that do what the test says."""
    async with replica(store) as running:
        yield running
