"""Fixtures every test may use: the event loop, and a real store."""

from collections.abc import Iterator

import pytest
import store_server
from store_server import StoreServer

_CHOSEN = pytest.StashKey[str]()


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, bool]]:
    """The loop of production: asyncio on uvloop."""
    return "asyncio", {"use_uvloop": True}


@pytest.fixture(scope="session")
def shared_store_server(pytestconfig: pytest.Config) -> Iterator[StoreServer]:
    """The store of the session: given, in a container, or bundled (see `store_server`)."""
    with store_server.running() as server:
        pytestconfig.stash[_CHOSEN] = server.kind
        yield server


@pytest.fixture
def store_url(shared_store_server: StoreServer) -> str:
    """URL of a real store that is empty when the test starts."""
    shared_store_server.wipe()
    return shared_store_server.url


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say which store the tests ran on."""
    terminalreporter.write_line(f"store: {config.stash.get(_CHOSEN, 'none was needed')}")
