"""The `Idempotency-Key` of a request."""

from typing import Any

from litestar import Request

from orchestra.errors import Invalid, Problem
from orchestra.workflows.routes.descriptions import KEY_MAX


def idempotency_key(request: Request[Any, Any, Any]) -> str | None:
    """The key, if there is one. Raises Invalid for one that is too long."""
    key = request.headers.get("idempotency-key")
    if key is not None and not 0 < len(key) <= KEY_MAX:
        message = f"an Idempotency-Key has 1 to {KEY_MAX} characters"
        raise Invalid(message, [Problem("/headers/idempotency-key", "field.range", message)])
    return key
