"""What settings admit and forbid."""

import anyio
import pytest

from orchestra.clock import ManualClock
from orchestra.security.destinations import BadEntry, entry, policy
from orchestra.security.ourselves import keep_judged, policy_of
from orchestra.security.outbound import DestinationNotAllowed, Outbound
from orchestra.settings import Settings


@pytest.mark.parametrize(
    ("text", "address", "port", "covered"),
    [
        ("10.0.3.0/24:8080", "10.0.3.9", 8080, True),
        ("10.0.3.0/24:8080", "10.0.3.9", 8081, False),
        ("10.0.3.0/24:8080", "10.0.4.1", 8080, False),
        ("10.0.0.0/8", "10.9.9.9", 1, True),
        ("127.0.0.1:9000", "127.0.0.1", 9000, True),
        ("127.0.0.1:9000", "127.0.0.2", 9000, False),
        ("[fd00::]/8:80", "fd12::1", 80, True),
        ("[::1]:9000", "::1", 9000, True),
        ("fd00::/8", "fd12::1", 5, True),
        ("127.0.0.0/8:80", "::ffff:127.0.0.1", 80, True),
    ],
)
def test_an_entry_is_a_network_and_perhaps_a_port(
    text: str, address: str, port: int, covered: bool
) -> None:
    assert policy([text]).permits(address, port) is covered


@pytest.mark.parametrize("text", ["", "localhost:80", "10.0.0.0/33", "10.0.0.1:x", "[::1", "a/8"])
def test_anything_else_is_refused_when_it_is_read(text: str) -> None:
    with pytest.raises(BadEntry):
        entry(text)


@pytest.mark.parametrize("address", ["169.254.169.254", "fe80::1", "fd00:ec2::254"])
def test_metadata_services_are_not_admitted_by_any_entry(address: str) -> None:
    assert not policy(["0.0.0.0/0", "::/0"]).permits(address, 80)


@pytest.mark.anyio
async def test_our_listener_public_url_and_store_are_forbidden() -> None:
    settings = Settings(
        host="0.0.0.0",  # noqa: S104 -- a setting under test
        port=8000,
        public_url="http://127.0.0.7:8001/x",
        store_url="redis://user:pw@127.0.0.8:7000,127.0.0.9/0",
        network_allow=("127.0.0.0/8",),
    )

    found = await policy_of(settings)

    assert found.permits("127.0.0.1", 9000)
    assert found.permits("127.0.0.7", 8000) is False
    assert found.permits("127.0.0.7", 8001) is False
    assert found.permits("127.0.0.8", 7000) is False
    assert found.permits("127.0.0.9", 6379) is False


@pytest.mark.anyio
async def test_a_sentinel_without_a_port_is_forbidden_where_it_listens() -> None:
    settings = Settings(store_url="redis+sentinel://127.0.0.8/mine", network_allow=("127.0.0.0/8",))

    assert (await policy_of(settings)).permits("127.0.0.8", 26379) is False


class Turns(ManualClock):
    """Sleeps until it is told to go on."""

    def __init__(self) -> None:
        super().__init__()
        self.rests, self.on = anyio.Event(), anyio.Event()

    async def sleep(self, seconds: float) -> None:
        self.rests.set()
        await self.on.wait()

    async def turn(self) -> None:
        """One more."""
        self.rests, on, self.on = anyio.Event(), self.on, anyio.Event()
        on.set()
        await self.rests.wait()


@pytest.mark.anyio
async def test_a_server_of_the_store_is_not_dialled_once_it_is_known() -> None:
    settings = Settings(store_url="redis+cluster://127.0.0.1:7001", network_allow=("127.0.0.0/8",))
    outbound, clock = Outbound(policy(("127.0.0.0/8",))), Turns()
    there = {("127.0.0.1", 7002)}
    before, after = list[bool](), list[bool]()

    async with anyio.create_task_group() as group:
        group.start_soon(keep_judged, outbound, settings, lambda: frozenset(there), clock)
        await clock.rests.wait()
        before = [await admitted(outbound, port) for port in (7001, 7002, 7003)]
        there.add(("127.0.0.1", 7003))
        await clock.turn()
        after = [await admitted(outbound, port) for port in (7003, 7004)]
        group.cancel_scope.cancel()

    assert (before, after) == ([False, False, True], [False, True])


async def admitted(outbound: Outbound, port: int) -> bool:
    try:
        await outbound.admit(f"http://127.0.0.1:{port}/")
    except DestinationNotAllowed:
        return False
    return True
