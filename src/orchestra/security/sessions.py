"""Sessions of browsers: who showed a key at `/login` is known by a cookie afterwards.

The id is 256 random bits, and stored only as its hash, so nothing in the store opens anything. A
session is worth what its key is worth now: one that is revoked or expired ends it. SECURITY.md §4.
"""

import hashlib
import hmac
import secrets
from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any, Final, cast

import msgspec

from orchestra.clock import Clock
from orchestra.errors import Forbidden, Unauthenticated
from orchestra.security import KEY_NEEDED, Principal
from orchestra.security.key_text import Kind
from orchestra.security.keys import KeyRing
from orchestra.security.master_key import derived
from orchestra.store import frames, session_keys
from orchestra.store.client import Store
from orchestra.store.keys import identities

IDLE_MS: Final = 30 * 60_000
ABSOLUTE_MS: Final = 12 * 3_600_000
TOUCH_MS: Final = 60_000
CACHE_S: Final = 5.0
CACHED_MAX: Final = 10_000
LABEL: Final = "csrf-tokens"
PLAIN: Final = "orc"
UNDER_TLS: Final = "__Host-orc"


class TokenMissing(Forbidden):
    """A change that does not carry the token of its session: another site may have made it."""


class Session(msgspec.Struct, frozen=True):
    """A browser that is signed in. `token` proves that one of our pages asked."""

    id: str
    principal: Principal
    token: str


class _Record(msgspec.Struct, frozen=True):
    key: str
    created_ms: int
    touched_ms: int


class Sessions:
    """Those in the store. Known ones are remembered for 5 s at most."""

    def __init__(self, store: Store, ring: KeyRing, clock: Clock, pepper: bytes) -> None:
        self._store, self._ring, self._clock = store, ring, clock
        self._prefix = identities(store.space)
        self._csrf = derived(pepper, LABEL)
        self._remembered: dict[str, tuple[float, _Record]] = {}

    async def begin(self, key: str) -> Session:
        """A session for who shows `key`. Raises Unauthenticated."""
        shown = await self._ring.verify(key)
        if shown.kind != "live":
            raise Unauthenticated(KEY_NEEDED)
        text = secrets.token_urlsafe(32)
        now = self._clock.now_ms()
        await self._put(text, _Record(shown.id, now, now))
        return Session(text, shown.principal, self.token(text))

    async def find(self, text: str) -> Session | None:
        """The session of a cookie; None when there is none, or no more."""
        now_s = self._clock.monotonic()
        kept = self._remembered.get(text)
        if kept is None or now_s - kept[0] > CACHE_S:
            self._remembered.pop(text, None)
            record = await self._read(text)
            if record is None:
                return None
            while len(self._remembered) >= CACHED_MAX:
                self._remembered.pop(next(iter(self._remembered)))
            kept = self._remembered[text] = (now_s, record)
        principal = await self._ring.holder(kept[1].key)
        return None if principal is None else Session(text, principal, self.token(text))

    async def lasts(self, text: str) -> bool:
        """Whether it is still there. To ask does not make it last."""
        return await self._holder(text) is not None

    async def end(self, text: str) -> None:
        """Sign out."""
        self._remembered.pop(text, None)
        await self._store.call(self._prefix, "DEL", session_keys.session(self._prefix, _hash(text)))

    async def authenticate(self, text: str) -> tuple[Principal, Kind]:
        """Who asks with the session `text`, as what lasts asks again. To ask does not make it last.

        Raises Unauthenticated.
        """
        principal = await self._holder(text)
        if principal is None:
            raise Unauthenticated(KEY_NEEDED)
        return principal, "live"

    async def _holder(self, text: str) -> Principal | None:
        record = await self._read(text, touch=False)
        return None if record is None else await self._ring.holder(record.key)

    def token(self, text: str) -> str:
        """What a change has to carry beside the cookie."""
        return hmac.digest(self._csrf, text.encode(), "sha256").hex()[:43]

    async def _read(self, text: str, *, touch: bool = True) -> _Record | None:
        name = session_keys.session(self._prefix, _hash(text))
        raw = cast("bytes | None", await self._store.read(self._prefix, "GET", name))
        if raw is None:
            return None
        record = msgspec.json.decode(frames.unpack(raw), type=_Record)
        now = self._clock.now_ms()
        if now - record.created_ms >= ABSOLUTE_MS:
            return None
        if touch and now - record.touched_ms >= TOUCH_MS:
            record = msgspec.structs.replace(record, touched_ms=now)
            # Only one that is still there: who signs out meanwhile stays signed out.
            return record if await self._put(text, record, "XX") else None
        return record

    async def _put(self, text: str, record: _Record, *only: str) -> bool:
        left = min(IDLE_MS, record.created_ms + ABSOLUTE_MS - record.touched_ms)
        name = session_keys.session(self._prefix, _hash(text))
        body = frames.pack(msgspec.json.encode(record))
        made = await self._store.call(self._prefix, "SET", name, body, "PX", max(1, left), *only)
        return made is not None


async def signed_in(
    sessions: Sessions, scope: MutableMapping[str, Any], fields: Mapping[bytes, Sequence[bytes]],
    *, tls: bool,
) -> Session | None:  # fmt: skip
    """Whose browser it is; None for nobody's. Raises TokenMissing for a change nobody may ask for.

    Below `/ui/` the token may stand in the form, which the page reads and judges.
    """
    text = cookie_in(fields, tls=tls)
    session = await sessions.find(text) if text is not None else None
    if session is None:
        return None
    method: str = scope.get("method", "POST")
    if method in ("GET", "HEAD", "OPTIONS"):
        return None if _embedded(fields) else session
    if not same_origin(scope, fields, tls=tls):
        raise TokenMissing("another site may not act as you here")
    given = fields.get(b"x-csrf-token", (b"",))[0]
    right = hmac.compare_digest(given, session.token.encode())
    if not right and not str(scope["path"]).startswith("/ui/"):
        raise TokenMissing("send X-CSRF-Token, as the pages do")
    return session


def _embedded(fields: Mapping[bytes, Sequence[bytes]]) -> bool:
    """Whether a page of somebody else reads, rather than a person who follows a link.

    Cookies go to every port of localhost, and every port is the same site: a page there could
    take the places of our streams.
    """
    sites = fields.get(b"sec-fetch-site", ())
    if any(site not in (b"same-origin", b"none") for site in sites):
        return list(fields.get(b"sec-fetch-mode", ())) != [b"navigate"]
    return False


def same_origin(
    scope: Mapping[str, Any], fields: Mapping[bytes, Sequence[bytes]], *, tls: bool = False
) -> bool:
    """Whether the browser says that one of our own pages asks. `tls`: it asks by https."""
    sites = list(fields.get(b"sec-fetch-site", ()))
    if sites:
        return sites == [b"same-origin"]
    host = fields.get(b"host", (b"",))[0]
    scheme = "https" if tls else scope["scheme"]
    return list(fields.get(b"origin", ())) == [f"{scheme}://".encode() + host]


def cookie_in(headers: Mapping[bytes, Sequence[bytes]], *, tls: bool) -> str | None:
    """What the browser says its session is; None if it says two things.

    One of two may come from elsewhere: other hosts of a domain, and other ports of localhost, set
    cookies for us, too. Cookies of others may hold anything and are passed over.
    """
    name = UNDER_TLS if tls else PLAIN
    found: set[str] = set()
    for line in headers.get(b"cookie", ()):
        for part in line.decode("latin-1").split(";"):
            before, _, value = part.partition("=")
            if before.strip() == name:
                found.add(value.strip())
    text = found.pop() if len(found) == 1 else ""
    return text if 20 <= len(text) <= 64 and text.isascii() else None


def cookie_line(text: str, *, tls: bool) -> str:
    """The `Set-Cookie` of a session; of an empty text: that it is over."""
    name = UNDER_TLS if tls else PLAIN
    ends = "; Max-Age=0" if not text else ""
    return f"{name}={text}; Path=/; HttpOnly; SameSite=Strict{'; Secure' if tls else ''}{ends}"


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
