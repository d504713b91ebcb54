"""The parts of a registration that bound an agent: limits, life, checks, credentials, money."""

import re

from orchestra.agents.records import Auth, Budget, HealthCheck, Heartbeat, Limits, Price
from orchestra.agents.registration.fields import Fields
from orchestra.agents.registration.literals import REFERENCE

HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")
PATH = re.compile(r"/[A-Za-z0-9._~!$&'()*+,;=:@%/-]{0,255}")
FALLBACK = re.compile(r"(?:agent|type):[A-Za-z0-9][A-Za-z0-9 _.-]{0,62}")
FALLBACKS_MAX = 3
USD_MAX = 1_000_000.0
FORBIDDEN_HEADERS = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer"}
)


def read_limits(fields: Fields) -> Limits:
    """Requests and tokens per minute."""
    inner = fields.inner("limits")
    if inner is None:
        return Limits()
    inner.known(Limits.__struct_fields__)
    return Limits(
        inner.maybe_whole("rpm", 1, 10_000_000) or 0, inner.maybe_whole("tpm", 1, 10**10) or 0
    )


def read_heartbeat(fields: Fields) -> Heartbeat:
    """Whether it says by itself that it lives."""
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


def read_health(fields: Fields) -> HealthCheck:
    """How it is asked whether it is well."""
    inner = fields.inner("health")
    if inner is None:
        return HealthCheck()
    inner.known(HealthCheck.__struct_fields__)
    return HealthCheck(
        inner.text("path", "/healthz", pattern=PATH),
        inner.whole("interval_s", 10, 1, 3_600),
        inner.whole("timeout_ms", 2_000, 100, 30_000),
    )


def read_auth(fields: Fields) -> Auth:
    """How we prove who we are. The secret is referred to, never written here."""
    inner = fields.inner("auth")
    if inner is None:
        return Auth()
    inner.known(Auth.__struct_fields__)
    kind = inner.one_of("type", "none", ("none", "bearer", "header", "basic", "hmac"))
    header = inner.text("header", "X-Api-Key", pattern=HEADER)
    if header.lower() in FORBIDDEN_HEADERS:
        inner.find("header", "not_an_option", "this header is the connection's own")
    secret = inner.text("secret", "", most=256)
    if kind != "none" and not secret:
        inner.find("secret", "missing_field", "this field is required", "${secret:name}")
    told = any(one.pointer == f"{inner.at}/secret" for one in inner.findings)
    if secret and not REFERENCE.match(secret) and not told:
        inner.find("secret", "secret_literal", "refer to a secret", "${secret:name}")
    match kind:
        case "bearer" | "header" | "basic" | "hmac":
            return Auth(kind, secret, header)
        case _:
            return Auth()


def read_fallbacks(fields: Fields) -> tuple[str, ...]:
    """Who is asked when this agent and its pool cannot: `agent:<name>` or `type:<name>`."""
    found: list[str] = []
    for i, item in enumerate(fields.items("fallbacks", FALLBACKS_MAX) or []):
        if isinstance(item, str) and FALLBACK.fullmatch(item):
            found.append(item)
        else:
            fields.find_item("fallbacks", i, "format", "must be agent:<name> or type:<type>")
    return tuple(found)


def read_budget(fields: Fields) -> Budget:
    """The most that may be spent."""
    inner = fields.inner("budget")
    if inner is None:
        return Budget()
    inner.known(("usd_per_day", "usd_per_task"))
    return Budget(micro_usd(inner, "usd_per_day"), micro_usd(inner, "usd_per_task"))


def read_price(fields: Fields) -> Price:
    """What a million tokens cost."""
    inner = fields.inner("price")
    if inner is None:
        return Price()
    inner.known(("input_per_mtok", "output_per_mtok"))
    return Price(micro_usd(inner, "input_per_mtok"), micro_usd(inner, "output_per_mtok"))


def micro_usd(fields: Fields, field: str) -> int | None:
    """Dollars as millionths, or None. Text is read too, so that nobody needs a float."""
    value = fields.body.get(field)
    if value is None:
        return None
    try:
        usd = float(value) if isinstance(value, int | float | str) else -1.0
    except (ValueError, OverflowError):
        usd = -1.0
    if isinstance(value, bool) or not 0 <= usd <= USD_MAX:
        fields.find(field, "out_of_range", f"must be dollars, from 0 to {USD_MAX:.0f}")
        return None
    return round(usd * 1_000_000)
