"""The data directory: one owner, room for new work."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from orchestra.store import datadir


def test_a_second_owner_is_refused_naming_the_first(tmp_path: Path) -> None:
    with (
        datadir.locked(tmp_path),
        pytest.raises(datadir.DataInUse, match=f"in use by process {os.getpid()}"),
        datadir.locked(tmp_path),
    ):
        pass


def test_the_directory_is_free_when_its_owner_has_died(tmp_path: Path) -> None:
    held = "import sys, os, pathlib; from orchestra.store import datadir as d\n" \
        "with d.locked(pathlib.Path(sys.argv[1])): os.kill(os.getpid(), 9)"  # fmt: skip
    subprocess.run([sys.executable, "-c", held, str(tmp_path)], check=False)

    with datadir.locked(tmp_path):
        assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"


def test_a_directory_is_made_for_its_owner_only(tmp_path: Path) -> None:
    with datadir.locked(tmp_path / "new" / "data"):
        assert (tmp_path / "new" / "data").stat().st_mode & 0o777 == 0o700


def test_nothing_to_repair_is_no_repair(tmp_path: Path) -> None:
    assert not datadir.repair_tail(tmp_path, 1)


def test_memory_is_at_most_what_the_machine_has() -> None:
    host = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")

    assert 0 < datadir.memory_bytes() <= host


@pytest.mark.parametrize(
    ("total", "free", "room"),
    [
        (100 * 2**30, 5 * 2**30, True),
        (100 * 2**30, 2 * 2**30 - 1, False),
        (10 * 2**30, 500 * 2**20, False),
        (10 * 2**30, 600 * 2**20, True),
        (2**30, 60 * 2**20, False),
    ],
)
def test_new_work_needs_free_space(total: int, free: int, room: bool) -> None:
    assert datadir.enough(total, free) is room
