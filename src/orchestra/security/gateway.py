"""The gateway: every request passes here first, and every answer last.

Pure ASGI around the whole application, so that 404s and refusals pass it too. It names the
request, judges Host and form, finds out who asks (`scope["principal"]`), bounds the body and sets
the security headers. Whether that principal may do what it asks is the routes' part (`requires`).
"""

import html
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Final

import msgspec
import structlog

from orchestra import problems
from orchestra.clock import Clock, Random
from orchestra.errors import BadRequest, Forbidden, Misdirected, OrchestraError, Unauthenticated
from orchestra.security import KEY_NEEDED, Principal, hops, traces
from orchestra.security.lasting import Lasting, Over, Verifier
from orchestra.security.local_trust import (
    LOCAL_NAMES,
    Address,
    Asked,
    Mode,
    Owners,
    host_name,
    not_local_because,
)
from orchestra.security.roles import DEVELOPER

log = structlog.get_logger(__name__)

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
Application = Callable[[Any, Any, Any], Awaitable[None]]
Fields = dict[bytes, list[bytes]]
Header = tuple[bytes, bytes]

PROBES: Final = frozenset({"/livez", "/readyz"})
SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
FIELDS_MAX: Final = 64
TARGET_MAX_BYTES: Final = 8_192
PARAMETERS_MAX: Final = 100
PARAMETER_MAX_BYTES: Final = 2_048
# Tokens of one task or one agent: they make nobody, the few routes they are for judge them.
TOKENS: Final = ("orc_task_", "orc_pull_")
IN_NO_URL: Final = (b"orc_live_", b"orc_dev_", b"orc_task_", b"orc_pull_")

CONTENT_POLICY: Final = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    b"font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    b"frame-ancestors 'none'"
)
HEADERS: Final[tuple[Header, ...]] = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (
        b"permissions-policy",
        b"accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), hid=(), "
        b"magnetometer=(), microphone=(), midi=(), payment=(), serial=(), usb=()",
    ),
)
STRICT_TRANSPORT: Final[Header] = (b"strict-transport-security", b"max-age=31536000")


class CrossSite(Forbidden):
    """A page on another site, or another program on localhost, tried to act as the developer."""


class HostMissing(BadRequest):
    """Not exactly one Host."""


class RequestMalformed(BadRequest):
    """Something about the request that two readers could read differently, or beyond a bound."""


class CredentialsConflict(BadRequest):
    """Two different keys in one request."""


class TargetTooLong(OrchestraError):
    """Path and query are longer than 8 KiB."""

    status = 414


class FieldsTooMany(OrchestraError):
    """More than 64 header fields."""

    status = 431


class KeyMadeInDeveloperMode(Unauthenticated):
    """Made by nobody we know, on loopback. `orchestra keys create` makes one that counts."""


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """What holds for every request, fixed at the start. `hosts` are names without ports."""

    mode: Mode
    hosts: frozenset[str] = LOCAL_NAMES
    body_max_bytes: int = 1_048_576
    tls: bool = False


class Gateway:
    """The ASGI application the server talks to. `application` may be replaced while it runs."""

    def __init__(
        self,
        application: Application,
        clock: Clock,
        chance: Random,
        is_own: Callable[[Address, Address], bool] | None = None,
    ) -> None:
        self.application = application
        self.policy = Policy(mode="required")
        self.verifier: Verifier | None = None
        self._clock, self._random, self._is_own = clock, chance, is_own or Owners().is_own

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            return
        request_id = f"req_{self._clock.now_ms():012x}{self._random.getrandbits(80):020x}"
        scope["request_id"] = request_id
        structlog.contextvars.bind_contextvars(request_id=request_id)
        answer = _Answer(send, request_id, self._always(scope))
        fields: Fields = {}
        for name, value in scope["headers"]:
            fields.setdefault(name, []).append(value)
        try:
            scope["principal"] = await self._admitted(scope, fields)
        except OrchestraError as refused:
            navigated = fields.get(b"sec-fetch-mode") == [b"navigate"] and scope["method"] == "GET"
            crossed = navigated and isinstance(refused, CrossSite)
            await (answer.link(scope) if crossed else answer.problem(refused))
            return
        answer.lasting = self._lasting(scope["principal"], fields)
        if scope["principal"]:
            structlog.contextvars.bind_contextvars(tenant=scope["principal"].tenant)
        try:
            await self.application(scope, receive, answer.send)
        except Exception as error:  # the edge: a failure here is a bug of ours
            if answer.over:
                log.info("stream.ended", reason="the key stands no more")
                return
            log.error("request.failed", method=scope["method"], exc_info=error)  # noqa: TRY400
            if answer.started:
                raise
            await answer.problem(problems.Internal(problems.INTERNAL_DETAIL))

    def _always(self, scope: Scope) -> tuple[Header, ...]:
        secure = self.policy.tls or scope["scheme"] == "https"
        return (*HEADERS, STRICT_TRANSPORT) if secure else HEADERS

    async def _admitted(self, scope: Scope, fields: Fields) -> Principal | None:
        """Who asks; None for nobody we know. Raises for what goes no further."""
        if scope["path"] in PROBES:  # probes have no name; a bad key is no reason to look dead
            try:
                return await self._asker(scope, fields)
            except OrchestraError:
                return None
        hops.come(hops.arrived(fields.get(hops.FIELD, ())))
        traces.come(traces.arrived(fields))
        check_form(scope, fields, self.policy.body_max_bytes)
        if host_name(fields[b"host"][0]) not in self.policy.hosts:
            raise Misdirected("")
        return await self._asker(scope, fields)

    async def _asker(self, scope: Scope, fields: Fields) -> Principal | None:
        query: bytes = scope["query_string"]
        if b"orc_" in query and any(begins in query for begins in IN_NO_URL):
            raise Unauthenticated(KEY_NEEDED)
        text = credential(fields)
        if text is not None and text.startswith(TOKENS):
            return None
        if text is not None:
            if self.verifier is None:
                raise Unauthenticated(KEY_NEEDED)
            principal, kind = await self.verifier.authenticate(text)
            if kind == "dev" and self.policy.mode == "required":
                raise KeyMadeInDeveloperMode("this key was made in developer mode")
            return principal
        return self._developer(scope, fields) if self.policy.mode == "developer" else None

    def _lasting(self, principal: object, fields: Fields) -> Lasting | None:
        """For callers with a key: those without one cannot lose it."""
        if self.verifier is None or not isinstance(principal, Principal):
            return None
        text = credential(fields)
        return Lasting(self.verifier, text, principal, self._clock) if text else None

    def _developer(self, scope: Scope, fields: Fields) -> Principal | None:
        method: str = scope["method"]
        asked = Asked(method, scope["http_version"], fields, scope["client"], scope["server"])
        reason = not_local_because(asked, self._is_own)
        if reason is None:
            return DEVELOPER
        log.debug("auth.developer_refused", reason=reason, method=method)
        crossed = reason in {"origin", "fetch-site"}
        if crossed and (method not in SAFE or fields.get(b"sec-fetch-mode") == [b"navigate"]):
            raise CrossSite("another site or program may not act as you here")
        return None


class _Answer:
    """One answer, with the headers that every answer has."""

    __slots__ = ("_always", "_request_id", "_send", "lasting", "over", "started")

    def __init__(self, send: Send, request_id: str, always: tuple[Header, ...]) -> None:
        self._send, self._request_id, self._always = send, request_id, always
        self.started = self.over = False
        self.lasting: Lasting | None = None

    async def send(self, message: Message) -> None:
        """Pass a message on to the server."""
        if message["type"] == "http.response.start":
            self.started = True
            headers: list[Header] = [*message.get("headers", ()), *self._always]
            names = {name for name, _ in headers}
            if b"content-security-policy" not in names:
                headers.append((b"content-security-policy", CONTENT_POLICY))
            if b"cache-control" not in names:
                headers.append((b"cache-control", b"no-store"))
            headers.append((b"x-request-id", self._request_id.encode()))
            message["headers"] = headers
        elif message.get("more_body") and self.lasting and not await self.lasting.holds():
            self.over = True
            await self._send({"type": "http.response.body", "body": b""})
            raise Over
        await self._send(message)

    async def problem(self, error: OrchestraError) -> None:
        """Refuse. A Host that is not ours learns nothing, not even that there is a problem."""
        more = [(name.encode(), value.encode()) for name, value in problems.headers(error)]
        if isinstance(error, Misdirected):
            await self._whole(error.status, b"", more)
            return
        more.append((b"content-type", problems.MEDIA_TYPE.encode()))
        await self._whole(error.status, problems.document(error, self._request_id), more)

    async def link(self, scope: Scope) -> None:
        """For a person who followed a link from elsewhere: one to click, which is same-origin."""
        query = f"?{scope['query_string'].decode('latin-1')}" if scope["query_string"] else ""
        raw: bytes = scope.get("raw_path") or scope["path"].encode()
        target = html.escape("/" + raw.decode("latin-1").lstrip("/") + query)
        page = (
            "<!doctype html><title>Go on?</title><p>Another site sent you here. "
            f'<a href="{target}">Go on to this page</a></p>'
        )
        await self._whole(403, page.encode(), [(b"content-type", b"text/html; charset=utf-8")])

    async def _whole(self, status: int, body: bytes, headers: Iterable[Header]) -> None:
        length = (b"content-length", b"%d" % len(body))
        await self.send(
            {"type": "http.response.start", "status": status, "headers": [*headers, length]}
        )
        await self.send({"type": "http.response.body", "body": body})


def check_form(scope: Scope, fields: Fields, body_max_bytes: int) -> None:
    """Raise for a request that is larger than the bounds or can be read in two ways."""
    if len(fields.get(b"host", ())) != 1:
        raise HostMissing("send exactly one Host")
    if len(scope["headers"]) > FIELDS_MAX:
        raise FieldsTooMany(f"more than {FIELDS_MAX} header fields")
    query: bytes = scope["query_string"]
    if len(query) + len(scope["path"]) > TARGET_MAX_BYTES:
        raise TargetTooLong(f"path and query are longer than {TARGET_MAX_BYTES} bytes")
    if query.count(b"&") >= PARAMETERS_MAX or (
        len(query) > PARAMETER_MAX_BYTES and max(map(len, query.split(b"&"))) > PARAMETER_MAX_BYTES
    ):
        raise RequestMalformed("too many query parameters, or one is too long")
    lengths = fields.get(b"content-length")
    if lengths is None:
        return
    if b"transfer-encoding" in fields or len(lengths) != 1 or not lengths[0].isdigit():
        raise RequestMalformed("the length of the body is given in two ways")
    if int(lengths[0]) > body_max_bytes:
        raise problems.BodyTooLarge("the body is too long", limit_bytes=body_max_bytes)


def credential(fields: Fields) -> str | None:
    """The key a request carries; None when it carries none. Raises when it carries two."""
    given = [value.decode("latin-1").strip() for value in fields.get(b"x-api-key", ())]
    for value in fields.get(b"authorization", ()):
        scheme, _, text = value.decode("latin-1").strip().partition(" ")
        given.append(text.strip() if scheme.lower() == "bearer" else "")
    if len(set(given)) > 1:
        raise CredentialsConflict("two different credentials in one request")
    return given[0] if given else None
