"""What somebody wrote about a type of events, read."""

import re
from typing import Final

from orchestra.bus.catalogue import TYPES
from orchestra.bus.types.documents import EventTypeBody
from orchestra.errors import Conflict, Invalid, Problem
from orchestra.schemas.judging import fault_of
from orchestra.security.bodies import read_body

NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")


class EventTypeInvalid(Invalid):
    """The type, or its schema, cannot be used. `findings` has everything that is wrong."""


class EventTypeBuiltIn(Conflict):
    """The type is one of ours, and has a schema already."""


def read_type(name: str, body: bytes) -> EventTypeBody:
    """Raises BadRequest, RequestInvalid, EventTypeInvalid, EventTypeBuiltIn."""
    wanted = read_body(body, EventTypeBody)
    findings: list[Problem] = []
    if not NAME.fullmatch(name):
        findings.append(Problem("", "format", f"a type with a schema matches {NAME.pattern}"))
    if fault := fault_of(wanted.schema):
        findings.append(Problem("/schema", "bad_schema", fault))
    if findings:
        raise EventTypeInvalid("the type is wrong", findings)
    if name in TYPES:
        raise EventTypeBuiltIn("this type is one of ours, and has a schema already")
    return wanted
