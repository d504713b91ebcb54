"""Reads what an agent says with a heartbeat: everything that is wrong with it at once."""

from collections.abc import Mapping
from typing import cast

from orchestra.agents.registration.fields import Fields
from orchestra.agents.registration.reading import RegistrationInvalid
from orchestra.agents.registration.versions import parse
from orchestra.errors import Problem, TooLarge

BODY_MAX_BYTES = 8_192
SAID = ("load", "in_flight", "version", "status")
LOAD_MAX = 1_000_000.0
IN_FLIGHT_MAX = 1_000_000


class HeartbeatInvalid(RegistrationInvalid):
    """The heartbeat is wrong. `findings` has everything that is. The agent was not heard."""


def read_heartbeat_body(body: object, size_bytes: int) -> dict[str, object]:
    """What was said; what was left out is left out. Raises HeartbeatInvalid, TooLarge."""
    if size_bytes > BODY_MAX_BYTES:
        raise TooLarge("a heartbeat has at most 8 KiB", limit_bytes=BODY_MAX_BYTES)
    if not isinstance(body, dict):
        raise HeartbeatInvalid(
            "a heartbeat is a JSON object", [Problem("", "type", "must be an object")]
        )
    findings: list[Problem] = []
    fields = Fields(cast("Mapping[str, object]", body), "", findings)
    fields.known(SAID)
    said: dict[str, object] = {
        "load": _load(fields),
        "in_flight": fields.maybe_whole("in_flight", 0, IN_FLIGHT_MAX),
        "version": _version(fields),
        "status": fields.text("status", "", most=64) or None,
    }
    if findings:
        raise HeartbeatInvalid("the heartbeat is wrong", findings)
    return {name: value for name, value in said.items() if value is not None}


def _load(fields: Fields) -> float | None:
    """How busy it is, in a measure of its own: 1 is as much as it likes."""
    load = fields.body.get("load")
    if load is None:
        return None
    if isinstance(load, bool) or not isinstance(load, int | float):
        fields.find("load", "type", "must be a number")
    elif not 0 <= load <= LOAD_MAX:
        fields.find("load", "out_of_range", f"must be from 0 to {LOAD_MAX:.0f}")
    else:
        return float(load)
    return None


def _version(fields: Fields) -> str | None:
    version = fields.text("version", "", most=128)
    if version and parse(version) is None:
        fields.find("version", "format", "must be a version such as 1.2.0")
    return version or None
