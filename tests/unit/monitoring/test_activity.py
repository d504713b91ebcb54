"""The day by the hour: what is told when it cannot be read."""

from typing import Any, cast

import pytest

from orchestra.clock import ManualClock
from orchestra.monitoring.activity import Activity
from orchestra.monitoring.windows import Windows
from orchestra.store.failures import StoreAway
from orchestra.store.keys import DEFAULT_TENANT

pytestmark = pytest.mark.anyio


class Away:
    """Windows on a store that does not answer."""

    async def bins(self, *asked: object) -> object:
        raise StoreAway


async def test_a_store_that_is_away_is_said_to_be_away() -> None:
    activity = Activity(cast("Windows", cast("Any", Away())), ManualClock())

    with pytest.raises(StoreAway):  # the overview leaves out what raises this, and nothing else
        await activity.make(DEFAULT_TENANT)
