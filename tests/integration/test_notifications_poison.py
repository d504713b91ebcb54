"""What cannot be read or told, and tenants in whom everything fires: the others are told."""

from typing import cast

import msgspec
import pytest
from notice_replicas import IDS, World

from orchestra.errors import Unavailable
from orchestra.monitoring.notifications.contacts import Contacts
from orchestra.monitoring.notifications.matching import graves
from orchestra.monitoring.notifications.ports import Hooks
from orchestra.monitoring.notifications.records import Letter, Standing
from orchestra.monitoring.notifications.shelf import BATCH
from orchestra.store import frames, notice_keys
from orchestra.store.client import Store
from orchestra.store.keys import DEFAULT_TENANT as HOME
from orchestra.store.keys import Tenant
from orchestra.store.repeats import Repeats

pytestmark = pytest.mark.anyio

OTHER = Tenant("other")


async def test_a_group_that_cannot_be_read_is_no_end_of_the_timekeeper(store: Store) -> None:
    world = World(store)
    contact = await world.contact()
    replica = world.replica()
    prefix = notice_keys.notices(store.space)
    for n, text in enumerate((b"nonsense", b"x|y", b"1|" + frames.pack(b'{"id":7}'))):
        await store.call(
            prefix, "SET", notice_keys.group(prefix, HOME, f"grp_{n}"), text, "EX", 600
        )
        await store.call(prefix, "ZADD", notice_keys.due(prefix), str(n), f"{HOME}|grp_{n}")
    await replica.teller.handle(world.event("alert.fired"))
    world.clock.ms += 30_000

    await replica.timekeeper.round()

    assert [one.contact for one in world.line.mails] == [contact.id]
    assert await replica.shelf.due(world.clock.ms) == []


@pytest.mark.parametrize("fault", [TypeError, ValueError, AssertionError])
async def test_a_group_that_breaks_whoever_looks_waits_behind_the_others(
    store: Store, monkeypatch: pytest.MonkeyPatch, fault: type[Exception]
) -> None:
    world = World(store)
    await world.contact()
    await world.contact(tenant=OTHER)
    replica = world.replica()
    await replica.teller.handle(world.event("alert.fired"))
    await replica.teller.handle(world.event("alert.fired", tenant=OTHER))
    real = replica.teller.look
    asked: list[Tenant] = []

    async def look(tenant: Tenant, name: str) -> object:
        asked.append(tenant)
        if tenant == HOME:
            raise fault("broken")
        return await real(tenant, name)

    monkeypatch.setattr(replica.teller, "look", look)
    world.clock.ms += 30_000

    await replica.timekeeper.round()
    first = list(asked)
    monkeypatch.setattr(replica.teller, "look", real)
    world.clock.ms += 6_000
    await replica.timekeeper.round()

    assert sorted(first) == sorted([HOME, OTHER])
    assert [one.tenant for one in world.line.mails] == [OTHER, HOME]


async def test_letters_that_cannot_be_handed_on_hide_none_behind_them(store: Store) -> None:
    world = World(store)
    shelf = world.replica().shelf
    prefix = notice_keys.notices(store.space)
    names = {f"ntf_{n}" for n in range(3 * BATCH)}
    rows: list[str | bytes] = []
    for name in sorted(names):
        letter = Letter(name, HOME, "con_x", "grp_x", "firing", 1)
        rows += [name, frames.pack_small(msgspec.json.encode(letter))]
    await store.call(prefix, "HSET", notice_keys.letters(prefix), *rows)
    seen: set[str] = set()

    for _ in range(6 * BATCH):
        seen |= {one.id for one in await shelf.letters()}
        if seen == names:
            break

    assert seen == names


async def test_alerts_by_the_thousand_are_not_read_for_each_group(store: Store) -> None:
    world = World(store)
    await world.contact()
    replica = world.replica()
    world.firing[HOME] = {
        f"alr_9.{n}": Standing("alr_9", "Many", {"room": f"r{n}"}, "critical") for n in range(500)
    }
    for n in range(20):
        fired = world.event("alert.fired", f"alr_1.{n}", labels={"n": str(n)}, group_by=("n",))
        await replica.teller.handle(fired)
    world.clock.ms += 30_000
    before = replica.asked

    await replica.timekeeper.round()

    assert len(world.line.mails) == 20
    assert replica.asked - before == 1
    world.clock.ms += 30_000
    world.firing[HOME].pop("alr_1.3")
    await replica.timekeeper.round()
    assert replica.asked - before <= 2


def test_what_is_critical_is_found_by_its_labels() -> None:
    firing = {
        "a.1": Standing("a", "A", {"x": "1"}, "critical", metric="m"),
        "a.2": Standing("a", "A", {"x": "2"}, "warning"),
    }

    assert graves(firing) == {frozenset({("x", "1")}): [("a.1", "m")]}
    assert graves(None) == {}


class Full:
    """Webhooks that take no more endpoints."""

    async def admit(self, url: str) -> None:
        """Any."""
        assert url

    async def keep(self, *_: object) -> str | None:
        """None any more."""
        raise Unavailable("no room")


async def test_a_contact_that_cannot_be_made_leaves_the_default_one_as_it_was(store: Store) -> None:
    world = World(store)
    before = await world.contact()
    book = world.replica().book
    repeats = Repeats(store, notice_keys.notices(store.space), "contact")
    contacts = Contacts(book, cast("Hooks", Full()), repeats, world.clock, IDS)
    body = {"name": "pager", "kind": "webhook", "url": "http://one.test/", "default": True}

    with pytest.raises(Unavailable):
        await contacts.create(HOME, msgspec.json.encode(body), None)

    assert await book.default(HOME) == before.id
    assert [one.id for one in await book.of_tenant(HOME)] == [before.id]
