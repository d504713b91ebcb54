"""The interface, described: `/openapi.json`, and `/docs` to read and try it, also without internet.

Litestar describes paths and parameters; this page adds what it cannot know: the permission of
each route, what the route tells with `opt=described(...)`, the problem documents, the probes.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from html import escape
from typing import Any, Final, cast
from urllib.parse import quote

import anyio.to_thread
import msgspec
from litestar import Litestar, Request, Response, get
from litestar.enums import HttpMethod
from litestar.openapi.config import OpenAPIConfig
from litestar.routes import HTTPRoute
from litestar.types import ControllerRouterHandler

from orchestra import __version__
from orchestra.assets import Assets
from orchestra.described import KEY, Described
from orchestra.errors import Forbidden, OrchestraError, Unauthenticated
from orchestra.health import Starting
from orchestra.operations import Schemas, complete, refusals, tidy
from orchestra.problems import MEDIA_TYPE, BodyTooLarge, ParametersInvalid, answer
from orchestra.security import Permission, requires
from orchestra.security.declarations import declarations
from orchestra.security.gateway import RequestMalformed
from orchestra.security.hardened import JsonExpected
from orchestra.security.sessions import Session

PATH: Final = "/openapi.json"
BUNDLE: Final = "vendor/swagger-ui/swagger-ui-bundle.js"
STYLES: Final = "vendor/swagger-ui/swagger-ui.css"
STARTER: Final = "docs.js"
FRAME: Final = "docs.css"
LOGO: Final = "logo.svg"
DOCS: Final = "/docs"
DOOR: Final = f"/login?next={quote(DOCS, safe='')}"
THEMES: Final = ("dark", "light", "contrast", "system")
"""Those of the dashboard, which keeps the one somebody chose in the cookie `theme`."""
# Swagger UI sets styles of elements by script, which this lets it do.
DOCS_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; font-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
DESCRIPTION: Final = """
Durable workflows over agents.

- **Who asks**: on loopback a local caller needs no key; elsewhere send
  `Authorization: Bearer <key>` or `X-API-Key`.
- **Errors** are RFC 9457 problem documents with a stable `code`; a wrong request gets every
  mistake at once, each with a JSON Pointer.
- **Repeating**: an `Idempotency-Key` makes it safe to send a creation or a start again.
- **Lists** take `limit` and `cursor`, and answer `items` and `next_cursor`.
- **Hosts** that this server does not know get 421, without a word.
"""
TAGS: Final = (
    {"name": "events", "description": "Publish, list and follow what happens."},
    {"name": "queues", "description": "Send work, receive it on a lease, settle it once."},
    {"name": "logs", "description": "Search, follow, export and take in lines of the log."},
    {"name": "alerts", "description": "What is wrong, who is told of it, what is silenced."},
    {"name": "metrics", "description": "Record what you measure; ask what was measured."},
    {"name": "analytics", "description": "Where time and money go, and what would save some."},
    {"name": "webhooks", "description": "Tell others what happens; let others tell us."},
    {"name": "workflows", "description": "Check, save and start definitions."},
    {"name": "executions", "description": "Watch what runs, and steer it."},
    {"name": "failures", "description": "What went wrong anywhere, by its cause; tried again."},
    {"name": "agents", "description": "Register who does the work; ask one directly."},
    {"name": "secrets", "description": "Credentials towards agents: set, listed, never shown."},
    {"name": "probes", "description": "For orchestrators and load balancers."},
)
BODY_REFUSALS: Final = (BodyTooLarge, JsonExpected)

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
        "errors": {"type": "array", "items": {"$ref": "#/components/schemas/ProblemFinding"}},
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
        return msgspec.json.encode(describe(handlers, dependencies))

    @get(PATH, guards=[requires(Permission.SYSTEM_READ)], include_in_schema=False)
    async def specification() -> Response[bytes]:
        body = await anyio.to_thread.run_sync(described)
        return Response(body, media_type="application/json")

    @get(
        DOCS,
        guards=[requires(Permission.SYSTEM_READ)],
        exception_handlers={Unauthenticated: to_the_door},
        include_in_schema=False,
    )
    async def docs(request: Request[Any, Any, Any]) -> Response[bytes]:
        headers = {"content-security-policy": DOCS_POLICY}
        session = cast("Mapping[str, object]", request.scope).get("session_of")
        token = session.token if isinstance(session, Session) else ""
        body = page(assets.url, request.cookies.get("theme", ""), token)
        return Response(body.encode(), media_type="text/html", headers=headers)

    return [specification, docs]


def to_the_door(request: Request[Any, Any, Any], error: Unauthenticated) -> Response[bytes]:
    """Who looks with a browser signs in, and comes back; programs are told what is wrong."""
    if "text/html" not in request.headers.get("accept", ""):
        return answer(request, error)
    return Response(b"", status_code=303, headers={"location": DOOR})


def page(url: Callable[[str], str], theme: str = "", token: str = "") -> str:
    """The HTML of `/docs`, in the theme of the dashboard. Everything it loads is ours.

    `token` is that of a browser's session: a change that is tried out has to carry it.
    """
    theme = theme if theme in THEMES else THEMES[0]
    dark = ' class="dark-mode"' if theme in ("dark", "contrast") else ""
    return (
        "<!doctype html>\n"
        f'<html lang="en" data-theme="{theme}"{dark}><head><meta charset="utf-8">'
        "<title>API · orchestra</title>"
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<link rel="stylesheet" href="{url(STYLES)}"><link rel="stylesheet" href="{url(FRAME)}">'
        f'<link rel="icon" type="image/svg+xml" href="{url(LOGO)}">'
        '</head><body><header class="frame"><nav aria-label="Main"><a class="brand" href="/">'
        f'<img src="{url(LOGO)}" alt="" width="28" height="28">orchestra</a>'
        f'<a href="/">Back to the dashboard</a><a href="{PATH}">openapi.json</a></nav></header>'
        f'<main id="swagger-ui" data-url="{PATH}" data-token="{escape(token)}"></main>'
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
    document["tags"] = list(TAGS)
    handled = {
        (route.path_format, method): entry[0]
        for route in app.routes
        if isinstance(route, HTTPRoute)
        for method, entry in route.route_handler_map.items()
    }
    told = {place: told for place, one in handled.items() if (told := one.opt.get(KEY))}
    schemas = Schemas(told.values())
    permissions = _permissions(handlers, dependencies)
    for path, item in document.setdefault("paths", {}).items():
        for method, operation in cast("dict[str, Document]", item).items():
            handler = handled[path, HttpMethod(method.upper())]
            permission = permissions.get((method.upper(), path))
            _complete(operation, permission, told.get((path, method.upper())), schemas)
            tidy(operation, path, one_of_many=method == "post" and len(handler.paths) > 1)
    document["paths"] = dict(sorted(document["paths"].items())) | _probes()
    components = document.setdefault("components", {})
    components["schemas"] = {
        **components.get("schemas", {}),
        **dict(sorted(schemas.named.items())),
        "Problem": PROBLEM,
        "ProblemFinding": FINDING,
    }
    components["securitySchemes"] = SCHEMES
    return document


def _permissions(
    handlers: Sequence[ControllerRouterHandler], dependencies: Mapping[str, Any]
) -> dict[tuple[str, str], Permission | None]:
    app = Litestar(handlers, dependencies=dependencies, openapi_config=None, logging_config=None)
    return {(one.method, one.path): one.permission for one in declarations(app)}


def _complete(
    operation: Document, permission: Permission | None, told: Described | None, schemas: Schemas
) -> None:
    every: list[type[OrchestraError]] = [RequestMalformed, Starting]
    operation["security"] = []
    if permission is not None:
        every += [Unauthenticated, Forbidden]
        operation["security"] = [{"bearer": []}, {"apiKey": []}, {}]
        operation["x-permission"] = permission.value
    if told is not None and told.body is not None:
        every += BODY_REFUSALS
    if any(_may_be_wrong(one) for one in operation.get("parameters", ())):
        every.append(ParametersInvalid)
    if told is not None:
        complete(operation, told, every, schemas)
    else:
        successes = operation.setdefault("responses", {})
        operation["responses"] = {
            status: one for status, one in successes.items() if str(status) < "400"
        } | refusals(every)  # Litestar's own shape of an error is one that we never send
    operation["responses"]["default"] = {
        "description": "Any other: 413, 414 and 431 for what is too long, 421, 500.",
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }


def _may_be_wrong(parameter: Document) -> bool:
    """A text in a path can only be unknown."""
    return not (parameter["in"] == "path" and parameter["schema"].get("type") == "string")


def _probes() -> Document:
    def probe(summary: str, answers: Mapping[str, str]) -> Document:
        schema = {"type": "object", "properties": {"status": {"type": "string"}}}
        content = {"application/json": {"schema": schema}}
        return {
            "get": {
                "summary": summary,
                "operationId": summary.replace(" ", ""),
                "tags": ["probes"],
                "security": [],
                "responses": {
                    status: {"description": told, "content": content}
                    for status, told in answers.items()
                },
            }
        }

    ready = {"200": "every part can do its job", "503": "starting, draining, or a part cannot"}
    return {
        "/livez": probe("Is Alive", {"200": "the process turns"}),
        "/readyz": probe("Is Ready", ready),
        "/health": probe("Is Healthy", ready),
    }
