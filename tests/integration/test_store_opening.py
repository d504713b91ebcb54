"""Opening a given store: what is checked, what is refused, and what a call goes through then."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from valkey_servers import Holder, Valkey, free_port, reached, started

from orchestra.clock import Random, SystemClock, system_random
from orchestra.store import client, keys
from orchestra.store.client import insist
from orchestra.store.failures import NotReplicated, NotSent, StoreAway, StoreFull, Unfit
from orchestra.store.leases import LeaseClock
from orchestra.store.opening import StoreOptions, open_store
from orchestra.store.scripts import load_scripts

pytestmark = pytest.mark.anyio

CLOCK, CHANCE = SystemClock(), system_random()
BEAT = load_scripts("orchestra.store")["session_beat"]


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Valkey]:
    server = Valkey(tmp_path / "valkey", free_port(), "--appendonly", "yes")
    with started(server):
        yield server


async def opened(options: StoreOptions) -> client.Store:
    async with open_store(options, CLOCK, CHANCE) as store:
        return store


async def test_a_script_runs_where_its_prefix_lives(valkey: Valkey) -> None:
    async with open_store(StoreOptions(url=valkey.url), CLOCK, CHANCE) as store:
        prefix = store.prefix(store.partitions[3])

        reply = await store.run(
            BEAT, prefix, session="s", lease_ms=3_000, join="1", cancelled_since=0
        )

        assert reply[0] == 1
        assert await store.read(prefix, "ZRANGE", keys.sessions(prefix), 0, -1) == [b"s"]
        await store.check()


async def test_scripts_forgotten_by_the_server_are_sent_again(valkey: Valkey) -> None:
    async with open_store(StoreOptions(url=valkey.url), CLOCK, CHANCE) as store:
        for _ in range(2):
            await store.call(store.prefix(0), "SCRIPT", "FLUSH")
            replies = await asyncio.gather(
                *(
                    store.run(
                        BEAT, store.prefix(tag), session="s", lease_ms=60_000, join="1",
                        cancelled_since=0,
                    )
                    for tag in store.partitions
                )
            )  # fmt: skip
            assert all(reply[0] == 1 for reply in replies)


async def test_partitions_are_fixed_at_the_first_start(valkey: Valkey) -> None:
    await opened(StoreOptions(url=valkey.url))

    with pytest.raises(Unfit, match="16 partitions and the setting says 32"):
        await opened(StoreOptions(url=valkey.url, partitions=32))


async def test_spaces_do_not_know_each_other(valkey: Valkey) -> None:
    await opened(StoreOptions(url=valkey.url))

    store = await opened(StoreOptions(url=valkey.url, space="other", partitions=32))

    assert store.prefix(0) == "other:{2b7}:"


async def test_a_program_too_old_for_the_data_is_refused(valkey: Valkey) -> None:
    with valkey.client() as direct:
        direct.hset(keys.configuration(keys.installation()), "min_reader", 9)

    with pytest.raises(Unfit, match="reads schema 9"):
        await opened(StoreOptions(url=valkey.url))


async def test_a_policy_that_drops_running_work_is_refused(valkey: Valkey) -> None:
    with valkey.client() as direct:
        direct.config_set("maxmemory-policy", "allkeys-lru")

    with pytest.raises(Unfit, match="noeviction"):
        await opened(StoreOptions(url=valkey.url))


async def test_less_durability_than_asked_for_is_refused_unless_allowed(valkey: Valkey) -> None:
    weak = StoreOptions(url=valkey.url, durability="always")

    with pytest.raises(Unfit, match="fsync was asked for and the store's is process"):
        await opened(weak)

    allowed = StoreOptions(url=valkey.url, durability="always", allow_weaker=True)
    assert (await opened(allowed)).durability.effective == "process"


async def test_a_password_is_used_and_a_wrong_one_refused(valkey: Valkey) -> None:
    with valkey.client() as direct:
        direct.config_set("requirepass", "right")

    await opened(StoreOptions(url=f"redis://:right@127.0.0.1:{valkey.port}/2"))
    with pytest.raises(Unfit, match="WRONGPASS") as refused:
        await opened(StoreOptions(url=f"redis://:wrong@127.0.0.1:{valkey.port}"))
    assert ":wrong" not in str(refused.value)


async def test_nobody_there_is_said_in_time() -> None:
    nobody = StoreOptions(url=f"redis://127.0.0.1:{free_port()}", reach_s=0.2)

    with pytest.raises(StoreAway):
        await opened(nobody)


async def test_what_the_block_raises_comes_out_as_it_is(valkey: Valkey) -> None:
    with pytest.raises(ZeroDivisionError):
        async with open_store(StoreOptions(url=valkey.url), CLOCK, CHANCE):
            raise ZeroDivisionError


async def test_above_85_percent_of_the_memory_no_new_work_comes_in(valkey: Valkey) -> None:
    with valkey.client() as direct:
        direct.config_set("maxmemory", int(direct.info("memory")["used_memory"] * 1.1))

    async with open_store(StoreOptions(url=valkey.url), CLOCK, CHANCE) as store:

        async def full() -> bool:
            try:
                store.admit()
            except StoreFull:
                return True
            return False

        await reached(full)


async def test_replicated_means_a_replica_has_it(tmp_path: Path, valkey: Valkey) -> None:
    primary = ("127.0.0.1", str(valkey.port))
    replica = Valkey(tmp_path / "replica", free_port(), "--replicaof", *primary)
    options = StoreOptions(url=valkey.url, durability="replicated")
    with started(replica):
        replica.follow()

        async with open_store(options, CLOCK, CHANCE) as store:
            # A replica that is held up has not confirmed it yet.
            await store.insist(lambda: store.call(store.prefix(0), "SET", "a", "1"), 60)
            assert (store.durability.effective, store.durability.replicas) == ("replicated", 1)
            with redis.Redis(port=replica.port) as direct:
                assert direct.get("a") == b"1"

            replica.kill()

            with pytest.raises(NotReplicated):
                await store.call(store.prefix(0), "INCR", "n")
            assert await store.read(store.prefix(0), "GET", "n") == b"1"


async def test_a_replica_is_no_store_to_work_on(tmp_path: Path, valkey: Valkey) -> None:
    primary = ("127.0.0.1", str(valkey.port))
    replica = Valkey(tmp_path / "replica", free_port(), "--replicaof", *primary)
    with started(replica), pytest.raises(Unfit, match="replica"):
        await opened(StoreOptions(url=replica.url))


async def test_insisting_repeats_what_did_not_run_and_then_gives_up() -> None:
    class Jumping(SystemClock):
        passed = 0.0

        def monotonic(self) -> float:
            return self.passed

        async def sleep(self, seconds: float) -> None:
            self.passed += seconds

    clock, tries = Jumping(), 0

    async def call() -> None:
        nonlocal tries
        tries += 1
        raise NotSent

    with pytest.raises(StoreAway) as gone:
        await insist(call, clock, CHANCE, 10)

    assert type(gone.value) is StoreAway
    assert gone.value.retry_after_ms == 1_000
    assert 8 <= tries <= 20
    assert 8 <= clock.passed <= 10


async def test_a_wake_up_reaches_whoever_listens(valkey: Valkey) -> None:
    async with open_store(StoreOptions(url=valkey.url), CLOCK, CHANCE) as store:
        heard: asyncio.Queue[tuple[int, bytes]] = asyncio.Queue()
        task = asyncio.create_task(store.listen(lambda tag, queue: heard.put_nowait((tag, queue))))
        tag = store.partitions[5]
        prefix = store.prefix(tag)

        async with asyncio.timeout(60):
            channel = keys.wake_channel(prefix)
            await reached(lambda: store.call(prefix, "SPUBLISH", channel, "@engine"))
            assert await heard.get() == (tag, b"@engine")

        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def a_lease(store: client.Store, chance: Random = CHANCE) -> LeaseClock:
    return LeaseClock(store.partitions, CLOCK.monotonic, chance)


async def test_the_lease_is_renewed_everywhere(valkey: Valkey) -> None:
    async with open_store(StoreOptions(url=valkey.url), CLOCK, CHANCE) as store:
        lease, holder = a_lease(store), Holder()
        async with store.keeping(lease, holder), asyncio.timeout(60):
            beaten = {await holder.beats.get() for _ in store.partitions}

            assert beaten == {*store.partitions}
            assert not any(lease.fenced(tag) for tag in store.partitions)


async def test_a_session_the_store_gave_up_is_stopped_and_a_new_one_joins(valkey: Valkey) -> None:
    async with open_store(StoreOptions(url=valkey.url), CLOCK, CHANCE) as store:
        lease, holder = a_lease(store), Holder()
        async with store.keeping(lease, holder), asyncio.timeout(60):
            for _ in store.partitions:
                await holder.beats.get()
            first, prefix = lease.session, store.prefix(0)

            await store.call(prefix, "ZREM", keys.sessions(prefix), first)

            assert await holder.fences.get() is None
            assert lease.session != first
            while lease.fenced(0):
                await holder.beats.get()


@pytest.mark.hasty
async def test_a_store_that_is_gone_fences_each_partition(valkey: Valkey) -> None:
    async with open_store(StoreOptions(url=valkey.url), CLOCK, CHANCE) as store:
        lease, holder = a_lease(store), Holder()
        async with store.keeping(lease, holder), asyncio.timeout(60):
            for _ in store.partitions:
                await holder.beats.get()

            valkey.kill()

            fenced = set[int | None]()
            while fenced != {*store.partitions}:
                fenced.add(await holder.fences.get())
            assert lease.fenced(0)
