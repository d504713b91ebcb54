"""Reads a registration: everything that is wrong with it at once, or what it means."""

import re
from collections.abc import Callable, Mapping
from typing import cast

import msgspec

from orchestra.agents import Capability, Provider, PythonAgent
from orchestra.agents.records import Auth, Heartbeat, Limits, Registration
from orchestra.agents.registration.endpoints import Endpoint, read_endpoint
from orchestra.agents.registration.fields import Fields
from orchestra.agents.registration.literals import REFERENCE, secrets_in
from orchestra.agents.registration.schemas import fault_of
from orchestra.agents.registration.versions import parse
from orchestra.errors import Invalid, Problem, TooLarge

BODY_MAX_BYTES = 262_144
CAPABILITIES_MAX = 64
TIMEOUT_MS = (100, 3_600_000)

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _.-]{0,62}")
TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
CAPABILITY = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _./:-]{0,63}")
HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")

LATER = ("openai", "anthropic", "a2a", "mcp")
PROVIDERS = ("http", "python", "pull")
COMMON = (
    "name", "agent_type", "capabilities", "provider", "description", "version", "labels",
    "metadata", "ephemeral", "priority", "weight", "max_concurrency", "limits", "timeout_ms",
    "hedge", "heartbeat", "health", "auth", "fallbacks", "budget", "price",
)  # fmt: skip
HTTP = ("endpoint", "format", "request_template", "response_path", "async", "cancel_url")
OF_LATER = (
    "base_url", "api", "model", "params", "prompts", "tools", "max_tool_rounds", "card_url",
    "binding", "url", "command",
)  # fmt: skip
UNUSED = ("hedge", "fallbacks", "budget", "price", "health")
"""Fields of the contract that this version reads and does not act on."""


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
    fields.known(_known(fields, provider))
    findings += secrets_in(fields.body)
    endpoint = read_endpoint(fields) if provider == "http" else Endpoint()
    spec = Registration(
        name=fields.text("name", pattern=NAME),
        agent_type=agent_type,
        provider=provider,
        capabilities=_capabilities(fields),
        description=fields.text("description", "", most=4_096),
        version=_version(fields),
        labels=fields.texts("labels", 64),
        metadata=_metadata(fields),
        ephemeral=fields.flag("ephemeral"),
        priority=fields.whole("priority", _priority(provider, code), 0, 15),
        weight=fields.whole("weight", 1, 1, 100),
        max_concurrency=_max_concurrency(fields, provider, code),
        limits=_limits(fields),
        timeout_ms=fields.maybe_whole("timeout_ms", *TIMEOUT_MS)
        or (None if provider == "python" else 60_000),
        heartbeat=_heartbeat(fields),
        auth=_auth(fields),
        endpoint=endpoint.url,
        format=endpoint.format,
        request_template=endpoint.template,
        response_path=endpoint.response_path,
    )
    if findings:
        raise RegistrationInvalid("the registration is wrong", findings)
    return Read(spec, tuple(_warnings(fields, spec, code)))


def _known(fields: Fields, provider: Provider) -> tuple[str, ...]:
    own: tuple[str, ...] = ()
    if provider == "http":
        own = HTTP
    elif fields.body.get("provider") == "python":
        own = ("entry_point",)
    elif fields.body.get("provider") in LATER:
        own = OF_LATER
    return COMMON + own


def _provider(fields: Fields, code: PythonAgent | None) -> Provider:
    """As given; else `http` with an endpoint, `python` where the code is here, else `pull`."""
    given = fields.body.get("provider")
    if fields.has("command"):
        fields.find("command", "command_not_allowed", "no request names a command")
    if given in LATER:
        fields.find("provider", "provider_unsupported", f"{given} agents are not in this version")
        return "pull"
    if given is None:
        if fields.has("endpoint"):
            return "http"
        return "pull" if code is None else "python"
    chosen = cast("Provider", fields.one_of("provider", "pull", PROVIDERS + LATER))
    if chosen == "python":
        if fields.has("entry_point"):
            fields.find("entry_point", "entry_point_unknown", "no such code is installed here")
        elif code is None:
            fields.find("agent_type", "code_not_installed", "no code is installed for this type")
    return chosen


def _priority(provider: Provider, code: PythonAgent | None) -> int:
    return code.priority if code is not None and provider == "python" else 8


def _max_concurrency(fields: Fields, provider: Provider, code: PythonAgent | None) -> int | None:
    if fields.has("max_concurrency"):
        return fields.whole("max_concurrency", 8, 1, 10_000)
    if provider == "python":
        return code.max_concurrency if code else None
    return 8


def _capabilities(fields: Fields) -> tuple[Capability, ...]:
    if not fields.has("capabilities"):
        fields.find("capabilities", "missing_field", "this field is required, [] is allowed")
    found: list[Capability] = []
    for i, item in enumerate(fields.items("capabilities", CAPABILITIES_MAX) or []):
        at = f"{fields.at}/capabilities/{i}"
        if isinstance(item, str):
            item = {"name": item}  # noqa: PLW2901 -- the short form
        if not isinstance(item, dict):
            fields.findings.append(Problem(at, "type", "must be an object with a name"))
            continue
        inner = Fields(cast("Mapping[str, object]", item), at, fields.findings)
        one = _capability(inner)
        if one.name and any(one.name == other.name for other in found):
            inner.find("name", "duplicate_capability", "another capability has this name")
        found.append(one)
    return tuple(found)


def _capability(fields: Fields) -> Capability:
    fields.known(Capability.__struct_fields__)
    return Capability(
        name=fields.text("name", pattern=CAPABILITY),
        input_types=_types(fields, "input_types"),
        output_types=_types(fields, "output_types"),
        description=fields.text("description", "", most=4_096),
        input_schema=_schema(fields, "input_schema"),
        output_schema=_schema(fields, "output_schema"),
        idempotent=fields.flag("idempotent"),
        timeout_ms=fields.maybe_whole("timeout_ms", *TIMEOUT_MS),
    )


def _types(fields: Fields, field: str) -> tuple[str, ...]:
    items = fields.items(field, 32)
    if items is None:
        return ("any",)
    for i, item in enumerate(items):
        if not isinstance(item, str) or not 1 <= len(item) <= 64:
            at = f"{fields.at}/{field}/{i}"
            fields.findings.append(Problem(at, "type", "a type has 1 to 64 characters"))
    return tuple(item for item in items if isinstance(item, str))


def _schema(fields: Fields, field: str) -> dict[str, object] | None:
    inner = fields.inner(field)
    if inner is None:
        return None
    if fault := fault_of(inner.body):
        fields.find(field, "bad_schema", fault)
    return dict(inner.body)


def _version(fields: Fields) -> str:
    version = fields.text("version", "0.0.0", most=128)
    if parse(version) is None:
        fields.find("version", "format", "must be a version such as 1.2.0")
    return version


def _metadata(fields: Fields) -> dict[str, object]:
    inner = fields.inner("metadata")
    return dict(inner.body) if inner else {}


def _limits(fields: Fields) -> Limits:
    inner = fields.inner("limits")
    if inner is None:
        return Limits()
    inner.known(Limits.__struct_fields__)
    return Limits(
        inner.maybe_whole("rpm", 1, 10_000_000) or 0, inner.maybe_whole("tpm", 1, 10**10) or 0
    )


def _heartbeat(fields: Fields) -> Heartbeat:
    inner = fields.inner("heartbeat")
    if inner is None:
        return Heartbeat()
    inner.known(Heartbeat.__struct_fields__)
    mode = inner.one_of("mode", "none", ("none", "push"))
    interval_s = inner.whole("interval_s", 10, 1, 3_600)
    ttl_s = inner.whole("ttl_s", max(30, 3 * interval_s), 2, 86_400)
    if ttl_s <= interval_s:
        inner.find("ttl_s", "out_of_range", "must be longer than interval_s")
    return Heartbeat("push" if mode == "push" else "none", interval_s, ttl_s)


def _auth(fields: Fields) -> Auth:
    """How we will authenticate. Secrets are not kept in this version, so only `none` works."""
    inner = fields.inner("auth")
    if inner is None:
        return Auth()
    inner.known(Auth.__struct_fields__)
    kind = inner.one_of("type", "none", ("none", "bearer", "header", "basic", "hmac"))
    inner.text("header", "X-Api-Key", pattern=HEADER)
    secret = inner.text("secret", "", most=256)
    if kind != "none" and not secret:
        inner.find("secret", "missing_field", "this field is required", "${secret:name}")
    elif secret and REFERENCE.match(secret):
        inner.find("secret", "secrets_unavailable", "secrets are not in this version")
    elif secret and not any(one.pointer == f"{inner.at}/secret" for one in inner.findings):
        inner.find("secret", "secret_literal", "refer to a secret", "${secret:name}")
    return Auth()


def _warnings(fields: Fields, spec: Registration, code: PythonAgent | None) -> list[Problem]:
    """What is accepted and may surprise."""
    found: list[Problem] = []
    if spec.provider == "pull":
        found.append(
            Problem(
                "/provider" if fields.has("provider") else "",
                "pull_not_available",
                "no endpoint, and no code here serves this type: agents that poll for tasks come "
                "in a later version, so this one waits and is never selected",
            )
        )
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
    found += [
        Problem(f"/{field}", "not_in_this_version", "accepted and not acted on in this version")
        for field in UNUSED
        if fields.body.get(field) not in (None, False, [], {})
    ]
    return found
