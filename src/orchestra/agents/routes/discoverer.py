"""What callers may ask about a URL: what is behind it, and to register that. In documents."""

from collections.abc import Mapping
from typing import cast

import msgspec

from orchestra.agents.discovery.discover import Discovery, Found, Place
from orchestra.agents.registration.endpoints import read_url
from orchestra.agents.registration.fields import Fields
from orchestra.agents.registration.forms import capability_of
from orchestra.agents.registration.policies import read_auth
from orchestra.agents.registration.reading import NAME, TYPE, RegistrationInvalid
from orchestra.agents.registry.registry import AgentExists
from orchestra.agents.routes.registrar import Registrar
from orchestra.agents.routes.showing import Document
from orchestra.errors import Problem
from orchestra.security.hardened import loads
from orchestra.security.outbound import DestinationNotAllowed, Outbound
from orchestra.store.keys import Tenant

FIELDS = ("url", "register", "name", "agent_type", "auth")


class _Asked(msgspec.Struct, frozen=True):
    place: Place
    register: bool
    name: str
    agent_type: str


class Discoverer:
    """Discovery as callers see it."""

    def __init__(self, discovery: Discovery, registrar: Registrar, outbound: Outbound) -> None:
        self._discovery, self._registrar, self._outbound = discovery, registrar, outbound

    async def discover(self, tenant: Tenant, body: bytes) -> Document:
        """What is behind the URL, as registrations. Raises RegistrationInvalid."""
        asked = _read(tenant, loads(body))
        try:
            await self._outbound.admit(asked.place.url)
        except DestinationNotAllowed as refused:
            raise RegistrationInvalid(
                "the URL cannot be asked",
                [Problem("/url", "destination_not_allowed", refused.detail)],
            ) from refused
        found, tried = await self._discovery.discover(asked.place)
        items = [await self._item(tenant, asked, one, sole=len(found) == 1) for one in found]
        return {"url": asked.place.url, "found": items, "tried": tried}

    async def _item(self, tenant: Tenant, asked: _Asked, found: Found, *, sole: bool) -> Document:
        registration = dict(found.registration)
        if asked.name and sole:
            registration["name"] = asked.name
        if asked.agent_type:
            registration["agent_type"] = asked.agent_type
        item: Document = {
            "kind": found.kind,
            "url": found.url,
            "registration": registration,
            "capabilities": [capability_of(one) for one in found.capabilities],
            "warnings": found.warnings,
            "agent": None,
        }
        # Of many models none is registered unasked: their registrations are there to choose from.
        if asked.register and (found.kind != "models" or sole):
            item |= await self._register(tenant, registration)
        return item

    async def _register(self, tenant: Tenant, registration: Document) -> Document:
        body = msgspec.json.encode(registration)
        try:
            agent, _ = await self._registrar.register(tenant, body, new_only=True)
        except AgentExists as exists:
            agent = await self._registrar.one(tenant, str(exists.context["id"]))
            agent["warnings"] = [
                Problem("/name", "agent_exists", "an agent of this name exists; it stays as it is")
            ]
        return {"agent": agent}


def _read(tenant: Tenant, body: object) -> _Asked:
    if not isinstance(body, dict):
        raise RegistrationInvalid(
            "a request to discover is a JSON object", [Problem("", "type", "must be an object")]
        )
    findings: list[Problem] = []
    fields = Fields(cast("Mapping[str, object]", body), "", findings)
    fields.known(FIELDS)
    asked = _Asked(
        Place(tenant, read_url(fields, "url"), read_auth(fields)),
        fields.flag("register"),
        fields.text("name", "", pattern=NAME),
        fields.text("agent_type", "", pattern=TYPE),
    )
    if findings:
        raise RegistrationInvalid("the request to discover is wrong", findings)
    return asked
