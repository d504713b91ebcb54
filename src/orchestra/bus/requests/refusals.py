"""Errors of our tree as data, and back: what a handler raises is raised where it was asked for."""

from typing import Any, cast

import msgspec

from orchestra.errors import Invalid, OrchestraError, Problem, Unavailable


class Refusal(msgspec.Struct, frozen=True, omit_defaults=True):
    """A deliberate error. `kind` is its class; `status` and so on stand in when it is unknown."""

    kind: str
    detail: str
    context: dict[str, Any] = {}
    findings: tuple[Any, ...] = ()


def refusal_of(error: Exception) -> Refusal:
    """What is told of an error. Of one that is none of ours, only that there was one."""
    if not isinstance(error, OrchestraError):
        return Refusal("Unavailable", "the request failed where it was handled")
    findings = error.findings if isinstance(error, Invalid) else ()
    plain = cast(
        "tuple[dict[str, Any], tuple[Any, ...]]",
        msgspec.json.decode(msgspec.json.encode((error.context, findings), enc_hook=str)),
    )
    return Refusal(type(error).__name__, error.detail, plain[0], tuple(plain[1]))


def error_of(refusal: Refusal) -> OrchestraError:
    """The error to raise. A class that this process does not know is Unavailable."""
    found = _classes(OrchestraError).get(refusal.kind, Unavailable)
    error = found.__new__(found)  # some classes have a signature of their own
    Exception.__init__(error, refusal.detail)
    error.detail, error.context = refusal.detail, dict(refusal.context)
    if isinstance(error, Invalid):
        error.findings = tuple(_finding(one) for one in refusal.findings)
    return error


def _classes(top: type[OrchestraError]) -> dict[str, type[OrchestraError]]:
    """All that are there now: modules bring theirs when they are imported."""
    found = {top.__name__: top}
    for below in top.__subclasses__():
        found |= _classes(below)
    return found


def _finding(told: object) -> object:
    try:
        return msgspec.convert(told, Problem)
    except msgspec.ValidationError:
        return told
