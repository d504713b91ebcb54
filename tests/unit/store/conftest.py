"""A bundled server of the test's own, on a socket file."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from orchestra.clock import SystemClock
from orchestra.store.embedded import Embedded, Server, running


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    """Started empty, stopped after the test."""
    settings = Embedded(tmp_path / "data", appendfsync="no")
    async with running(settings, SystemClock()) as server:
        yield server
