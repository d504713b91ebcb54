"""Endpoints of webhooks, their signing keys, and what is sent to them."""

from collections.abc import Mapping
from typing import Final, Literal

import msgspec

from orchestra.errors import Conflict, NotFound
from orchestra.store.keys import Tenant

Format = Literal["cloudevents", "plain", "slack"]
Ordering = Literal["parallel", "key", "all"]
State = Literal["active", "disabled"]
Kind = Literal["v1", "v1a"]

ENDPOINTS_MAX: Final = 100
"""Endpoints a tenant may have."""
KEYS_MAX: Final = 5
"""Signing keys of an endpoint that live at once."""
SCHEDULE_MS: Final = tuple(
    seconds * 1_000
    for seconds in (
        0, 5, 60, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400,
    )
)  # fmt: skip
"""The wait before each try: 11 tries in about 76 h."""


class WebhookUnknown(NotFound):
    """There is no webhook of this id."""


class Quota(Conflict):
    """The tenant has as many of these as it may. Context: `limit`."""


class WebhookManaged(Conflict):
    """It belongs to something else, such as a contact: change or delete that. Context: `owner`."""


class WebhookMoved(Conflict):
    """Somebody else changed the webhook since. Context: `revision`."""

    status = 412


class KeysExhausted(Conflict):
    """As many signing keys live as may: rotate with `overlap_h` 0. Context: `limit`."""


class SigningKey(msgspec.Struct, frozen=True):
    """A key deliveries are signed with. `expires_ms` None: until it is replaced."""

    id: str
    sealed: bytes
    kind: Kind = "v1"
    created_ms: int = 0
    expires_ms: int | None = None

    def belongs_to(self, tenant: Tenant, owner: str) -> str:
        """What the sealed value is tied to."""
        return f"webhook|{tenant}|{owner}|{self.id}"


class Endpoint(msgspec.Struct, frozen=True):
    """Somebody outside who is told of events. Empty `types`, `…_ids`, `sources`: of all.

    `filter` is an expression over `event`, "" for none. Values of `headers` may name secrets:
    `${secret:name}`. `schedule_ms` are the waits before each try; `rate_per_s` 0 is no limit.
    """

    id: str
    tenant: Tenant
    name: str
    url: str
    types: tuple[str, ...] = ()
    workflow_ids: tuple[str, ...] = ()
    agent_ids: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    filter: str = ""
    format: Format = "cloudevents"
    ordering: Ordering = "parallel"
    headers: Mapping[str, str] = {}
    rate_per_s: int = 0
    concurrency: int = 10
    timeout_ms: int = 15_000
    schedule_ms: tuple[int, ...] = SCHEDULE_MS
    state: State = "active"
    disabled_reason: str = ""
    created_ms: int = 0
    updated_ms: int = 0
    revision: int = 1
    secrets: tuple[SigningKey, ...] = ()
    managed_by: str = ""
    """Whose it is, when it is told only what another module says; see `managed`."""
