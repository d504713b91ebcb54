"""Sending one delivery: signed, through the outbound guard, bounded in every direction.

An answer counts when it came whole, or as much of it as we read: one that breaks off is none.
Nothing is followed, nothing is unpacked, and no secret is kept of what came back.
"""

import re
from collections.abc import Mapping
from typing import Final, Protocol

import msgspec

import orchestra
from orchestra.bus import Event
from orchestra.bus.webhooks import formats, signing
from orchestra.bus.webhooks.endpoints import Endpoints
from orchestra.bus.webhooks.records import Endpoint
from orchestra.bus.webhooks.verdicts import Failure, Outcome
from orchestra.clock import Clock
from orchestra.errors import OrchestraError, Unavailable
from orchestra.log import COVERED
from orchestra.security.outbound import (
    AnswerLost,
    DestinationNotAllowed,
    NotReached,
    Outbound,
    Timeouts,
)
from orchestra.security.secrets import Secrets

CONNECT_S: Final = 5.0
READ_MAX_BYTES: Final = 32 * 1024
PARTS_MAX: Final = 1_024
"""Of the body: one that comes a byte at a time costs more than it says."""
KEPT_OF_FAILURE: Final = 8 * 1024
KEPT_OF_SUCCESS: Final = 256
_HEADERS_KEPT: Final = 20
_VALUE_KEPT: Final = 200
_BODY_MAX: Final = 1 << 62
"""More than we read may be announced: we read no more than we want."""
_REFERENCE: Final = re.compile(r"\$\{secret:([A-Za-z0-9][A-Za-z0-9_.-]{0,62})\}")
_MASKED: Final = re.compile(r"authorization|cookie|token|secret|password|api-?key|signature")


class Answer(msgspec.Struct, frozen=True):
    """What came back: the head, and the beginning of the body."""

    status: int
    headers: dict[str, str] = {}
    body: bytes = b""
    address: str = ""


class Post(Protocol):
    """Sends one request and waits for its answer."""

    async def __call__(
        self, url: str, headers: Mapping[str, str], body: bytes, timeout_s: float
    ) -> Answer:
        """Raises TimeoutError, and what `Outbound.stream` raises."""
        ...


class NotSendable(OrchestraError):
    """The delivery cannot be made as the endpoint is set: such as for a secret that is gone."""


class GuardedPost:
    """`Post` through the guard."""

    def __init__(self, outbound: Outbound) -> None:
        self._outbound = outbound

    async def __call__(
        self, url: str, headers: Mapping[str, str], body: bytes, timeout_s: float
    ) -> Answer:
        """See `Post`."""
        within = Timeouts(timeout_s, connect_s=CONNECT_S)
        asked = self._outbound.stream("POST", url, headers, body, within, _BODY_MAX)
        async with asked as answer:
            read, parts = bytearray(), 0
            if not answer.encoded:
                async for part in answer.chunks():
                    read += part
                    parts += 1
                    if len(read) >= READ_MAX_BYTES or parts >= PARTS_MAX:
                        break
            kept = bytes(read[:READ_MAX_BYTES])
            return Answer(answer.status, answer.headers, kept, answer.address)


class Sender:
    """Makes the request for a delivery, and says what became of it."""

    def __init__(
        self, post: Post, endpoints: Endpoints, secrets: Secrets, clock: Clock, base_url: str = ""
    ) -> None:
        self._post, self._endpoints, self._secrets = post, endpoints, secrets
        self._clock, self._base_url = clock, base_url

    async def send(self, endpoint: Endpoint, delivery_id: str, event: Event) -> Outcome:
        """One attempt. A receiver that fails is an outcome; raises Unavailable when we do."""
        started = self._clock.monotonic()

        def failed(failure: Failure, detail: str = "") -> Outcome:
            ms = int((self._clock.monotonic() - started) * 1_000)
            return Outcome(failure, ms, detail=COVERED.over(detail))

        try:
            body = formats.body_of(endpoint, event, self._base_url)
            headers = await self._headers(endpoint, delivery_id, body)
            started = self._clock.monotonic()
            answer = await self._post(endpoint.url, headers, body, endpoint.timeout_ms / 1_000)
        except TimeoutError:
            return failed("timeout")
        except DestinationNotAllowed as refused:
            return failed("not_allowed", refused.detail)
        except NotReached as missed:
            blocked = missed.detail == "destination not allowed"
            return failed("not_allowed" if blocked else "not_reached", missed.detail)
        except AnswerLost as lost:
            return failed("broken", lost.detail)
        except Unavailable:
            raise
        except OrchestraError as wrong:
            return failed("not_sent", wrong.detail)
        return _read(answer, int((self._clock.monotonic() - started) * 1_000))

    async def _headers(self, endpoint: Endpoint, delivery_id: str, body: bytes) -> dict[str, str]:
        keys = await self._endpoints.secret_keys(endpoint)
        at_s = self._clock.now_ms() // 1_000
        own = {
            name.lower(): await self._filled(endpoint, text)
            for name, text in endpoint.headers.items()
        }
        return {
            **own,
            "content-type": formats.content_type(endpoint),
            "user-agent": own.get("user-agent", f"orchestra-webhooks/{orchestra.__version__}"),
            **signing.headers(keys, delivery_id, at_s, body),
        }

    async def _filled(self, endpoint: Endpoint, text: str) -> str:
        """A header with the secrets it names. Raises NotSendable, NotFound, Conflict."""
        filled = text
        for found in _REFERENCE.finditer(text):
            opened = await self._secrets.open(endpoint.tenant, found[1])
            if not opened.may_go_to(endpoint.url):
                raise NotSendable("a secret may not be sent to this host: see allowed_hosts")
            filled = filled.replace(found[0], opened.value.reveal())
        return filled


def _read(answer: Answer, ms: int) -> Outcome:
    good = 200 <= answer.status < 300
    failure: Failure = "" if good else "redirect" if 300 <= answer.status < 400 else "status"
    most = KEPT_OF_SUCCESS if good else KEPT_OF_FAILURE
    # Covered before it is cut: the rest of a secret that is cut is not found.
    body = COVERED.over(answer.body.decode("utf-8", "replace").replace("\0", ""))[:most]
    return Outcome(failure, ms, answer.status, _kept(answer.headers), body, answer.address)


def _kept(headers: Mapping[str, str]) -> dict[str, str]:
    """What the log keeps of a head: a little, and no credentials."""
    some = list(headers.items())[:_HEADERS_KEPT]
    return {
        name[:_VALUE_KEPT]: "***" if _MASKED.search(name) else COVERED.over(value)[:_VALUE_KEPT]
        for name, value in some
    }
