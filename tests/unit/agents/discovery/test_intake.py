"""Registrations on their way in: where they lead, and the secrets they name."""

from typing import Any

import msgspec
import pytest

from orchestra.agents.discovery.asking import Asking
from orchestra.agents.discovery.intake import Intake
from orchestra.agents.registration.reading import Read, RegistrationInvalid
from orchestra.errors import Problem
from orchestra.security.outbound import DestinationNotAllowed, Outbound
from orchestra.store.keys import DEFAULT_TENANT, Tenant

pytestmark = pytest.mark.anyio


class Gate(Outbound):
    """Refuses every host that is called evil."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def admit(self, url: str) -> None:
        self.asked.append(url)
        if "evil" in url:
            raise DestinationNotAllowed("this host must not be called")


class Silent(Asking):
    """Adds nothing to what was read, and notes that it was asked."""

    def __init__(self) -> None:
        self.completed_for: list[Tenant] = []

    async def completed(self, tenant: Tenant, read: Read) -> Read:
        self.completed_for.append(tenant)
        return read


class Desk:
    def __init__(self, *secrets: str) -> None:
        self.gate, self.asking, self._secrets = Gate(), Silent(), secrets
        self.intake = Intake(self.gate, lambda _: None, self.asking, self._known)

    async def _known(self, tenant: Tenant, name: str) -> bool:
        assert tenant == DEFAULT_TENANT
        return name in self._secrets

    async def read(self, **fields: Any) -> Read:
        body = {"name": "far", "agent_type": "far", "capabilities": [{"name": "do"}], **fields}
        return await self.intake.read(DEFAULT_TENANT, msgspec.json.encode(body))


def places(error: RegistrationInvalid) -> list[tuple[str, str]]:
    return [(one.pointer, one.code) for one in error.findings if isinstance(one, Problem)]


async def test_every_place_it_leads_to_is_judged_and_all_are_told_of() -> None:
    desk = Desk()
    with pytest.raises(RegistrationInvalid) as refused:
        await desk.read(
            endpoint="https://evil.example/run", cancel_url="https://evil.example/stop",
            **{"async": True},
        )  # fmt: skip

    assert places(refused.value) == [
        ("/endpoint", "destination_not_allowed"), ("/cancel_url", "destination_not_allowed"),
    ]  # fmt: skip
    assert desk.asking.completed_for == [], "nobody is asked who must not be called"


async def test_what_cannot_be_read_is_not_judged_by_where_it_leads() -> None:
    desk = Desk()
    with pytest.raises(RegistrationInvalid) as refused:
        await desk.read(endpoint="https://evil.example/run", weight=0, oops=1)

    assert ("/endpoint", "destination_not_allowed") not in places(refused.value)
    assert desk.gate.asked == []


@pytest.mark.parametrize(
    ("auth", "codes"),
    [
        ({"type": "bearer", "secret": "${secret:kept}"}, []),
        ({"type": "bearer", "secret": "${secret:lost}"}, ["secret_unknown"]),
        ({"type": "none"}, []),
    ],
)
async def test_a_secret_that_is_not_there_yet_is_said_and_no_fault(
    auth: dict[str, str], codes: list[str]
) -> None:
    desk = Desk("kept")
    read = await desk.read(endpoint="https://h.example/run", auth=auth)

    assert [one.code for one in read.warnings if one.pointer == "/auth/secret"] == codes
    assert desk.asking.completed_for == [DEFAULT_TENANT]


async def test_one_that_leads_nowhere_is_judged_nowhere() -> None:
    desk = Desk()
    await desk.read()

    assert desk.gate.asked == []
