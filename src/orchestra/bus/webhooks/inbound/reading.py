"""Reading what callers write about an inbound hook: all findings at once, or what it means."""

import re
from collections.abc import Mapping
from typing import Final, cast

import msgspec

from orchestra.bus.webhooks.fields import Fields
from orchestra.bus.webhooks.inbound.records import Hook, Scheme, Signal, Target
from orchestra.bus.webhooks.inbound.schemes import SCHEMES
from orchestra.bus.webhooks.reading import NAME_MAX, OVERLAP_H, settle
from orchestra.errors import Problem
from orchestra.store.keys import Tenant

HEADERS_MAX: Final = 10
RATE_MAX: Final = 500
SETTLED: Final = ("name", "target", "headers", "rate_per_s", "active")
CREATED: Final = (*SETTLED, "scheme", "secret", "public")

_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")
_SIGNAL: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_PLACE: Final = re.compile(r"\$\{input((?:\.[A-Za-z_][A-Za-z0-9_]{0,62}){1,8})\}")
_HEADER: Final = re.compile(r"[A-Za-z0-9-]{1,64}")
_HIDDEN: Final = ("authorization", "cookie", "proxy-authorization", "x-api-key")


class Wanted(msgspec.Struct, frozen=True):
    """A hook somebody wants, and the secret it is given; None: one is made."""

    hook: Hook
    secret: str | None


def read_hook(body: object, base: Hook, findings: list[Problem], *, new: bool) -> Wanted:
    """`base` as `body` says."""
    fields = Fields(body, findings, CREATED if new else SETTLED)
    active = fields.choice("active", otherwise=True)
    hook = msgspec.structs.replace(
        base,
        name=fields.required("name", NAME_MAX),
        target=_target(fields, findings),
        headers=_headers(fields),
        rate_per_s=fields.whole("rate_per_s", 1, RATE_MAX) or 10,
        state="active" if active else "disabled",
    )
    if not new:
        return Wanted(hook, None)
    scheme = cast("Scheme", fields.one_of("scheme", tuple(SCHEMES)) or "standard-webhooks")
    hook = msgspec.structs.replace(hook, scheme=scheme, public=fields.flag("public"))
    secret = fields.text("secret", 512)
    if hook.public and secret is not None:
        fields.find("secret", "unused", "a public hook has none")
    if not hook.public:
        _judge(fields, scheme, secret)
    return Wanted(hook, secret)


def blank(tenant: Tenant, hook_id: str, now_ms: int) -> Hook:
    """What a new hook begins as."""
    return Hook(hook_id, tenant, "", created_ms=now_ms, updated_ms=now_ms)


def form_of(hook: Hook) -> dict[str, object]:
    """The settings of a hook, as somebody would have to write them."""
    target: dict[str, object] = {}
    if hook.target.workflow:
        target["workflow"] = hook.target.workflow
    if signal := hook.target.signal:
        target["signal"] = {"execution": signal.execution, "name": signal.name}
    return {
        "name": hook.name,
        "target": target,
        "headers": list(hook.headers),
        "rate_per_s": hook.rate_per_s,
        "active": hook.state == "active",
    }


def read_rotation(body: object, scheme: Scheme) -> tuple[int, str | None]:
    """For how many hours the old secret is believed, too; the new one. Raises WebhookInvalid."""
    findings: list[Problem] = []
    fields = Fields(body, findings, ("overlap_h", "secret"))
    hours, secret = fields.whole("overlap_h", *OVERLAP_H), fields.text("secret", 512)
    _judge(fields, scheme, secret)
    settle(findings)
    return 24 if hours is None else hours, secret


def place_in(text: str, given: object) -> str | None:
    """`text`, or the member of `given` that `${input.…}` names; None when it is no text."""
    place = _PLACE.fullmatch(text)
    if place is None:
        return text
    found = given
    for name in place[1].split(".")[1:]:
        found = cast("Mapping[str, object]", found).get(name) if isinstance(found, dict) else None
    return found if isinstance(found, str) and _ID.fullmatch(found) else None


def _judge(fields: Fields, scheme: Scheme, secret: str | None) -> None:
    row = SCHEMES[scheme]
    if secret is not None and not row.is_secret(secret):
        fields.find("secret", "format", f"must be {row.told}")
    elif secret is None and not row.made and not fields.has("secret"):
        fields.find("secret", "missing_field", f"give {row.told}")


def _target(fields: Fields, findings: list[Problem]) -> Target:
    inner = fields.inner("target", ("workflow", "signal"))
    if inner is None:
        return Target()
    workflow, signal = inner.text("workflow", 128), inner.inner("signal", ("execution", "name"))
    if workflow is not None and not _ID.fullmatch(workflow):
        inner.find("workflow", "format", "must be the id of a workflow")
    if signal is None:
        return Target(workflow)
    if workflow is not None:
        findings.append(Problem("/target", "too_many", "either a workflow or a signal"))
    execution, name = signal.required("execution", 600), signal.required("name", 64)
    if execution and not (_ID.fullmatch(execution) or _PLACE.fullmatch(execution)):
        signal.find("execution", "format", "must be an id, or ${input.…} for where it is")
    if name and not _SIGNAL.fullmatch(name):
        signal.find("name", "format", f"must match {_SIGNAL.pattern}")
    return Target(None, Signal(execution, name))


def _headers(fields: Fields) -> tuple[str, ...]:
    return tuple(one.lower() for one in fields.strings("headers", HEADERS_MAX, 64, _no_header))


def _no_header(text: str) -> tuple[str, str] | None:
    if not _HEADER.fullmatch(text):
        return "format", "is no name of a header"
    lower = text.lower()
    hidden = lower in _HIDDEN or "signature" in lower
    return ("reserved", "this header is not passed on") if hidden else None
