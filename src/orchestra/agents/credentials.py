"""Credentials towards agents: a secret becomes headers, for one call, to an allowed host."""

import hmac
import re
from base64 import b64decode, b64encode
from collections.abc import Mapping
from urllib.parse import urlsplit

from orchestra.agents.providers import CredentialsUnusable
from orchestra.agents.records import Agent, Auth
from orchestra.agents.registration.reaches import urls_of
from orchestra.agents.scrubbing import note_sent, note_unusable
from orchestra.clock import Clock
from orchestra.errors import NotFound
from orchestra.security.secrets import MasterKeyMissing, Opened, Secrets, SecretUnreadable

_NAME = re.compile(r"^\$\{secret:([A-Za-z0-9][A-Za-z0-9_.-]{0,62})\}$")
_HEADER_VALUE = re.compile(r"[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?")


class NoCredentials:
    """For agents without auth. Those with one cannot be called."""

    async def headers(
        self,
        agent: Agent,
        url: str,  # noqa: ARG002 -- of the protocol, as the next two
        body: bytes,  # noqa: ARG002
        message_id: str,  # noqa: ARG002
    ) -> Mapping[str, str]:
        """Nothing. Raises CredentialsUnusable when something is wanted."""
        if agent.spec.auth.type != "none":
            raise CredentialsUnusable("there are no secrets here")
        return {}


class SealedCredentials:
    """Opens the secret an agent refers to, of the agent's own tenant."""

    def __init__(self, secrets: Secrets, clock: Clock) -> None:
        self._secrets, self._clock = secrets, clock

    async def headers(
        self, agent: Agent, url: str, body: bytes, message_id: str
    ) -> Mapping[str, str]:
        """See `Credentials`. Raises StoreAway, too: then the secret was not in memory."""
        try:
            return await self._headers(agent, url, body, message_id)
        except CredentialsUnusable:
            note_unusable()
            raise

    async def _headers(
        self, agent: Agent, url: str, body: bytes, message_id: str
    ) -> Mapping[str, str]:
        auth = agent.spec.auth
        if auth.type == "none":
            return {}
        opened = await self._opened(agent, auth)
        if not opened.may_go_to(url):
            raise CredentialsUnusable("the secret may not be sent to this host: see allowed_hosts")
        if not opened.allowed_hosts and not _is_named(agent, url):
            # A card names where the agent is: it may not name where the secret goes.
            raise CredentialsUnusable(
                "the agent is at a host that its registration does not name: the secret goes there "
                "when its allowed_hosts have that host"
            )
        value = opened.value.reveal()
        if auth.type == "hmac":
            note_sent(value, value.removeprefix("whsec_"))
            return signed(value, message_id, self._clock.now_ms() // 1_000, body)
        name, text, parts = _header(agent, auth, value)
        if not _HEADER_VALUE.fullmatch(text):
            raise CredentialsUnusable("the secret holds characters that no header may have")
        note_sent(*parts)
        return {name: text}

    async def _opened(self, agent: Agent, auth: Auth) -> Opened:
        name = _NAME.match(auth.secret)
        if name is None:
            raise CredentialsUnusable("the agent's auth refers to no secret: ${secret:name}")
        try:
            return await self._secrets.open(agent.tenant, name[1])
        except (NotFound, SecretUnreadable, MasterKeyMissing) as missing:
            raise CredentialsUnusable(missing.detail) from missing


def _is_named(agent: Agent, url: str) -> bool:
    """Whether the registration itself names the origin of `url`."""
    return _origin(url) in {_origin(one) for one in urls_of(agent.spec.reach).values()}


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def secret_named(auth: Auth) -> str | None:
    """The name of the secret that `auth` refers to; None without one."""
    name = _NAME.match(auth.secret)
    return name[1] if name and auth.type != "none" else None


def signed(secret: str, message_id: str, at_s: int, body: bytes) -> dict[str, str]:
    """Standard Webhooks: HMAC-SHA256 over `id.timestamp.body`. `whsec_…` is base64 of the key.

    Raises CredentialsUnusable.
    """
    key = secret.encode()
    if secret.startswith("whsec_"):
        try:
            key = b64decode(secret.removeprefix("whsec_"), validate=True)
        except ValueError:
            raise CredentialsUnusable("behind whsec_ is no base64") from None
    digest = hmac.digest(key, f"{message_id}.{at_s}.".encode() + body, "sha256")
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(at_s),
        "webhook-signature": f"v1,{b64encode(digest).decode()}",
    }


def _header(agent: Agent, auth: Auth, value: str) -> tuple[str, str, tuple[str, ...]]:
    """Name, value, and every text in it that is secret."""
    match auth.type:
        case "header":
            return auth.header.lower(), value, (value,)
        case "basic":
            encoded = b64encode(value.encode()).decode()
            return "authorization", f"Basic {encoded}", (value, encoded, value.partition(":")[2])
        case _:
            # The Messages API knows no bearer: its own scheme is this header.
            if agent.spec.provider == "anthropic":
                return "x-api-key", value, (value,)
            return "authorization", f"Bearer {value}", (value,)
