"""Profiles that cannot be made or read: the others are kept, and told of."""

from collections.abc import Mapping
from typing import Any

import pytest
from profile_ends import Ends, a_reader
from simulated_profiles import START_MS

from orchestra.monitoring.analytics.keeping import DAY_S, Shelf
from orchestra.store import profile_keys
from orchestra.store.client import Store
from orchestra.store.keys import DEFAULT_TENANT as HOME

pytestmark = pytest.mark.anyio

DAY = START_MS // (DAY_S * 1_000)
DAMAGE: tuple[Mapping[str, Any], ...] = (
    {"status": "nowhere"}, {"input_hash": "not hex"}, {"created_ms": None}, {"steps": [{}]},
    {"steps": 7}, {"error": "text"}, {"pauses": None}, {"version": "x"}, {"name": None},
)  # fmt: skip


async def test_an_execution_whose_profile_cannot_be_made_holds_up_no_other(store: Store) -> None:
    ends, shelf = Ends(store, 1), Shelf(store)
    ends.happen(60, per_ms=0, tenants=(HOME,))
    names = sorted(ends.told)
    broken = dict(zip(names, DAMAGE, strict=False))
    ends.told |= {name: {**ends.told[name], **damage} for name, damage in broken.items()}
    reader = a_reader(ends, shelf)
    await reader.begin()
    ends.until_ms += 10

    while await reader.turn():
        pass

    look = await shelf.look(HOME, "wfl_1", START_MS - 1, START_MS + 86_400_000)
    kept = {one.execution for one in look.kept}
    assert set(names) - broken.keys() <= kept
    assert look.skipped + len(kept) == len(names)
    assert look.skipped >= len(DAMAGE) - 2


async def test_a_day_that_cannot_be_read_is_empty_and_is_packed_anew(store: Store) -> None:
    ends, shelf = Ends(store, 2), Shelf(store)
    ends.happen(20, per_ms=0, tenants=(HOME,))
    reader = a_reader(ends, shelf)
    await reader.begin()
    ends.until_ms += 10
    await reader.turn()
    prefix = profile_keys.profiles(HOME, store.space)
    for text in (b"nonsense", b"x\x9c"):
        packed = profile_keys.profiles_packed(prefix, "wfl_1", DAY)
        await store.call(prefix, "SET", packed, text)
        days = profile_keys.profiles_open(prefix, "wfl_1", DAY)
        await store.call(prefix, "RPUSH", days, b"short")

        look = await Shelf(store).look(HOME, "wfl_1", START_MS - 1, START_MS + 86_400_000)

        assert len(look.kept) == 20
    assert await shelf.pack(HOME, DAY + 1) == 1
    look = await Shelf(store).look(HOME, "wfl_1", START_MS - 1, START_MS + 86_400_000)
    assert len(look.kept) == 20
