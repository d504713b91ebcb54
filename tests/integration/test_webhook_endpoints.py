"""Endpoints in the store: a picture that follows changes, keys that open nowhere else."""

from collections.abc import AsyncIterator

import anyio
import msgspec
import pytest

from orchestra.bus.webhooks.endpoints import Endpoints
from orchestra.bus.webhooks.keybox import SigningKeyUnreadable
from orchestra.bus.webhooks.records import Endpoint, SigningKey, WebhookMoved, WebhookUnknown
from orchestra.bus.webhooks.signing import new_key
from orchestra.clock import Ids, ManualClock, system_random
from orchestra.security.secrets import Secrets
from orchestra.store import webhook_keys
from orchestra.store.client import Store
from orchestra.store.keys import Tenant

pytestmark = pytest.mark.anyio

A, B = Tenant("a"), Tenant("b")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def endpoints(store: Store, clock: ManualClock) -> Endpoints:
    return another(store, clock)


def another(store: Store, clock: ManualClock) -> Endpoints:
    """Those of one more replica."""
    secrets = Secrets(store, clock, Ids(clock, system_random()), lambda: b"m" * 48)
    return Endpoints(store, clock, secrets)


def an_endpoint(name: str = "whk_1", tenant: Tenant = A) -> Endpoint:
    return Endpoint(name, tenant, name, "https://example.com/")


@pytest.fixture
async def other(store: Store, clock: ManualClock) -> AsyncIterator[Endpoints]:
    made = another(store, clock)
    async with anyio.create_task_group() as group:
        group.start_soon(made.serve)
        yield made
        group.cancel_scope.cancel()


async def test_a_change_is_seen_by_other_replicas(endpoints: Endpoints, other: Endpoints) -> None:
    async def seen(names: set[str], among: Endpoints) -> None:
        with anyio.fail_after(60):
            while {one.id for one in among.all_active().get(A, ())} != names:
                with anyio.move_on_after(0.2):
                    await among.changed.wait()

    first = await endpoints.create(an_endpoint())
    await endpoints.create(an_endpoint("whk_2"))
    await seen({"whk_1", "whk_2"}, other)
    await endpoints.disable(first, "enough")
    await seen({"whk_2"}, other)
    await endpoints.remove(an_endpoint("whk_2"))
    await seen(set(), other)

    [off] = other.everybody()[A]
    assert (off.state, off.disabled_reason) == ("disabled", "enough")
    assert endpoints.everybody() == other.everybody()


async def test_only_one_of_two_changes_at_once_is_kept(endpoints: Endpoints) -> None:
    before = await endpoints.create(an_endpoint())

    after = await endpoints.change(before, msgspec.structs.replace(before, rate_per_s=5))
    with pytest.raises(WebhookMoved):
        await endpoints.change(before, msgspec.structs.replace(before, rate_per_s=6))

    assert await endpoints.get(A, "whk_1") == after
    assert (after.rate_per_s, after.revision) == (5, 2)


async def test_a_key_opens_for_its_webhook_alone_and_until_it_expires(
    endpoints: Endpoints, store: Store, clock: ManualClock
) -> None:
    key, fresh, one = new_key(), SigningKey("sgk_1", b""), an_endpoint()
    kept = await endpoints.sealed(one, key, fresh)
    ending = msgspec.structs.replace(kept, expires_ms=clock.now_ms() + 1_000)
    one = msgspec.structs.replace(one, secrets=(ending,))
    await endpoints.create(one)
    known = another(store, clock)

    assert await known.secret_keys(await known.get(A, "whk_1")) == [key]
    for moved in (
        msgspec.structs.replace(one, tenant=B),
        msgspec.structs.replace(one, id="whk_2"),
        msgspec.structs.replace(one, secrets=(msgspec.structs.replace(kept, id="sgk_2"),)),
    ):
        with pytest.raises(SigningKeyUnreadable):
            await another(store, clock).secret_keys(moved)
    clock.advance(1_001)
    assert await known.secret_keys(one) == []


async def test_a_damaged_record_hides_no_other(endpoints: Endpoints, store: Store) -> None:
    await endpoints.create(an_endpoint())
    await endpoints.create(an_endpoint("whk_2"))
    prefix = webhook_keys.webhooks(store.space)
    await store.call(prefix, "HSET", webhook_keys.endpoints(prefix, A), "whk_1", b"1|damaged")

    assert [one.id for one in await endpoints.of_tenant(A)] == ["whk_2"]


async def test_a_tenant_knows_nothing_of_another(endpoints: Endpoints) -> None:
    await endpoints.create(an_endpoint())

    assert await endpoints.of_tenant(B) == []
    with pytest.raises(WebhookUnknown):
        await endpoints.get(B, "whk_1")
    await endpoints.remove(an_endpoint(tenant=B))
    assert (await endpoints.get(A, "whk_1")).tenant == A
