"""Cluster, sentinels and TLS: slots that move, primaries that change, one program that follows."""

import asyncio
import contextlib
import ssl
import subprocess
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path

import pytest
from valkey_servers import Holder, Valkey, free_port, reached, started, until

from orchestra.clock import SystemClock, system_random
from orchestra.store import keys, partitions
from orchestra.store.failures import NotSent, Refused
from orchestra.store.leases import LeaseClock
from orchestra.store.opening import StoreOptions, open_store
from orchestra.store.scripts import load_scripts

pytestmark = pytest.mark.anyio

CLOCK, CHANCE = SystemClock(), system_random()
BEAT = load_scripts("orchestra.store")["session_beat"]
BEATEN = {"session": "s", "lease_ms": 3_000, "join": "1", "cancelled_since": 0}


def node(directory: Path, *options: str) -> Valkey:
    given = ("--cluster-enabled", "yes", "--cluster-node-timeout", "60000", "--appendonly", "yes")
    return Valkey(directory, free_port(), *given, *options)


def meet(first: Valkey, *others: Valkey) -> None:
    for other in others:
        ask(first, "CLUSTER", "MEET", "127.0.0.1", other.port, other.port + 10_000)


def ask(server: Valkey, *command: str | int) -> object:
    with server.client() as client:
        return client.execute_command(*command)


def healthy(*nodes: Valkey) -> bool:
    told = [str(ask(one, "CLUSTER", "INFO")) for one in nodes]
    known = f"cluster_known_nodes:{len(nodes)}\r"
    return all("cluster_state:ok" in info and known in info for info in told)


@pytest.fixture
def two(tmp_path: Path) -> Iterator[tuple[Valkey, Valkey]]:
    """Two primaries, each with half of the slots."""
    low, high = node(tmp_path / "low"), node(tmp_path / "high")
    with started(low, high):
        ask(low, "CLUSTER", "SET-CONFIG-EPOCH", 1)
        ask(high, "CLUSTER", "SET-CONFIG-EPOCH", 2)
        ask(low, "CLUSTER", "ADDSLOTSRANGE", 0, 8_191)
        ask(high, "CLUSTER", "ADDSLOTSRANGE", 8_192, 16_383)
        meet(low, high)
        until(lambda: healthy(low, high))
        yield low, high


def options(server: Valkey, scheme: str = "redis+cluster") -> StoreOptions:
    return StoreOptions(url=f"{scheme}://127.0.0.1:{server.port}", durability="process")


@pytest.mark.parametrize("scheme", ["redis", "redis+cluster"])
async def test_every_partition_is_found_in_a_cluster(
    two: tuple[Valkey, Valkey], scheme: str
) -> None:
    async with open_store(options(two[0], scheme), CLOCK, CHANCE) as store:
        replies = await asyncio.gather(
            *(store.run(BEAT, store.prefix(tag), **BEATEN) for tag in store.partitions)
        )

        servers = store.servers

    assert all(reply[0] == 1 for reply in replies)
    assert servers == {("127.0.0.1", one.port) for one in two}
    assert [len(list(one.client().scan_iter("o:*:wk"))) for one in two] == [8, 8]


async def test_a_key_of_another_slot_is_refused_by_the_server(
    two: tuple[Valkey, Valkey],
) -> None:
    async with open_store(options(two[0]), CLOCK, CHANCE) as store:
        with pytest.raises((NotSent, Refused)):
            await store.call(store.prefix(0), "MSET", "a", "1", "b", "2")


async def test_a_slot_that_moved_did_not_run_the_call_and_is_found_again(
    two: tuple[Valkey, Valkey],
) -> None:
    low, high = two
    async with open_store(options(low), CLOCK, CHANCE) as store:
        prefix = store.prefix(0)
        await store.call(prefix, "PING")
        to = str(ask(high, "CLUSTER", "MYID"))
        for one in (high, low):
            ask(one, "CLUSTER", "SETSLOT", partitions.slot(prefix), "NODE", to)

        with pytest.raises(NotSent, match="MOVED"):
            await store.call(prefix, "INCR", f"{prefix}n")

        key = f"{prefix}n"
        assert await store.insist(lambda: store.call(prefix, "INCR", key)) == 1


async def test_wake_ups_come_from_every_primary(two: tuple[Valkey, Valkey]) -> None:
    async with open_store(options(two[0]), CLOCK, CHANCE) as store:
        heard: asyncio.Queue[int] = asyncio.Queue()
        task = asyncio.create_task(store.listen(lambda tag, _: heard.put_nowait(tag)))

        async with asyncio.timeout(60):
            for tag in store.partitions:
                prefix = store.prefix(tag)
                publish = partial(store.call, prefix, "SPUBLISH", keys.wake_channel(prefix), "q")
                await reached(publish)
            assert {await heard.get() for _ in store.partitions} == {*store.partitions}

        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.mark.slow
async def test_a_replica_that_took_over_is_followed(tmp_path: Path) -> None:
    primary, replica = node(tmp_path / "a"), node(tmp_path / "b")
    with started(primary, replica):
        ask(primary, "CLUSTER", "ADDSLOTSRANGE", 0, 16_383)
        meet(primary, replica)
        until(lambda: healthy(primary, replica))
        ask(replica, "CLUSTER", "REPLICATE", str(ask(primary, "CLUSTER", "MYID")))
        replica.follow()
        given = StoreOptions(url=f"redis+cluster://127.0.0.1:{primary.port}")
        async with open_store(given, CLOCK, CHANCE) as store:
            assert store.durability.effective == "replicated"
            prefix = store.prefix(0)
            key = f"{prefix}n"
            await store.insist(lambda: store.call(prefix, "SET", key, 1), 60)

            ask(replica, "CLUSTER", "FAILOVER", "TAKEOVER")

            until(lambda: role(replica) == "master")
            assert await store.insist(lambda: store.read(prefix, "GET", key), 60) == b"1"
            primary.kill()
            assert await store.insist(lambda: store.read(prefix, "GET", key), 60) == b"1"


def role(server: Valkey) -> object:
    with server.client() as client:
        return client.info("replication")["role"]


@pytest.mark.slow
async def test_sentinels_are_asked_again_when_the_primary_dies(tmp_path: Path) -> None:
    primary = Valkey(tmp_path / "a", free_port(), "--appendonly", "yes")
    replica = Valkey(
        tmp_path / "b", free_port(), "--appendonly", "yes",
        "--replicaof", "127.0.0.1", str(primary.port),
    )  # fmt: skip
    with started(primary, replica):
        replica.follow()
        with sentinel(tmp_path / "s", primary) as watching:
            until(lambda: ask(watching, "SENTINEL", "REPLICAS", "main") != [])
            url = f"redis+sentinel://127.0.0.1:{watching.port}/main"
            async with open_store(StoreOptions(url=url), CLOCK, CHANCE) as store:
                assert store.durability.effective == "replicated"
                prefix = store.prefix(0)
                key = f"{prefix}n"
                await store.insist(lambda: store.call(prefix, "SET", key, 1), 60)
                lease, holder = LeaseClock(store.partitions, CLOCK.monotonic, CHANCE), Holder()
                async with store.keeping(lease, holder):
                    primary.kill()
                    ask(watching, "SENTINEL", "SET", "main", "down-after-milliseconds", "500")

                    found = await store.insist(lambda: store.read(prefix, "GET", key), 60)

                    assert found == b"1"
                    async with asyncio.timeout(60):
                        while lease.fenced(0):
                            await holder.beats.get()


@contextlib.contextmanager
def sentinel(directory: Path, primary: Valkey) -> Iterator[Valkey]:
    directory.mkdir()
    settings = directory / "sentinel.conf"
    settings.write_text(
        f"sentinel monitor main 127.0.0.1 {primary.port} 1\n"
        "sentinel down-after-milliseconds main 600000\n"
        "sentinel failover-timeout main 2000\n"
    )
    one = Valkey(directory, free_port(), "--sentinel", settings=settings)
    with started(one):
        yield one


async def test_tls_with_a_given_authority(tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path)
    inside = Valkey(tmp_path / "a", free_port(), "--appendonly", "yes")
    with started(inside):
        async with tls_in_front_of(inside, certificate) as port:
            url = f"rediss://127.0.0.1:{port}?ssl_ca_certs={certificate}"
            async with open_store(StoreOptions(url=url), CLOCK, CHANCE) as store:
                prefix = store.prefix(0)
                assert (await store.run(BEAT, prefix, **BEATEN))[0] == 1
                lease = LeaseClock(store.partitions, CLOCK.monotonic, CHANCE)
                holder = Holder()
                async with store.keeping(lease, holder), asyncio.timeout(60):
                    while lease.fenced(0):
                        await holder.beats.get()


def make_certificate(directory: Path) -> Path:
    path = directory / "both.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
    subprocess.run(
        [*command.split(), "-subj", "/CN=store", "-addext", "subjectAltName=IP:127.0.0.1",
         "-keyout", str(directory / "key.pem"), "-out", str(path)],
        check=True, capture_output=True,
    )  # fmt: skip
    with path.open("a") as both:
        both.write((directory / "key.pem").read_text())
    return path


@contextlib.asynccontextmanager
async def tls_in_front_of(inside: Valkey, certificate: Path) -> AsyncIterator[int]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    lines: set[asyncio.Task[None]] = set()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                writer.write(data)
        writer.close()

    async def join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", inside.port)
        lines.update(map(asyncio.create_task, (pump(reader, back), pump(there, writer))))

    server = await asyncio.start_server(join, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]
        server.close()
        for line in lines:
            line.cancel()
        await asyncio.gather(*lines, return_exceptions=True)
