"""What the dashboard keeps of its viewers: apart for each, bounded, gone when it is dropped."""

import anyio
import pytest

from orchestra.clock import SystemClock
from orchestra.dashboard.preferences import (
    NOTHING,
    VIEWS_MAX,
    Kept,
    Known,
    Preferences,
    View,
    ViewOfAnother,
    ViewsFull,
)
from orchestra.security import Principal
from orchestra.security.roles import permissions_of
from orchestra.store.client import Store
from orchestra.store.keys import DEFAULT_TENANT, Tenant

pytestmark = pytest.mark.anyio


def a_viewer(actor: str, tenant: Tenant = DEFAULT_TENANT) -> Principal:
    return Principal(tenant, "editor", actor, permissions_of("editor"))


async def test_views_and_preferences_are_kept_for_each_viewer(store: Store) -> None:
    kept, ann, bob = Kept(store, SystemClock()), a_viewer("key_ann"), a_viewer("key_bob")
    stranger = a_viewer("key_ann", Tenant("other"))
    mine = View("Mine", "/executions", "status=failed", ann.actor)
    ours = View("Ours", "/logs", "", ann.actor, shared=True)
    await kept.prefer(ann, density="compact", single_keys=False)
    await kept.prefer(ann, theme="light")
    for view in (mine, ours, mine):
        await kept.save(ann, view)

    known = await kept.of(ann)
    assert known.preferences == Preferences("light", "compact", single_keys=False)
    assert known.views == (mine, ours)
    assert (await kept.of(bob)).views == (ours,)
    assert await kept.of(stranger) == NOTHING

    with pytest.raises(ViewOfAnother):
        await kept.save(bob, View("Ours", "/logs", "q=x", bob.actor, shared=True))
    await kept.drop(bob, ours.id)
    assert (await kept.of(bob)).views == (ours,)
    await kept.drop(ann, ours.id)
    assert (await kept.of(ann)).views == (mine,)
    for i in range(VIEWS_MAX - 1):
        await kept.save(ann, View(f"n{i}", "/logs", "", ann.actor))
    with pytest.raises(ViewsFull):
        await kept.save(ann, View("one more", "/logs", "", ann.actor))
    await kept.save(ann, mine)


async def test_what_was_read_before_a_change_is_not_remembered_after_it(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, ann = Kept(store, SystemClock()), a_viewer("key_ann")
    at_once, begun, changed = kept._read, anyio.Event(), anyio.Event()

    async def late(principal: Principal) -> Known:
        found = await at_once(principal)
        begun.set()
        await changed.wait()
        return found

    monkeypatch.setattr(kept, "_read", late)
    async with anyio.create_task_group() as group:
        group.start_soon(kept.of, ann)
        await begun.wait()
        monkeypatch.setattr(kept, "_read", at_once)
        await kept.prefer(ann, density="compact")
        changed.set()

    assert (await kept.of(ann)).preferences.density == "compact"
