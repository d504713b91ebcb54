"""Reads a registration: everything that is wrong with it at once, or what it means."""

import re
from collections.abc import Callable, Mapping
from typing import cast

import msgspec

from orchestra.agents import Provider, PythonAgent
from orchestra.agents.records import Registration
from orchestra.agents.registration.capabilities import TIMEOUT_MS, read_capabilities
from orchestra.agents.registration.fields import Fields
from orchestra.agents.registration.literals import secrets_in
from orchestra.agents.registration.policies import (
    read_auth,
    read_budget,
    read_fallbacks,
    read_health,
    read_heartbeat,
    read_limits,
    read_price,
)
from orchestra.agents.registration.reaches import OWN, PROVIDERS, TELL_THEMSELVES, read_reach
from orchestra.agents.registration.versions import parse
from orchestra.errors import Invalid, Problem, TooLarge

BODY_MAX_BYTES = 262_144
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _.-]{0,62}")
TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")

COMMON = (
    "name", "agent_type", "capabilities", "provider", "description", "version", "labels",
    "metadata", "ephemeral", "priority", "weight", "max_concurrency", "limits", "timeout_ms",
    "hedge", "heartbeat", "health", "auth", "fallbacks", "budget", "price",
)  # fmt: skip


class RegistrationInvalid(Invalid):
    """The registration is wrong. `findings` has everything that is."""


class Read(msgspec.Struct, frozen=True):
    """A registration that can be used, and what its author should know."""

    spec: Registration
    warnings: tuple[Problem, ...] = ()


def read_registration(
    body: object, size_bytes: int, installed: Callable[[str], PythonAgent | None]
) -> Read:
    """Raises RegistrationInvalid, TooLarge. The destination is not judged here: that waits."""
    if size_bytes > BODY_MAX_BYTES:
        raise TooLarge("a registration has at most 256 KiB", limit_bytes=BODY_MAX_BYTES)
    if not isinstance(body, dict):
        raise RegistrationInvalid(
            "a registration is a JSON object", [Problem("", "type", "must be an object")]
        )
    findings: list[Problem] = []
    fields = Fields(cast("Mapping[str, object]", body), "", findings)
    agent_type = fields.text("agent_type", pattern=TYPE)
    code = installed(agent_type)
    provider = _provider(fields, code)
    if provider == "python":
        _judge_entry_point(fields, agent_type, installed)
    fields.known(COMMON + OWN.get(provider, ()))
    findings += secrets_in(fields.body)
    spec = Registration(
        name=fields.text("name", pattern=NAME),
        agent_type=agent_type,
        provider=provider,
        capabilities=read_capabilities(fields, required=provider not in TELL_THEMSELVES),
        description=fields.text("description", "", most=4_096),
        version=_version(fields),
        labels=fields.texts("labels", 64),
        metadata=_metadata(fields),
        ephemeral=fields.flag("ephemeral"),
        priority=fields.whole("priority", _priority(provider, code), 0, 15),
        weight=fields.whole("weight", 1, 1, 100),
        max_concurrency=_max_concurrency(fields, provider, code),
        limits=read_limits(fields),
        timeout_ms=fields.maybe_whole("timeout_ms", *TIMEOUT_MS)
        or (None if provider == "python" else 60_000),
        hedge=fields.flag("hedge"),
        heartbeat=read_heartbeat(fields),
        health=read_health(fields),
        auth=read_auth(fields),
        fallbacks=read_fallbacks(fields),
        budget=read_budget(fields),
        price=read_price(fields),
        reach=read_reach(fields, provider),
    )
    if findings:
        raise RegistrationInvalid("the registration is wrong", findings)
    return Read(spec, tuple(_warnings(spec, code)))


def _provider(fields: Fields, code: PythonAgent | None) -> Provider:
    """As given; else `http` with an endpoint, `python` where the code is here, else `pull`."""
    given = fields.body.get("provider")
    if fields.has("command"):
        fields.find("command", "command_not_allowed", "no request names a command")
    if given is None:
        if fields.has("endpoint"):
            return "http"
        return "pull" if code is None else "python"
    chosen = cast("Provider", fields.one_of("provider", "pull", PROVIDERS))
    if chosen == "python" and code is None and not fields.has("entry_point"):
        fields.find("agent_type", "code_not_installed", "no code is installed for this type")
    return chosen


def _judge_entry_point(
    fields: Fields, agent_type: str, installed: Callable[[str], PythonAgent | None]
) -> None:
    """It names only what was discovered on this host: no request brings code."""
    if not fields.has("entry_point"):
        return
    named = fields.text("entry_point", most=256)
    there = installed(named) if ":" in named else None
    if there is None:
        fields.find("entry_point", "entry_point_unknown", "no such code is installed here")
    elif there.agent_type != agent_type:
        told = f"it serves the type {there.agent_type!r}"
        fields.find("agent_type", "code_not_installed", told, there.agent_type)


def _priority(provider: Provider, code: PythonAgent | None) -> int:
    return code.priority if code is not None and provider == "python" else 8


def _max_concurrency(fields: Fields, provider: Provider, code: PythonAgent | None) -> int | None:
    if fields.has("max_concurrency"):
        return fields.whole("max_concurrency", 8, 1, 10_000)
    if provider == "python":
        return code.max_concurrency if code else None
    return 8


def _version(fields: Fields) -> str:
    version = fields.text("version", "0.0.0", most=128)
    if parse(version) is None:
        fields.find("version", "format", "must be a version such as 1.2.0")
    return version


def _metadata(fields: Fields) -> dict[str, object]:
    inner = fields.inner("metadata")
    return dict(inner.body) if inner else {}


def _warnings(spec: Registration, code: PythonAgent | None) -> list[Problem]:
    """What is accepted and may surprise."""
    found: list[Problem] = []
    served = {one.spec.name for one in code.capabilities} if code else set[str]()
    if spec.provider == "python":
        found += [
            Problem(
                f"/capabilities/{i}",
                "capability_unserved",
                "the installed code does not have this capability, so it is never selected",
            )
            for i, one in enumerate(spec.capabilities)
            if one.name not in served
        ]
    return found
