"""What processes cost, and what the disk takes: read from /proc and measured."""

import os
import statistics
import tempfile
import time
from pathlib import Path

_TICK_MS = 1_000 / os.sysconf("SC_CLK_TCK")


def cpu_ms(pid: int) -> float:
    """CPU time of a process so far, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * _TICK_MS


def peak_rss_mb(pid: int) -> float:
    """The most memory it had."""
    return round(_status_kib(pid, "VmHWM:") / 1_024, 1)


def rss_kib(pid: int) -> int:
    """The memory it has."""
    return _status_kib(pid, "VmRSS:")


def _status_kib(pid: int, name: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next((int(line.split()[1]) for line in lines if line.startswith(name)), 0)


def child_named(pid: int, word: str) -> int | None:
    """The child of `pid` whose command line has `word`."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == pid and word in (entry / "cmdline").read_text():
                return int(entry.name)
        except OSError:
            continue
    return None


def fsync_ms(directory: Path, times: int = 40) -> float:
    """Median time of a small append with fsync in `directory`."""
    took: list[float] = []
    with tempfile.TemporaryFile(dir=directory) as file:
        for _ in range(times):
            began = time.perf_counter()
            os.write(file.fileno(), b"x" * 300)
            os.fsync(file.fileno())
            took.append((time.perf_counter() - began) * 1_000)
    return round(statistics.median(took), 3)
