"""Secrets: sealed, versioned, bound to their tenant, shown to nobody."""

import pickle

import anyio
import msgspec
import pytest

from orchestra.clock import Ids, ManualClock, system_random
from orchestra.security.master_key import derived
from orchestra.security.rotation import rotate
from orchestra.security.sealing import MasterKey, Secret, Unopenable
from orchestra.security.secret_wishes import SecretInvalid, Wish
from orchestra.security.secrets import (
    CACHE_S,
    MasterKeyDiffers,
    MasterKeyMissing,
    Secrets,
    SecretUnknown,
    SecretUnreadable,
)
from orchestra.store import secret_keys
from orchestra.store.client import Store
from orchestra.store.keys import DEFAULT_TENANT, Tenant, identities

pytestmark = pytest.mark.anyio

VALUE = "correct-horse-battery-staple"
MASTER = b"m" * 32
OTHER = Tenant("other")


def secrets_of(
    store: Store, clock: ManualClock | None = None, master: bytes | None = MASTER
) -> Secrets:
    clock = clock or ManualClock()
    return Secrets(store, clock, Ids(clock, system_random()), lambda: master)


async def test_what_was_set_is_opened_and_has_a_version(store: Store) -> None:
    secrets = secrets_of(store)

    first, new = await secrets.put(DEFAULT_TENANT, "far", Wish("old-value"), "key_1")
    second, again = await secrets.put(DEFAULT_TENANT, "far", Wish(VALUE), "key_2")

    assert (first.version, new) == (1, True)
    assert (second.version, again) == (2, False)
    assert second.id == first.id
    assert (await secrets.open(DEFAULT_TENANT, "far")).value.reveal() == VALUE
    [(name, kept)] = (await secrets.of_tenant(DEFAULT_TENANT)).items()
    assert (name, kept.updated_by) == ("far", "key_2")


async def test_the_store_holds_no_value(store: Store) -> None:
    await secrets_of(store).put(DEFAULT_TENANT, "far", Wish(VALUE), "key_1")

    prefix = identities(store.space)
    kept = await store.read(prefix, "HGETALL", secret_keys.secrets(prefix, DEFAULT_TENANT))
    assert VALUE not in repr(kept)
    assert MASTER not in await store.read(prefix, "HGETALL", secret_keys.data_keys(prefix))
    assert MASTER.hex() not in repr(
        await store.read(prefix, "HGETALL", secret_keys.data_keys(prefix))
    )


async def test_a_secret_moved_to_another_tenant_or_name_does_not_open(store: Store) -> None:
    secrets = secrets_of(store)
    await secrets.put(DEFAULT_TENANT, "far", Wish(VALUE), "a")
    await secrets.put(DEFAULT_TENANT, "near", Wish("near-value"), "a")
    await secrets.put(OTHER, "far", Wish("theirs-value"), "b")
    prefix = identities(store.space)
    mine = secret_keys.secrets(prefix, DEFAULT_TENANT)
    sealed = await store.read(prefix, "HGET", mine, "far")
    old = (await secrets.of_tenant(DEFAULT_TENANT))["near"]

    await store.call(prefix, "HSET", secret_keys.secrets(prefix, OTHER), "far", sealed)

    with pytest.raises(SecretUnreadable):
        await secrets.open(OTHER, "far")
    box = await secrets._box(DEFAULT_TENANT)
    with pytest.raises(Unopenable):
        box.open(old.sealed, f"{DEFAULT_TENANT}|{old.id}|{old.version + 1}")


async def test_another_tenants_secret_is_unknown(store: Store) -> None:
    secrets = secrets_of(store)
    await secrets.put(DEFAULT_TENANT, "far", Wish(VALUE), "a")

    with pytest.raises(SecretUnknown):
        await secrets.open(OTHER, "far")
    with pytest.raises(SecretUnknown):
        await secrets.remove(OTHER, "far", "b")
    assert await secrets.of_tenant(OTHER) == {}


async def test_other_replicas_see_a_new_value_within_five_seconds(store: Store) -> None:
    clock = ManualClock()
    here, there = secrets_of(store, clock), secrets_of(store, clock)
    await here.put(DEFAULT_TENANT, "far", Wish("old-value"), "a")
    await there.open(DEFAULT_TENANT, "far")
    await here.put(DEFAULT_TENANT, "far", Wish(VALUE), "a")

    clock.advance(round(CACHE_S * 1_000) + 1)

    assert (await there.open(DEFAULT_TENANT, "far")).value.reveal() == VALUE
    await here.remove(DEFAULT_TENANT, "far", "a")
    with pytest.raises(SecretUnknown):
        await here.open(DEFAULT_TENANT, "far")


async def test_writers_at_once_each_get_a_version_of_their_own(store: Store) -> None:
    secrets, versions = secrets_of(store), list[int]()

    async def write(number: int) -> None:
        kept, _ = await secrets.put(DEFAULT_TENANT, "far", Wish(f"value-{number}"), "a")
        versions.append(kept.version)

    async with anyio.create_task_group() as group:
        for number in range(5):
            group.start_soon(write, number)

    assert sorted(versions) == [1, 2, 3, 4, 5]
    assert (await secrets.open(DEFAULT_TENANT, "far")).value.reveal().startswith("value-")


async def test_a_replica_with_another_master_key_does_not_start(store: Store) -> None:
    await secrets_of(store).check_master_key()
    await secrets_of(store).check_master_key()

    for wrong in (b"n" * 32, None):
        with pytest.raises(MasterKeyDiffers) as refused:
            await secrets_of(store, master=wrong).check_master_key()
        assert "master_key_file" in refused.value.detail


async def test_without_a_master_key_there_are_no_secrets_and_the_start_is_fine(
    store: Store,
) -> None:
    secrets = secrets_of(store, master=None)

    await secrets.check_master_key()

    with pytest.raises(MasterKeyMissing):
        await secrets.put(DEFAULT_TENANT, "far", Wish(VALUE), "a")
    assert not await secrets.known(DEFAULT_TENANT, "far")


async def test_a_secret_shows_itself_in_no_way_but_one() -> None:
    secret = Secret(VALUE)

    assert {repr(secret), str(secret), f"{secret}", f"{secret:>3}", f"{[secret]}"} == {
        "***",
        "[***]",
    }
    assert secret.reveal() == VALUE
    for encode in (msgspec.json.encode, msgspec.msgpack.encode, pickle.dumps):
        with pytest.raises(TypeError):
            encode(secret)
    assert VALUE not in repr(Wish(VALUE))


async def test_keys_derived_for_different_purposes_differ() -> None:
    master = MasterKey(MASTER)

    assert len({derived(MASTER, label) for label in ("a", "b", "key-pepper")}) == 3
    assert MasterKey(b"n" * 32).kid != master.kid
    assert MASTER.hex() not in master.check
    wrapped = master.new_data_key("default")
    with pytest.raises(Unopenable):
        master.unwrapped(wrapped, "other")
    with pytest.raises(Unopenable):
        MasterKey(b"n" * 32).unwrapped(wrapped, "default")


@pytest.mark.parametrize(
    ("name", "wish", "pointer"),
    [
        ("a b", Wish("x"), "/name"),
        ("-a", Wish("x"), "/name"),
        ("a" * 64, Wish("x"), "/name"),
        ("a", Wish("x\x00y"), "/value"),
        *[
            ("a", Wish("x", (host,)), "/allowed_hosts/0")
            for host in ("", "https://a.b", "a/b", "a b", "*", "a.*.b", "a:0", "u@a", "a" * 300)
        ],
    ],
)
async def test_what_cannot_be_kept_is_refused_by_place(
    store: Store, name: str, wish: Wish, pointer: str
) -> None:
    with pytest.raises(SecretInvalid) as refused:
        await secrets_of(store).put(DEFAULT_TENANT, name, wish, "a")

    assert [getattr(one, "pointer", None) for one in refused.value.findings] == [pointer]


@pytest.mark.parametrize(
    ("hosts", "url", "may"),
    [
        ((), "http://anywhere.example/", True),
        (("api.example.com",), "https://api.example.com/v1", True),
        (("api.example.com",), "https://API.EXAMPLE.COM:8443/v1", True),
        (("api.example.com",), "https://example.com/", False),
        (("api.example.com",), "https://api.example.com.evil.example/", False),
        (("api.example.com",), "https://api.example.com@evil.example/", False),
        (("api.example.com:8443",), "https://api.example.com/", False),
        (("api.example.com:443",), "https://api.example.com/", True),
        (("*.example.com",), "https://a.b.example.com/", True),
        (("*.example.com",), "https://example.com/", False),
        (("*.example.com",), "https://evilexample.com/", False),
        (("[::1]:80",), "http://[::1]/", True),
        (("127.0.0.1",), "http://127.0.0.1:9/", True),
    ],
)
async def test_a_secret_goes_to_its_hosts_only(
    store: Store, hosts: tuple[str, ...], url: str, may: bool
) -> None:
    secrets = secrets_of(store)
    await secrets.put(DEFAULT_TENANT, "far", Wish(VALUE, hosts), "a")

    assert (await secrets.open(DEFAULT_TENANT, "far")).may_go_to(url) is may


async def test_a_new_master_key_takes_over_and_the_old_one_is_refused(store: Store) -> None:
    old, new, clock = MASTER, b"n" * 32, ManualClock()
    running = secrets_of(store, clock)
    await running.check_master_key()
    await running.put(DEFAULT_TENANT, "far", Wish(VALUE), "a")
    await running.put(OTHER, "far", Wish("theirs-value"), "a")

    assert await rotate(store, old, new, b"pepper") == 2

    after = secrets_of(store, clock, new)
    await after.check_master_key()
    assert (await after.open(DEFAULT_TENANT, "far")).value.reveal() == VALUE
    assert (await after.open(OTHER, "far")).value.reveal() == "theirs-value"
    clock.advance(10_000)
    assert (await running.open(DEFAULT_TENANT, "far")).value.reveal() == VALUE
    with pytest.raises(MasterKeyDiffers):
        await secrets_of(store).check_master_key()
    with pytest.raises(Unopenable):
        await rotate(store, old, b"x" * 32, b"pepper")
