"""Errors as problem documents (RFC 9457): what every refusal and every failure looks like outside.

The handlers here are the only place where an exception becomes a response. Nothing quotes the
input, an exception's text, a path of this machine or a key of the store.
"""

import math
import re
from collections.abc import Mapping
from enum import Enum
from http import HTTPStatus
from typing import Any, cast

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException

from orchestra.errors import Invalid, NotFound, OrchestraError, Problem, TooLarge

log = structlog.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"
FINDINGS_MAX = 200
INTERNAL_DETAIL = "the fault is ours and has been logged"

Headers = list[tuple[str, str]]

_MEMBERS = frozenset(
    {"type", "title", "status", "detail", "code", "instance", "errors", "retryable"}
)
_PATH = re.compile(r" - at `(?P<key>key in )?\$(?P<path>[^`]*)`$")
_PART = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]")
_UNKNOWN_FIELD = re.compile(r"^Object contains unknown field `(.{1,64})")


class ParametersInvalid(Invalid):
    """Values in the path, the query or the headers are wrong."""


class BodyInvalid(Invalid):
    """The body is JSON and does not have the shape this route takes."""


class BodyTooLarge(TooLarge):
    """More bytes than one request may have. Context: `limit_bytes`."""


class MethodNotAllowed(OrchestraError):
    """The address exists; the method does not."""

    status = 405


class Internal(OrchestraError):
    """A bug of ours. What it was stands in the log under the request's id."""

    status = 500


def document(error: OrchestraError, request_id: str) -> bytes:
    """The body of the answer to `error`."""
    code = error.code
    members: dict[str, object] = {
        "type": f"/problems/{code.replace('_', '-')}",
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        "code": code,
        "instance": f"/req/{request_id}",
        "retryable": error.retryable,
    }
    if isinstance(error, Invalid) and error.findings:
        members["errors"] = error.findings[:FINDINGS_MAX]
    members |= {name: value for name, value in error.context.items() if name not in _MEMBERS}
    return msgspec.json.encode(members, enc_hook=str)


def headers(error: OrchestraError) -> Headers:
    """What goes beside the body: when to come back, and what to come back with."""
    found: Headers = []
    if error.retry_after_ms is not None:
        found.append(("retry-after", str(max(1, math.ceil(error.retry_after_ms / 1_000)))))
    if error.status == HTTPStatus.UNAUTHORIZED:
        found.append(("www-authenticate", "Bearer"))
    return found


def from_validation(error: msgspec.ValidationError) -> BodyInvalid:
    """Turn a refusal by msgspec into ours: JSON Pointer, code, and a message without any value."""
    text = str(error)
    where = _PATH.search(text)
    message = text[: where.start()] if where else text
    pointer = "".join(
        f"/{_escaped(name or index)}"
        for name, index in cast(
            "list[tuple[str, str]]", _PART.findall(where.group("path") if where else "")
        )
    )
    code = "value"
    if unknown := _UNKNOWN_FIELD.match(message):
        code, pointer = "unknown_field", f"{pointer}/{_escaped(unknown.group(1).rstrip('`'))}"
        message = "this field is unknown"
    elif message.startswith("Object missing required field"):
        code = "missing_field"
    elif message.startswith("Expected `") and ", got " in message:
        code = "type"
    return BodyInvalid(
        "the body has not the shape this route takes", [_problem(pointer, code, message)]
    )


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def handlers() -> dict[int | type[Exception], Any]:
    """For `Litestar(exception_handlers=...)`: every exception there is ends as a problem."""
    return {
        OrchestraError: _on_deliberate,
        msgspec.ValidationError: _on_validation,
        HTTPException: _on_framework,
        Exception: _on_unexpected,
    }


def _on_deliberate(request: Request[Any, Any, Any], error: OrchestraError) -> Response[bytes]:
    return answer(request, error)


def _on_validation(
    request: Request[Any, Any, Any], error: msgspec.ValidationError
) -> Response[bytes]:
    return answer(request, from_validation(error))


def _on_framework(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """Litestar's own refusals. Their text may hold input values, so only names are passed on."""
    match error.status_code:
        case HTTPStatus.NOT_FOUND:
            told: OrchestraError = NotFound("there is nothing at this address")
        case HTTPStatus.METHOD_NOT_ALLOWED:
            told = MethodNotAllowed("this address does not take this method; see Allow")
        case HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            limit = request.route_handler.resolve_request_max_body_size()
            told = BodyTooLarge("the body is too long", limit_bytes=limit)
        case _ if isinstance(error, ValidationException):
            told = ParametersInvalid("not valid: see errors", _parameters(error.extra))
        case status if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return _on_unexpected(request, error)
        case _:
            told = ParametersInvalid("the request is not valid")
    allow = {k: v for k, v in (error.headers or {}).items() if k.lower() == "allow"}
    return answer(request, told, allow)


def _on_unexpected(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    log.error(
        "request.failed",
        method=request.method,
        route=cast("Mapping[str, object]", request.scope).get("path_template", ""),
        exc_info=error,
    )
    return answer(request, Internal(INTERNAL_DETAIL))


def answer(
    request: Request[Any, Any, Any], error: OrchestraError, more: Mapping[str, str] | None = None
) -> Response[bytes]:
    """A refusal as a problem document."""
    scope = cast("Mapping[str, object]", request.scope)
    return Response(
        document(error, str(scope.get("request_id", "unknown"))),
        status_code=error.status,
        media_type=MEDIA_TYPE,
        headers={**dict(headers(error)), **(more or {})},
    )


def _parameters(extra: object) -> list[Problem]:
    """Litestar's list of `{message, key, source}` as findings."""
    found: list[Problem] = []
    for entry in cast("list[object]", extra if isinstance(extra, list) else []):
        if isinstance(entry, dict):
            fact = cast("dict[str, object]", entry)
            source = fact.get("source", "request")
            pointer = (
                f"/{source.value if isinstance(source, Enum) else source}/{fact.get('key', '')}"
            )
            found.append(_problem(pointer, "value", str(fact.get("message", "not valid"))))
    return found


def _problem(pointer: str, code: str, message: str) -> Problem:
    return Problem(pointer, code, message if len(message) <= 200 else message[:200] + "...")
