"""Changes to a registration, written as a JSON merge patch (RFC 7396)."""

from collections.abc import Mapping
from typing import cast

import msgspec

from orchestra.agents.records import Registration
from orchestra.agents.registration.forms import Form, registration_of
from orchestra.agents.registration.reading import BODY_MAX_BYTES, Read, RegistrationInvalid
from orchestra.errors import Problem, TooLarge

DEPTH_MAX = 64
"""Objects within objects that are merged; deeper ones replace."""


def patched(spec: Registration, patch: object, size_bytes: int) -> Form:
    """The registration after the patch, as a body that is still to be read.

    Raises RegistrationInvalid for what is no patch, TooLarge. Whether name and type
    may change is judged elsewhere.
    """
    if size_bytes > BODY_MAX_BYTES:
        raise TooLarge("a registration has at most 256 KiB", limit_bytes=BODY_MAX_BYTES)
    if not isinstance(patch, dict):
        raise RegistrationInvalid(
            "a merge patch is a JSON object", [Problem("", "type", "must be an object")]
        )
    changes = cast("Mapping[str, object]", patch)
    target = spec
    if changes.get("provider", spec.provider) != spec.provider:
        # Fields of the old provider would be wrong under the new one.
        target = msgspec.structs.replace(spec, reach=None)
    return cast("Form", merge(registration_of(target), changes))


def kept(spec: Registration, read: Read) -> Read:
    """What an agent told of itself holds until it tells something else."""
    now = read.spec
    if now.told and spec.told and not now.capabilities and now.reach == spec.reach:
        known = msgspec.structs.replace(now, capabilities=spec.capabilities)
        return Read(known, read.warnings)
    return read


def merge(target: object, patch: object, depth: int = DEPTH_MAX) -> object:
    """RFC 7396, section 2: null removes, objects merge, everything else replaces."""
    if not isinstance(patch, dict) or not depth:
        return cast("object", patch)
    merged: dict[str, object] = {}
    if isinstance(target, dict):
        merged |= cast("Mapping[str, object]", target)
    for name, value in cast("Mapping[str, object]", patch).items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge(merged.get(name), value, depth - 1)
    return merged
