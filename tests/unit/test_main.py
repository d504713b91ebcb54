"""`python -m orchestra`."""

import runpy
import subprocess
import sys

from orchestra import __version__


def test_python_m_orchestra_is_orchestra() -> None:
    words = [sys.executable, "-m", "orchestra", "--version"]
    ran = subprocess.run(words, capture_output=True, text=True, check=True)

    assert ran.stdout == f"orchestra {__version__}\n"


def test_who_only_imports_it_runs_nothing() -> None:
    assert "main" in runpy.run_module("orchestra.__main__", run_name="somebody")
