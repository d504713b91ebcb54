"""Peers: the servers and clients of others that tests talk to, each in its own environment.

`scripts/peers` makes them from tests/peers/NAME.txt: `make test` and CI beforehand, and a test
that is run alone when it first asks.
"""

import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MAKING_S = 300


@cache
def python(name: str) -> Path:
    """The Python of a peer: `llmock`, `a2a`, `mcp` or `vendors`."""
    made = subprocess.run(
        [ROOT / "scripts" / "peers", name],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        timeout=MAKING_S,
        check=False,
    )
    assert made.returncode == 0, f"peer {name}: {made.stderr.decode()}"
    return ROOT / ".peers" / name / "bin" / "python"
