"""What failed in CI is run once more, alone: `scripts/again`."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

AGAIN = Path(__file__).resolve().parents[2] / "scripts" / "again"
CONFTEST = Path(__file__).resolve().parents[1] / "conftest.py"
KEEPS_HOW_IT_ENDED = "pytest_sessionfinish"
MOODY = """
import pathlib, pytest
def test_moody():
    seen = pathlib.Path("seen")
    if not seen.exists():
        seen.touch()
        pytest.fail("for the first time")
def test_fine():
    pass
"""
BROKEN = MOODY + "def test_wrong(): assert 1 == 2\n"
FOUR = "".join(f"def test_{n}(): assert not {n + 1}\n" for n in range(4))
BREAKS_OFF = MOODY + "def test_last(): raise KeyboardInterrupt\n"


@pytest.mark.parametrize(
    ("tests", "code", "said"),
    [
        (MOODY, 0, "UNSTEADY"),
        (BROKEN, 1, "1 failed, 1 passed"),
        (FOUR, 1, "4 tests failed"),
        (BREAKS_OFF, 1, "a run broke off"),
    ],
)
def test_what_passes_alone_is_named_and_nothing_else_is_forgiven(
    tmp_path: Path, tests: str, code: int, said: str
) -> None:
    hook = CONFTEST.read_text("utf-8").partition(f"def {KEEPS_HOW_IT_ENDED}")[2].partition("\n\n\n")
    (tmp_path / "conftest.py").write_text(f"import pytest\ndef {KEEPS_HOW_IT_ENDED}{hook[0]}\n")
    (tmp_path / "test_it.py").write_text(tests)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    first = [sys.executable, "-m", "pytest", "-o", "cache_dir=first"]
    subprocess.run(first, cwd=tmp_path, env=_apart(), check=False, capture_output=True)
    command = [sys.executable, str(AGAIN), "first"]
    ended = subprocess.run(
        command, cwd=tmp_path, env=_apart(), check=False, capture_output=True, text=True
    )

    assert (ended.returncode, said in ended.stdout) == (code, True), ended.stdout
    if code == 0:
        assert "test_it.py::test_moody" in ended.stdout.partition("UNSTEADY")[2]
        assert "test_fine" not in ended.stdout


def _apart() -> dict[str, str]:
    """Without what the pytest around this one says of itself."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
