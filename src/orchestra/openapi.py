"""The interface, described: `/openapi.json`, and `/docs` to read and try it, also without internet.

Litestar describes paths, parameters and answers; this page adds what it cannot know: the problem
documents, the permission of each route, the bodies (`opt={"body": Struct}` on the handler) and
the probes.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Final, cast

import anyio.to_thread
import msgspec
from litestar import Litestar, Response, get
from litestar.enums import HttpMethod
from litestar.openapi.config import OpenAPIConfig
from litestar.routes import HTTPRoute
from litestar.types import ControllerRouterHandler

from orchestra import __version__
from orchestra.assets import Assets
from orchestra.problems import MEDIA_TYPE
from orchestra.security import Permission, requires
from orchestra.security.declarations import declarations

PATH: Final = "/openapi.json"
BUNDLE: Final = "vendor/swagger-ui/swagger-ui-bundle.js"
STYLES: Final = "vendor/swagger-ui/swagger-ui.css"
STARTER: Final = "docs.js"
# Swagger UI sets styles on elements; scripts still come only from us.
DOCS_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
DESCRIPTION: Final = (
    "Durable workflows over agents. Errors are RFC 9457 problem documents with a stable `code`. "
    "On loopback a local caller needs no key; elsewhere send `Authorization: Bearer <key>`."
)

Document = dict[str, Any]

PROBLEM: Final[Document] = {
    "type": "object",
    "description": "RFC 9457 problem document; further members say more about some codes.",
    "required": ["type", "title", "status", "detail", "code", "instance", "retryable"],
    "properties": {
        "type": {"type": "string", "examples": ["/problems/not-found"]},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string"},
        "code": {"type": "string", "examples": ["not_found"]},
        "instance": {"type": "string", "description": "Names the request in the server's log."},
        "retryable": {"type": "boolean"},
        "retry_after_ms": {"type": "integer", "minimum": 0},
        "errors": {"type": "array", "items": {"$ref": "#/components/schemas/Finding"}},
    },
}
FINDING: Final[Document] = {
    "type": "object",
    "required": ["pointer", "code", "message"],
    "properties": {
        "pointer": {"type": "string", "description": "JSON Pointer into what was sent."},
        "code": {"type": "string"},
        "message": {"type": "string"},
        "suggestion": {"type": "string"},
    },
}
SCHEMES: Final[Document] = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "An API key."},
    "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}


def documentation(
    assets: Assets, handlers: Sequence[ControllerRouterHandler], dependencies: Mapping[str, Any]
) -> list[ControllerRouterHandler]:
    """The routes. The description is made when it is first asked for: 0.1 s, off the event loop."""

    @cache
    def described() -> bytes:
        return msgspec.json.encode(describe(handlers, dependencies), order="sorted")

    @get(PATH, guards=[requires(Permission.SYSTEM_READ)], include_in_schema=False)
    async def specification() -> Response[bytes]:
        body = await anyio.to_thread.run_sync(described)
        return Response(body, media_type="application/json")

    @get("/docs", guards=[requires(Permission.SYSTEM_READ)], include_in_schema=False)
    async def docs() -> Response[bytes]:
        headers = {"content-security-policy": DOCS_POLICY}
        return Response(page(assets.url).encode(), media_type="text/html", headers=headers)

    return [specification, docs]


def page(url: Callable[[str], str]) -> str:
    """The HTML of `/docs`. Everything it loads is ours."""
    return (
        "<!doctype html>\n"
        '<html lang="en"><head><meta charset="utf-8"><title>orchestra: the API</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<link rel="stylesheet" href="{url(STYLES)}">'
        f'<link rel="icon" type="image/png" href="{url("vendor/swagger-ui/favicon-32x32.png")}">'
        "</head><body>"
        f'<div id="swagger-ui" data-url="{PATH}"></div>'
        f'<script src="{url(BUNDLE)}"></script><script src="{url(STARTER)}"></script>'
        "</body></html>\n"
    )


def describe(
    handlers: Sequence[ControllerRouterHandler], dependencies: Mapping[str, Any]
) -> Document:
    """The OpenAPI 3.1 document of `handlers`."""
    config = OpenAPIConfig(
        "orchestra", __version__, description=DESCRIPTION, use_handler_docstrings=True
    )
    # An application that is only looked at, never served: its own schema routes stay outside.
    app = Litestar(handlers, dependencies=dependencies, openapi_config=config, logging_config=None)
    document: Document = app.openapi_schema.to_schema()
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    schemas |= {"Problem": PROBLEM, "Finding": FINDING}
    components["securitySchemes"] = SCHEMES
    shown = {route.path_format: route for route in app.routes if isinstance(route, HTTPRoute)}
    permissions = _permissions(handlers, dependencies)
    for path, item in document.setdefault("paths", {}).items():
        for method, operation in cast("dict[str, Any]", item).items():
            if isinstance(operation, dict):
                route = shown[path]
                entry = route.route_handler_map.get(HttpMethod(method.upper()))
                body = entry[0].opt.get("body") if entry else None
                _complete(
                    cast("Document", operation),
                    permissions.get((method.upper(), path)),
                    body,
                    schemas,
                )
    document["paths"] |= _probes()
    return document


def _permissions(
    handlers: Sequence[ControllerRouterHandler], dependencies: Mapping[str, Any]
) -> dict[tuple[str, str], Permission | None]:
    app = Litestar(handlers, dependencies=dependencies, openapi_config=None, logging_config=None)
    return {(one.method, one.path): one.permission for one in declarations(app)}


def _complete(
    operation: Document, permission: Permission | None, body: Any, schemas: Document
) -> None:
    responses = operation.setdefault("responses", {})
    for status in [status for status in responses if str(status).startswith(("4", "5"))]:
        del responses[status]  # Litestar's own shape of an error, which we never send
    reference = {"$ref": "#/components/schemas/Problem"}
    responses["default"] = {
        "description": "A problem document",
        "content": {MEDIA_TYPE: {"schema": reference}},
    }
    if permission is not None:
        operation["security"] = [{"bearer": []}, {"apiKey": []}, {}]
        operation["x-permission"] = permission.value
    else:
        operation["security"] = []
    if body is not None:
        (schema,), found = msgspec.json.schema_components(
            [body], ref_template="#/components/schemas/{name}", schema_hook=_anything
        )
        for name, definition in found.items():
            schemas.setdefault(name, definition)
        operation["requestBody"] = {"content": {"application/json": {"schema": schema}}}


def _anything(_: type) -> Document:
    return {"description": "Any JSON."}


def _probes() -> Document:
    def probe(summary: str, answers: Mapping[str, str]) -> Document:
        schema = {"type": "object", "properties": {"status": {"type": "string"}}}
        content = {"application/json": {"schema": schema}}
        return {
            "get": {
                "summary": summary,
                "operationId": summary.replace(" ", ""),
                "security": [],
                "responses": {
                    status: {"description": told, "content": content}
                    for status, told in answers.items()
                },
            }
        }

    return {
        "/livez": probe("Is Alive", {"200": "the process turns"}),
        "/readyz": probe(
            "Is Ready",
            {"200": "every part can do its job", "503": "starting, draining, or a part cannot"},
        ),
    }
