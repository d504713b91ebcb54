"""The bundled server as a process: who may open it, how it dies, what it repairs."""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import anyio
import pytest
import redis
from valkey_servers import until

from orchestra.clock import SystemClock, system_random
from orchestra.store.client import Store
from orchestra.store.datadir import DataDamaged, DataInUse, cut_behind_damage
from orchestra.store.embedded import Embedded, running
from orchestra.store.failures import Refused
from orchestra.store.opening import StoreOptions, open_store

pytestmark = pytest.mark.anyio

HOLDER = """
import sys, pathlib, anyio
from orchestra.clock import SystemClock
from orchestra.store.embedded import Embedded, running

async def hold():
    async with running(Embedded(pathlib.Path(sys.argv[1])), SystemClock()) as server:
        print(server.process.pid, server.socket, flush=True)
        await anyio.sleep_forever()

anyio.run(hold)
"""


def embedded(directory: Path) -> Embedded:
    return Embedded(directory, appendfsync="always")


def ask(path: str, *command: str) -> object:
    with redis.Redis(unix_socket_path=path, decode_responses=True) as client:
        return client.execute_command(*command)


def alive(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().split(") ")[1][0] != "Z"


def mode(path: str) -> int:
    return Path(path).stat().st_mode & 0o777


def environment(pid: int) -> bytes:
    return Path(f"/proc/{pid}/environ").read_bytes()


def write_and_kill(directory: Path, program: str = HOLDER) -> int:
    """A process that holds the data writes one key and is killed. The id of its server."""
    command = [sys.executable, "-c", program, str(directory)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid, path = parent.stdout.readline().split()
        ask(path, "SET", "a", "1")
        parent.kill()
    return int(pid)


def newest_file(directory: Path) -> Path:
    return next((directory / "appendonlydir").glob("*.incr.aof"))


async def test_only_its_owner_may_open_the_socket(tmp_path: Path) -> None:
    async with running(embedded(tmp_path), SystemClock()) as server:
        assert mode(server.socket) == 0o600
        assert ask(server.socket, "CONFIG", "GET", "port") == {"port": "0"}


async def test_a_second_start_is_refused_at_once_naming_the_first(tmp_path: Path) -> None:
    async with running(embedded(tmp_path), SystemClock()):
        with anyio.fail_after(60), pytest.raises(DataInUse, match=f"process {os.getpid()}"):
            async with running(embedded(tmp_path), SystemClock()):
                pass


async def test_it_dies_with_a_killed_parent_and_what_was_acknowledged_stays(
    tmp_path: Path,
) -> None:
    pid = write_and_kill(tmp_path)
    until(lambda: not alive(pid))

    async with running(embedded(tmp_path), SystemClock()) as server:
        assert ask(server.socket, "GET", "a") == "1"


async def test_a_server_nobody_told_that_its_owner_died_is_shut_down(tmp_path: Path) -> None:
    # As on macOS: there is no signal when a parent dies.
    deaf = HOLDER.replace(
        "async def", "from orchestra.store import embedded\nembedded._PRCTL = None\nasync def"
    )
    pid = write_and_kill(tmp_path, deaf)
    assert alive(pid)

    async with running(embedded(tmp_path), SystemClock()) as server:
        assert ask(server.socket, "GET", "a") == "1"
        assert not alive(pid)


async def test_a_long_path_gets_a_short_socket(tmp_path: Path) -> None:
    async with running(embedded(tmp_path / ("long" * 30)), SystemClock()) as server:
        assert len(server.socket) <= 100
        assert ask(server.socket, "PING")


async def test_no_secret_of_ours_is_in_its_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORCHESTRA_TEST_SECRET", "s3cret")

    async with running(embedded(tmp_path), SystemClock()) as server:
        assert server.process is not None
        given = environment(server.process.pid)

    assert b"s3cret" not in given
    # Where the environment is short, the server writes its title over it.
    assert b"tcache_count" in given or not given.strip(b"\0")


async def test_a_zeroed_tail_is_cut_and_kept_as_evidence(tmp_path: Path) -> None:
    async with running(embedded(tmp_path), SystemClock()) as server:
        ask(server.socket, "SET", "a", "1")
    with newest_file(tmp_path).open("ab") as tail:
        tail.write(b"\0" * 4_096)

    async with running(embedded(tmp_path), SystemClock()) as server:
        assert ask(server.socket, "GET", "a") == "1"

    (copy,) = (tmp_path / "damaged").iterdir()
    assert copy.read_bytes().endswith(b"\0" * 4_096)


async def test_damage_further_in_is_refused_naming_the_place_and_the_command(
    tmp_path: Path,
) -> None:
    async with running(embedded(tmp_path), SystemClock()) as server:
        with redis.Redis(unix_socket_path=server.socket) as client:
            pipeline = client.pipeline(transaction=False)
            for i in range(3_000):
                pipeline.set(f"k{i}", "v" * 100)
            pipeline.execute()
    file = newest_file(tmp_path)
    whole = file.read_bytes()
    damaged = whole[:5_000] + b"\0" * 4_096 + whole[9_096:]
    file.write_bytes(damaged)

    with pytest.raises(DataDamaged, match=r"damaged at byte \d+ of \d+.*orchestra doctor"):
        async with running(embedded(tmp_path), SystemClock()):
            pass

    assert file.read_bytes() == damaged
    copy, cut = cut_behind_damage(tmp_path, 1)
    assert copy.read_bytes() == damaged
    assert cut > 100_000
    async with running(embedded(tmp_path), SystemClock()) as server:
        assert ask(server.socket, "GET", "k0") == "v" * 100


async def test_a_server_that_was_killed_is_started_again(tmp_path: Path) -> None:
    options = StoreOptions(directory=tmp_path)
    async with open_store(options, SystemClock(), system_random()) as store:
        prefix = store.prefix(0)
        await store.call(prefix, "SET", f"{prefix}a", "1")

        await kill_its_server(store, prefix)

        assert await store.insist(lambda: store.read(prefix, "GET", f"{prefix}a"), 60) == b"1"


async def kill_its_server(store: Store, prefix: str) -> None:
    info: bytes = await store.read(prefix, "INFO", "server")
    pid = int(info.split(b"process_id:")[1].split()[0])
    with contextlib.suppress(Refused):
        os.kill(pid, signal.SIGKILL)
    until(lambda: not alive(pid))


@pytest.mark.parametrize(
    ("asked", "effective", "appendfsync"),
    [
        (None, "fsync", "always"),
        ("always", "fsync", "always"),
        ("everysec", "process", "everysec"),
        ("no", "process", "no"),
        ("volatile", "volatile", "off"),
    ],
)
async def test_it_promises_what_was_asked_for(
    tmp_path: Path, asked: str | None, effective: str, appendfsync: str
) -> None:
    options = StoreOptions(directory=tmp_path, durability=asked)

    async with open_store(options, SystemClock(), system_random()) as store:
        assert (store.durability.effective, store.durability.appendfsync) == (
            effective, appendfsync,
        )  # fmt: skip
