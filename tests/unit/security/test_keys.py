"""Keys in a real store: made, verified, expired, revoked, made first by one of many."""

import anyio
import pytest

from orchestra.clock import ManualClock
from orchestra.errors import NotFound, OrchestraError, Unauthenticated
from orchestra.security.key_text import new_key
from orchestra.security.keys import DAY_MS, KeyRing, NameInvalid, Wish
from orchestra.store.client import Store
from orchestra.store.keys import DEFAULT_TENANT, Tenant, api_key, identities

pytestmark = pytest.mark.anyio

PEPPER = b"p" * 32
ADMIN = Wish(name="admin", role="platform_admin")


async def refused(ring: KeyRing, text: str) -> bool:
    try:
        await ring.verify(text)
    except Unauthenticated:
        return True
    return False


async def test_a_key_that_was_made_is_known(store: Store) -> None:
    ring = KeyRing(store, ManualClock(), PEPPER)

    key, text = await ring.create(Wish(name="ci", role="operator", scopes=("executions:*",)))

    principal, kind = await ring.authenticate(text)
    assert (principal.actor, principal.tenant, kind) == (key.id, DEFAULT_TENANT, "live")
    assert principal.permissions == {
        "executions:read", "executions:start", "executions:operate",
    }  # fmt: skip


async def test_the_store_never_holds_the_secret(store: Store) -> None:
    ring = KeyRing(store, ManualClock(), PEPPER)
    key, text = await ring.create(ADMIN)

    prefix = identities(store.space)
    record = await store.read(prefix, "GET", api_key(prefix, key.id.removeprefix("key_")))

    assert text.encode() not in record
    assert text[18:61].encode() not in record


async def test_another_secret_under_a_known_handle_is_refused(store: Store) -> None:
    ring = KeyRing(store, ManualClock(), PEPPER)
    _, text = await ring.create(ADMIN)

    assert await refused(ring, new_key())
    assert await refused(KeyRing(store, ManualClock(), b"q" * 32), text)
    assert await refused(ring, text[:-1])


async def test_a_key_expires(store: Store) -> None:
    clock = ManualClock()
    ring = KeyRing(store, clock, PEPPER)
    _, text = await ring.create(Wish(name="short", days=1))

    clock.advance(DAY_MS - 1)
    assert not await refused(ring, text)
    clock.advance(1)
    assert await refused(ring, text)


async def test_a_revoked_key_is_refused_here_at_once_and_elsewhere_within_5_s(store: Store) -> None:
    clock = ManualClock()
    here, there = KeyRing(store, clock, PEPPER), KeyRing(store, clock, PEPPER)
    key, text = await here.create(ADMIN)
    assert not await refused(there, text)

    await here.revoke(key.id)

    assert await refused(here, text)
    assert not await refused(there, text)
    clock.advance(5_001)
    assert await refused(there, text)


async def test_a_key_of_another_tenant_cannot_be_revoked(store: Store) -> None:
    ring = KeyRing(store, ManualClock(), PEPPER)
    key, text = await ring.create(ADMIN)

    with pytest.raises(NotFound):
        await ring.revoke(key.id, Tenant("other"))

    assert not await refused(ring, text)


async def test_of_many_replicas_one_makes_the_first_key(store: Store) -> None:
    rings = [KeyRing(store, ManualClock(), PEPPER) for _ in range(8)]
    adopted: list[bool] = []

    async def adopt(ring: KeyRing) -> None:
        adopted.append(await ring.adopt_first(ADMIN, new_key()))

    async with anyio.create_task_group() as group:
        for ring in rings:
            group.start_soon(adopt, ring)

    assert sorted(adopted) == [False] * 7 + [True]
    assert len(await rings[0].of_tenant()) == 1


async def test_after_the_last_key_expired_there_may_be_a_first_again(store: Store) -> None:
    ring = KeyRing(store, ManualClock(), PEPPER)
    key, _ = await ring.create(ADMIN)
    prefix = identities(store.space)
    await store.call(prefix, "DEL", api_key(prefix, key.id.removeprefix("key_")))

    assert await ring.adopt_first(ADMIN, new_key())


async def test_every_key_in_the_store_ends(store: Store) -> None:
    ring = KeyRing(store, ManualClock(), PEPPER)
    key, _ = await ring.create(Wish(name="long", days=10_000))

    prefix = identities(store.space)
    left_ms = await store.read(prefix, "PTTL", api_key(prefix, key.id.removeprefix("key_")))

    assert 365 * DAY_MS < left_ms <= 366 * DAY_MS


async def test_a_name_is_a_name(store: Store) -> None:
    ring = KeyRing(store, ManualClock(), PEPPER)

    for name in ("", "a b", "-x", "x" * 129, "\x1b[31m"):
        with pytest.raises(NameInvalid):
            await ring.create(Wish(name=name))


async def test_only_text_that_is_a_key_is_adopted(store: Store) -> None:
    with pytest.raises(OrchestraError):
        await KeyRing(store, ManualClock(), PEPPER).adopt_first(ADMIN, "hunter2")
