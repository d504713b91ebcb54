"""What comes in by a hook: believed or not, once, and published.

The signature is over the raw bytes, so it is judged before anything is read. A request that comes
again within a day has the answer of the first: publishing it twice is one event.
"""

from collections.abc import Awaitable, Mapping
from typing import Any, Final, Protocol, cast
from urllib.parse import parse_qsl

import msgspec

from orchestra import tracing
from orchestra.bus import Draft
from orchestra.bus.webhooks.inbound.hooks import Hooks
from orchestra.bus.webhooks.inbound.reading import place_in
from orchestra.bus.webhooks.inbound.records import (
    REFUSED,
    Hook,
    HookMedia,
    HookRefused,
    HookTooFast,
)
from orchestra.bus.webhooks.inbound.schemes import SCHEMES, new_secret
from orchestra.bus.webhooks.reading import WebhookInvalid
from orchestra.clock import Clock
from orchestra.errors import OrchestraError, Problem
from orchestra.problems import BodyTooLarge
from orchestra.security import hops
from orchestra.security.hardened import loads
from orchestra.store import webhook_keys
from orchestra.store.client import Store
from orchestra.store.scripts import load_scripts

BODY_MAX_BYTES: Final = 245_760
"""An event has 256 KiB, with what is around it."""
TYPE: Final = "webhook.received"
SOURCE: Final = "/orchestra/webhooks"
PASSED_ON: Final = (
    "content-type", "user-agent", "webhook-id", "x-github-event", "x-github-delivery",
    "x-slack-retry-num", "x-slack-retry-reason",
)  # fmt: skip
HEADER_MAX: Final = 512
FIELDS_MAX: Final = 1_000
BURST: Final = 2


class Publish(Protocol):
    """See `Bus.publish`."""

    def __call__(self, draft: Draft, *, dedup: str | None = None) -> Awaitable[str]:
        """The id of the event."""
        ...


class Challenge(msgspec.Struct, frozen=True):
    """Slack wants to hear this, to know that we are there."""

    challenge: str


class Receiver:
    """Judges requests and publishes what they say."""

    def __init__(self, store: Store, hooks: Hooks, publish: Publish, clock: Clock) -> None:
        self._store, self._hooks, self._publish, self._clock = store, hooks, publish, clock
        self._prefix = webhook_keys.webhooks(store.space)
        self._take = load_scripts("orchestra.bus.webhooks")["inbound_take"]
        self._nobody = [new_secret("standard-webhooks").encode()]

    async def receive(
        self, hook_id: str, headers: Mapping[str, str], body: bytes
    ) -> str | Challenge:
        """The id of the event. Names of headers are in lower case.

        Raises HookRefused, HookTooFast, HookMedia, BodyTooLarge, BadRequest, WebhookInvalid.
        """
        if len(body) > BODY_MAX_BYTES:
            raise BodyTooLarge("a hook takes at most 240 KiB", limit_bytes=BODY_MAX_BYTES)
        hook = await self._believed(hook_id, headers, body)
        wait_ms = await self._store.insist(
            lambda: self._store.run(
                self._take,
                self._prefix,
                hook=hook.id,
                per_s=hook.rate_per_s,
                burst=hook.rate_per_s * BURST,
            )
        )
        if wait_ms:
            raise HookTooFast(
                "more requests than this hook takes", retry_after_ms=cast("int", wait_ms)
            )
        given = _read(headers.get("content-type", ""), body)
        if hook.scheme == "slack" and (challenge := _challenge(given)):
            return challenge
        dedup = _dedup(hook, headers, body)
        return await self._publish(_draft(hook, given, headers), dedup=dedup)

    async def _believed(self, hook_id: str, headers: Mapping[str, str], body: bytes) -> Hook:
        """Raises HookRefused, after as much work for a hook that is not there."""
        hook, now_s = await self._hooks.find(hook_id), self._clock.now_ms() // 1_000
        if hook is None:
            SCHEMES["standard-webhooks"].verify(self._nobody, headers, body, now_s)
            raise HookRefused(REFUSED)
        try:
            keys = await self._hooks.secrets(hook)
        except OrchestraError as unreadable:
            if unreadable.retryable:
                raise
            raise HookRefused(REFUSED) from None
        true = SCHEMES[hook.scheme].verify(keys, headers, body, now_s)
        if hook.state != "active" or not (true or hook.public):
            raise HookRefused(REFUSED)
        return hook


def _challenge(given: object) -> Challenge | None:
    members = cast("dict[str, object]", given) if isinstance(given, dict) else {}
    if members.get("type") != "url_verification":
        return None
    return Challenge(str(members.get("challenge", ""))[:HEADER_MAX])


def _dedup(hook: Hook, headers: Mapping[str, str], body: bytes) -> str | None:
    """What a repeat has in common with the first. Who signs nothing may name it, or not."""
    if hook.public:
        name = headers.get("webhook-id") or headers.get("idempotency-key")
    else:
        name = SCHEMES[hook.scheme].id_of(headers, body)
    return f"{hook.id}|{name}" if name else None


def _draft(hook: Hook, given: object, headers: Mapping[str, str]) -> Draft:
    """The event. Raises WebhookInvalid when the body does not say whom the signal is for."""
    signal = None
    if hook.target.signal:
        execution = place_in(hook.target.signal.execution, given)
        if execution is None:
            told = f"this hook expects {hook.target.signal.execution[2:-1]} here"
            raise WebhookInvalid(
                "the body does not say whom it is for", [Problem("", "missing_field", told)]
            )
        signal = {"execution": execution, "name": hook.target.signal.name}
    data: dict[str, Any] = {
        "hook": hook.id,
        "name": hook.name,
        "target": {"workflow": hook.target.workflow, "signal": signal},
        "input": given,
        "headers": {
            name: value[:HEADER_MAX]
            for name in (*PASSED_ON, *hook.headers)
            if (value := headers.get(name))
        },
        "hop": hops.come_so_far(),
    }
    raw = msgspec.Raw(msgspec.json.encode(data))
    trace = tracing.text() or None
    return Draft(hook.tenant, TYPE, SOURCE, hook.id, raw, "module", traceparent=trace)


def _read(content_type: str, body: bytes) -> object:
    """JSON, or the fields of a form; `payload` in one is JSON again, as GitHub and Slack do it."""
    media = content_type.partition(";")[0].strip().lower()
    if not body:
        return None
    if media == "application/x-www-form-urlencoded":
        return _form(body)
    if media in ("", "application/json") or media.endswith("+json"):
        return loads(body)
    raise HookMedia("send JSON, or a form")


def _form(body: bytes) -> object:
    try:
        pairs = parse_qsl(
            body.decode(), keep_blank_values=True, max_num_fields=FIELDS_MAX, errors="strict"
        )
    except ValueError:
        raise HookMedia("the form cannot be read") from None
    fields = dict(pairs)
    if any("\0" in text for pair in pairs for text in pair):
        raise HookMedia("the form holds a NUL character")
    if set(fields) == {"payload"}:
        return loads(fields["payload"].encode())
    return fields
