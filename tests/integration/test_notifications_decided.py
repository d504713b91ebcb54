"""Several replicas hear and look at once, die, take over: what is decided is decided once."""

import anyio
import pytest
from notice_replicas import World

from orchestra.monitoring.notifications.records import GROUPS_MAX, Matcher, Silence
from orchestra.store import notice_keys
from orchestra.store.client import Store
from orchestra.store.keys import DEFAULT_TENANT as HOME
from orchestra.store.keys import Tenant

pytestmark = pytest.mark.anyio

OTHER = Tenant("other")


async def test_three_replicas_that_hear_the_same_and_look_at_once_say_it_once(
    store: Store,
) -> None:
    world = World(store)
    await world.contact()
    await world.contact(name="pager", kind="webhook", to=(), url="http://one.test/")
    replicas = [world.replica() for _ in range(3)]
    fired = [world.event("alert.fired", f"alr_1.{n}", notify=("oncall", "pager")) for n in range(5)]
    async with anyio.create_task_group() as group:
        for one in replicas:
            for event in fired:
                group.start_soon(one.teller.handle, event)
    world.clock.ms += 30_000
    async with anyio.create_task_group() as group:
        for one in replicas:
            group.start_soon(one.timekeeper.round)
    world.clock.ms += 60_000
    ended = [world.event("alert.resolved", f"alr_1.{n}", notify=("oncall", "pager"))
             for n in range(5)]  # fmt: skip
    async with anyio.create_task_group() as group:
        for one in replicas:
            for event in ended:
                group.start_soon(one.teller.handle, event)
    world.clock.ms += 30_000
    async with anyio.create_task_group() as group:
        for one in replicas:
            group.start_soon(one.timekeeper.round)

    assert [subject.partition(" ")[0] for subject in world.subjects()] == ["[warning]"] * 2
    assert ["resolved" in subject for subject in world.subjects()] == [False, True]
    assert [one.type for one in world.line.told] == [
        "notification.firing", "notification.resolved",
    ]  # fmt: skip


async def test_who_takes_over_says_what_the_one_before_only_heard(store: Store) -> None:
    world = World(store)
    await world.contact()
    await world.replica().teller.handle(world.event("alert.fired"))
    heir = world.replica()
    await heir.timekeeper.round()
    early = len(world.line.mails)
    world.clock.ms += 30_000
    await heir.timekeeper.round()
    world.clock.ms += 4 * 3_600_000
    await world.replica().timekeeper.round()

    assert early == 0
    assert world.subjects() == [
        "[warning] Agent errors: a — 12 %", "[warning] still firing: Agent errors: a — 12 %",
    ]  # fmt: skip


async def test_a_letter_that_its_maker_could_not_hand_on_is_handed_on_by_another(
    store: Store,
) -> None:
    world = World(store)
    await world.contact()
    maker, heir = world.replica(), world.replica()
    await maker.teller.handle(world.event("alert.fired"))
    world.clock.ms += 30_000
    world.line.away = True
    await maker.timekeeper.round()
    left = await maker.shelf.letters()
    world.line.away = False
    await heir.timekeeper.round()
    await maker.timekeeper.round()

    assert len(left) == 1
    assert len(world.line.mails) == 1
    assert await maker.shelf.letters() == []


async def test_a_silence_of_one_tenant_is_none_of_another(store: Store) -> None:
    world = World(store)
    one = world.replica()
    for tenant in (HOME, OTHER):
        await world.contact(tenant=tenant)
        await one.teller.handle(world.event("alert.fired", tenant=tenant))
    matchers = (Matcher("agent", "=", "a"),)
    now = world.clock.ms
    silence = Silence("sil_1", OTHER, matchers, now, now + 3_600_000, "why", "who", now)
    await one.silences.put(silence)
    world.clock.ms += 30_000
    await one.timekeeper.round()

    assert [mail.tenant for mail in world.line.mails] == [HOME]
    assert await one.silences.matches(HOME, {"agent": "a"}) is None
    assert await one.silences.matches(OTHER, {"agent": "a"}) == silence


async def test_a_silence_that_is_ended_early_is_said_at_the_next_look(store: Store) -> None:
    world = World(store)
    await world.contact()
    one = world.replica()
    now = world.clock.ms
    matchers = (Matcher("agent", "=", "a"),)
    await one.silences.put(Silence("sil_1", HOME, matchers, now, now + 3_600_000, "w", "x", now))
    await one.teller.handle(world.event("alert.fired"))
    world.clock.ms += 31_000
    await one.timekeeper.round()
    during = len(world.line.mails)
    await one.silences.drop(HOME, "sil_1")
    await one.timekeeper.round()

    assert during == 0
    assert world.subjects() == [
        "[warning] still firing, no longer silenced: Agent errors: a — 12 %"
    ]


async def test_names_that_are_nobodys_fall_to_the_default_contact_and_are_said(
    store: Store,
) -> None:
    world = World(store)
    await world.contact()
    one = world.replica()
    await one.teller.handle(world.event("alert.fired", notify=("gone",)))
    world.clock.ms += 30_000
    await one.timekeeper.round()

    assert len(world.line.mails) == 1
    assert [draft.type for draft in world.line.published] == ["notification.failed"]


async def test_a_contact_that_is_gone_takes_what_it_was_to_be_told_along(store: Store) -> None:
    world = World(store)
    contact = await world.contact()
    one = world.replica()
    await one.teller.handle(world.event("alert.fired"))
    await one.book.drop(HOME, contact.id)
    world.clock.ms += 30_000
    await one.timekeeper.round()
    world.clock.ms += 86_400_000

    assert world.line.mails == []
    assert await one.shelf.due(world.clock.ms) == []


async def test_beyond_so_many_groups_all_that_comes_is_one(store: Store) -> None:
    world = World(store)
    await world.contact()
    one = world.replica()
    prefix = notice_keys.notices(store.space)
    full = [part for n in range(GROUPS_MAX) for part in (str(world.clock.ms + 10**9), f"grp_{n}")]
    await store.call(prefix, "ZADD", notice_keys.groups(prefix, HOME), *full)
    for n in range(3):
        event = world.event("alert.fired", f"alr_1.{n}", group_by=("agent",))
        await one.teller.handle(event)
    world.clock.ms += 30_000
    await one.timekeeper.round()
    for n in range(3):
        event = world.event("alert.resolved", f"alr_1.{n}", group_by=("agent",))
        await one.teller.handle(event)
    world.clock.ms += 30_000
    await one.timekeeper.round()

    assert [subject[:20] for subject in world.subjects()] == [
        "[warning] 3 alerts: ", "[warning] resolved: ",
    ]  # fmt: skip
