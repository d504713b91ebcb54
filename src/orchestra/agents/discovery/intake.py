"""Takes registrations in: read, judged by where they lead, and completed by the agent itself."""

from collections.abc import Awaitable, Callable

import msgspec

from orchestra.agents import PythonAgent
from orchestra.agents.credentials import secret_named
from orchestra.agents.discovery.asking import Asking
from orchestra.agents.registration.reaches import urls_of
from orchestra.agents.registration.reading import Read, RegistrationInvalid, read_registration
from orchestra.errors import Problem
from orchestra.security.hardened import loads
from orchestra.security.outbound import DestinationNotAllowed, Outbound
from orchestra.store.keys import Tenant


class Intake:
    """What somebody wrote becomes what can be registered."""

    def __init__(
        self,
        outbound: Outbound,
        installed: Callable[[str], PythonAgent | None],
        asking: Asking,
        secret_known: Callable[[Tenant, str], Awaitable[bool]],
    ) -> None:
        self._outbound, self._installed, self._asking = outbound, installed, asking
        self._secret_known = secret_known

    async def read(self, tenant: Tenant, body: bytes) -> Read:
        """Raises what reading raises, and RegistrationInvalid for where it must not lead."""
        return await self.take(tenant, loads(body), len(body))

    async def take(self, tenant: Tenant, document: object, size_bytes: int) -> Read:
        """The same for a body that was decoded already."""
        read = read_registration(document, size_bytes, self._installed)
        findings: list[Problem] = []
        for field, url in urls_of(read.spec.reach).items():
            try:
                await self._outbound.admit(url)
            except DestinationNotAllowed as refused:
                findings.append(Problem(f"/{field}", "destination_not_allowed", refused.detail))
        if findings:
            raise RegistrationInvalid("the registration is wrong", findings)
        name = secret_named(read.spec.auth)
        if name is not None and not await self._secret_known(tenant, name):
            told = f"there is no secret {name!r} yet: set it, or no task reaches the agent"
            missing = Problem("/auth/secret", "secret_unknown", told)
            read = msgspec.structs.replace(read, warnings=(*read.warnings, missing))
        return await self._asking.completed(tenant, read)
