"""The gateway: every request passes here first, and every answer last.

Pure ASGI around the whole application, so that 404s and refusals pass it too. It names the
request, judges Host and form, finds out who asks (`scope["principal"]`), bounds the body and sets
the security headers. Whether that principal may do what it asks is the routes' part (`requires`).
"""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final

import msgspec
import structlog

from orchestra import problems, tracing
from orchestra.clock import Clock, Random
from orchestra.errors import (
    BadRequest,
    Forbidden,
    Misdirected,
    NotFound,
    OrchestraError,
    Unauthenticated,
)
from orchestra.security import KEY_NEEDED, Principal, hops
from orchestra.security.answering import Answer, Header, Scope, Send, denial
from orchestra.security.lasting import Lasting, Verifier
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
from orchestra.security.sessions import Session, Sessions, signed_in

log = structlog.get_logger(__name__)

Receive = Callable[[], Awaitable[Any]]
Application = Callable[[Any, Any, Any], Awaitable[None]]
Fields = dict[bytes, list[bytes]]

SOCKETS: Final = frozenset({"/api/events/ws"})
PROBES: Final = frozenset({"/livez", "/readyz", "/health"})
SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
FIELDS_MAX: Final = 64
TARGET_MAX_BYTES: Final = 8_192
PARAMETERS_MAX: Final = 100
PARAMETER_MAX_BYTES: Final = 2_048
# Tokens of one task or one agent: they make nobody, the few routes they are for judge them.
TOKENS: Final = ("orc_task_", "orc_pull_")
IN_NO_URL: Final = (b"orc_live_", b"orc_dev_", b"orc_task_", b"orc_pull_")

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
    proxies: tuple[str, ...] = ()
    """Networks of those that say in `X-Forwarded-For` who asks."""


class Measure:
    """Is told of what goes to the application. This one forgets it."""

    def begin(self, answer: Answer) -> None:
        """A request goes there."""

    def end(self, scope: Scope, answer: Answer, seconds: float) -> None:
        """It was answered."""


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
        self.sessions: Sessions | None = None
        self.measure = Measure()
        self._clock, self._random, self._is_own = clock, chance, is_own or Owners().is_own

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] == "websocket":
            send = denial(send)
        elif scope["type"] != "http":
            return
        request_id = f"req_{self._clock.now_ms():012x}{self._random.getrandbits(80):020x}"
        scope["request_id"] = request_id
        structlog.contextvars.bind_contextvars(request_id=request_id)
        scope["answer"] = answer = Answer(send, request_id, self._always(scope))
        fields: Fields = {}
        for name, value in scope["headers"]:
            fields.setdefault(name, []).append(value)
        try:
            scope["principal"] = await self._admitted(scope, fields)
            if scope["type"] == "websocket" and scope["path"] not in SOCKETS:
                raise NotFound("there is no WebSocket here")
        except OrchestraError as refused:
            await _refuse(scope, fields, answer, refused)
            return
        text = credential(fields)
        answer.lasting = self._signed(scope) or self._lasting(scope["principal"], text)
        scope["show_key"] = partial(self._shown, answer)
        if scope["principal"]:
            structlog.contextvars.bind_contextvars(tenant=scope["principal"].tenant)
        self.measure.begin(answer)
        began = self._clock.monotonic()
        try:
            await self.application(scope, receive, answer.send)
        except Exception as error:  # the edge: a failure here is a bug of ours
            if answer.over:
                log.info("stream.ended", reason="the key stands no more")
                return
            method = scope.get("method", "WS")
            log.error("request.failed", method=method, exc_info=error)  # noqa: TRY400
            if answer.started:
                raise
            await answer.problem(problems.Internal(problems.INTERNAL_DETAIL))
        finally:
            self.measure.end(scope, answer, self._clock.monotonic() - began)

    def _always(self, scope: Scope) -> tuple[Header, ...]:
        return (*HEADERS, STRICT_TRANSPORT) if self._is_secure(scope) else HEADERS

    def _is_secure(self, scope: Scope) -> bool:
        return self.policy.tls or scope["scheme"] in ("https", "wss")

    async def _admitted(self, scope: Scope, fields: Fields) -> Principal | None:
        """Who asks; None for nobody we know. Raises for what goes no further."""
        if scope["path"] in PROBES:  # probes have no name; a bad key is no reason to look dead
            try:
                return await self._asker(scope, fields)
            except OrchestraError:
                return None
        hops.come(hops.arrived(fields.get(hops.FIELD, ())))
        tracing.come(tracing.arrived(fields))
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
            return await self._verified(text)
        if self.policy.mode == "developer":
            return self._developer(scope, fields)
        return await self._signed_in(scope, fields)

    async def _signed_in(self, scope: Scope, fields: Fields) -> Principal | None:
        if self.sessions is None or b"cookie" not in fields:
            return None
        session = await signed_in(self.sessions, scope, fields, tls=self._is_secure(scope))
        scope["session_of"] = session
        return session.principal if session is not None else None

    async def _verified(self, text: str) -> Principal:
        if self.verifier is None:
            raise Unauthenticated(KEY_NEEDED)
        principal, kind = await self.verifier.authenticate(text)
        if kind == "dev" and self.policy.mode == "required":
            raise KeyMadeInDeveloperMode("this key was made in developer mode")
        return principal

    async def _shown(self, answer: Answer, text: str) -> Principal:
        """Whose key it is that came in the first message of a WebSocket."""
        principal = await self._verified(text)
        answer.lasting = self._lasting(principal, text)
        return principal

    def _lasting(self, principal: object, text: str | None) -> Lasting | None:
        """For callers with a key: those without one cannot lose it."""
        if self.verifier is None or not isinstance(principal, Principal):
            return None
        return Lasting(self.verifier, text, principal, self._clock) if text else None

    def _signed(self, scope: Scope) -> Lasting | None:
        """For browsers that are signed in: a session may end, too."""
        session = scope.get("session_of")
        if self.sessions is None or not isinstance(session, Session):
            return None
        return Lasting(self.sessions, session.id, session.principal, self._clock)

    def _developer(self, scope: Scope, fields: Fields) -> Principal | None:
        # A WebSocket is no safe method: a page of another site may open one, and read.
        method: str = scope.get("method", "POST")
        asked = Asked(method, scope["http_version"], fields, scope["client"], scope["server"])
        reason = not_local_because(asked, self._is_own)
        if reason is None:
            return DEVELOPER
        log.debug("auth.developer_refused", reason=reason, method=method)
        crossed = reason in {"origin", "fetch-site"}
        if crossed and (method not in SAFE or fields.get(b"sec-fetch-mode") == [b"navigate"]):
            raise CrossSite("another site or program may not act as you here")
        return None


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


async def _refuse(scope: Scope, fields: Fields, answer: Answer, refused: OrchestraError) -> None:
    get = scope.get("method") == "GET"
    navigated = fields.get(b"sec-fetch-mode") == [b"navigate"] and get
    crossed = navigated and isinstance(refused, CrossSite)
    await (answer.link(scope) if crossed else answer.problem(refused))
