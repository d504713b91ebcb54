"""JSON-RPC 2.0, as A2A and MCP speak it: one request, one response, each an object."""

from collections.abc import Mapping
from typing import cast

import msgspec

from orchestra.agents import TaskError
from orchestra.agents.providers import Failure
from orchestra.agents.providers.decoding import NotReadable, decoded

MESSAGE_MAX_CHARS = 1_024
# What the caller, or we, did wrong: another agent of the kind would say the same.
_OURS = frozenset({-32700, -32600, -32601, -32602})

_encode = msgspec.json.Encoder().encode


class Fault(msgspec.Struct, frozen=True):
    """An error answer: the number says what kind it is."""

    code: int
    message: str = ""
    data: object = None


def asked(method: str, params: Mapping[str, object], number: int | str | None) -> bytes:
    """A request, or without a number a notification, which nobody answers."""
    body: dict[str, object] = {"jsonrpc": "2.0", "method": method, "params": params}
    if number is not None:
        body["id"] = number
    return _encode(body)


def refused(method: str, number: int | str) -> bytes:
    """The answer to a request to us: a ping is answered, we do nothing else."""
    body: dict[str, object] = {"jsonrpc": "2.0", "id": number}
    if method == "ping":
        return _encode(body | {"result": {}})
    return _encode(body | {"error": {"code": -32601, "message": "not offered"}})


def document(body: bytes | str) -> dict[str, object] | None:
    """The JSON object in `body`; None when it is none, or too much of one."""
    try:
        value = decoded(body)
    except (NotReadable, UnicodeEncodeError):
        return None
    return cast("dict[str, object]", value) if isinstance(value, dict) else None


def responded(message: Mapping[str, object]) -> object | Fault | None:
    """What a response says: its result, or a Fault; None when it is no response."""
    error = message.get("error")
    if isinstance(error, dict):
        fields = cast("dict[str, object]", error)
        code, text = fields.get("code"), fields.get("message")
        return Fault(
            code if type(code) is int else 0,
            text[:MESSAGE_MAX_CHARS] if isinstance(text, str) else "",
            fields.get("data"),
        )
    return message.get("result")


def failure_of_fault(fault: Fault, refusals: frozenset[int] = frozenset()) -> Failure:
    """What an error means. `refusals`: codes that are final, beside those of JSON-RPC."""
    message = f"the agent answered error {fault.code}"
    if fault.message:
        message = f"{message}: {fault.message}"
    if fault.code in _OURS or fault.code in refusals:
        return Failure(TaskError("agent.bad_request", message))
    return Failure(TaskError("agent.error", message), outcome="fail", elsewhere=True)
