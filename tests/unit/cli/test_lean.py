"""Importing leanly."""

import gc
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestra.cli import lean


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "lean_spare.py").write_text("")
    (tmp_path / "lean_told.py").write_text(
        "import gc\ncollected = gc.isenabled()\n"
        "try:\n    import lean_spare as spare\nexcept ImportError:\n    spare = None\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    yield
    for name in ("lean_told", "lean_spare"):
        sys.modules.pop(name, None)
    gc.unfreeze()


@pytest.mark.usefixtures("package")
def test_what_is_not_needed_is_not_found_and_nothing_is_collected_meanwhile() -> None:
    told = lean.imported("lean_told", without=("lean_spare",))
    assert told.spare is None
    assert not told.collected
    assert gc.isenabled()


@pytest.mark.usefixtures("package")
def test_what_was_not_found_is_found_again_afterwards() -> None:
    lean.imported("lean_told", without=("lean_spare",))
    assert lean.imported("lean_spare").__name__ == "lean_spare"


@pytest.mark.usefixtures("package")
def test_everything_is_found_when_nothing_is_left_out() -> None:
    assert lean.imported("lean_told").spare is not None
