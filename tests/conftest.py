"""Fixtures every test may use: the event loop, and a real store.

Tests run on machines that stall for seconds. So what is short in production, to tell soon that
somebody is dead, is long here (`PATIENCE_S`), but for the tests marked `hasty`: they are about it.
"""

import os
from collections.abc import AsyncIterator, Iterator
from typing import Any

import llmock
import msgspec
import pytest
import store_server
import structlog
from hypothesis import HealthCheck, settings
from llmock import LlMock
from protocol_peers import Served, served
from store_server import StoreServer

from orchestra.agents.discovery import asking, discover
from orchestra.bus.requests import directory
from orchestra.clock import SystemClock, system_random
from orchestra.store import leases, opening
from orchestra.store.client import Store
from orchestra.store.opening import StoreOptions, open_store
from orchestra.workflows.running import engine

PATIENCE_S = 60.0
_CHOSEN = pytest.StashKey[str]()
_PATIENT = pytest.StashKey[pytest.MonkeyPatch]()
_profile = opening._profile
_configure = structlog.configure


def patient() -> pytest.MonkeyPatch:
    """Long leases, and a store that may be silent for long: in this process and its children."""
    made = pytest.MonkeyPatch()
    made.setattr(
        opening,
        "_profile",
        lambda *given: msgspec.structs.replace(_profile(*given), stall_s=PATIENCE_S),
    )
    made.setattr(leases, "LEASE_MS", round(PATIENCE_S * 1_000))
    made.setattr(engine, "LEASE_MS", round(PATIENCE_S * 1_000))
    made.setattr(directory, "LEASE_S", PATIENCE_S)
    made.setattr(asking, "ASK_S", PATIENCE_S)
    made.setattr(asking.Asking.ask, "__defaults__", (PATIENCE_S,))
    made.setattr(discover, "ASK_S", PATIENCE_S)
    made.setitem(os.environ, "ORCHESTRA_STORE_PATIENCE_S", str(PATIENCE_S))
    made.setattr(structlog, "configure", _configure_for_a_while)
    return made


def _configure_for_a_while(**given: Any) -> None:
    """A logger that remembers its configuration is deaf to the next one, and to `capture_logs`."""
    given["cache_logger_on_first_use"] = False
    _configure(**given)


def pytest_configure(config: pytest.Config) -> None:
    """As said above."""
    config.stash[_PATIENT] = patient()
    # By itself an example has 200 ms, but where CI is known to run.
    slow = [HealthCheck.too_slow]
    settings.register_profile("patient", deadline=None, suppress_health_check=slow)
    settings.load_profile("patient")


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Keep how the run ended, for scripts/again."""
    if (cache := getattr(session.config, "cache", None)) is not None:
        cache.set("orchestra/ended", int(exitstatus))


def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave nothing behind."""
    config.stash[_PATIENT].undo()


@pytest.fixture(autouse=True)
def hasty(request: pytest.FixtureRequest) -> Iterator[None]:
    """For tests marked so: what is short in production is."""
    if request.node.get_closest_marker("hasty") is None:
        yield
        return
    request.config.stash[_PATIENT].undo()
    yield
    request.config.stash[_PATIENT] = patient()


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


@pytest.fixture
async def store(store_url: str) -> AsyncIterator[Store]:
    """An open store, empty but for its own configuration."""
    options = StoreOptions(url=store_url, durability="no", allow_weaker=True)
    async with open_store(options, SystemClock(), system_random()) as opened:
        yield opened


@pytest.fixture(scope="session")
def shared_llmock() -> Iterator[LlMock]:
    """A server that answers like the LLM vendors, of the session."""
    with llmock.running() as server:
        yield server


@pytest.fixture
def llm_mock(shared_llmock: LlMock) -> LlMock:
    """The same, well behaved, with nothing behind it."""
    shared_llmock.reset()
    return shared_llmock


@pytest.fixture(scope="session")
def shared_a2a() -> Iterator[Served]:
    """An A2A agent that streams, of the session."""
    with served("a2a") as server:
        yield server


@pytest.fixture(scope="session")
def a2a_plain() -> Iterator[Served]:
    """An A2A agent that does not stream, of the session."""
    with served("a2a", "--no-streaming") as server:
        yield server


@pytest.fixture
def a2a(shared_a2a: Served) -> Served:
    """An A2A agent with all of its skills."""
    shared_a2a.offers("echo", "story", "slow", "reject", "ask", "fail")
    return shared_a2a


@pytest.fixture(scope="session")
def shared_mcp() -> Iterator[Served]:
    """An MCP server of 2026-07-28, of the session."""
    with served("mcp") as server:
        yield server


@pytest.fixture
def mcp(shared_mcp: Served) -> Served:
    """The same, with all of its tools."""
    shared_mcp.offers()
    return shared_mcp


@pytest.fixture(scope="session")
def mcp_older() -> Iterator[Served]:
    """An MCP server that only knows sessions, of the session."""
    with served("mcp", "--older") as server:
        yield server


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say which store the tests ran on."""
    terminalreporter.write_line(f"store: {config.stash.get(_CHOSEN, 'none was needed')}")
