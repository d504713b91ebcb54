"""Definitions that somebody writes and has not saved yet: texts, of one author, for a while."""

import hashlib
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from orchestra.clock import Clock
from orchestra.errors import Invalid, NotFound, Problem
from orchestra.instants import instant
from orchestra.store import editor_keys, frames, keys
from orchestra.store.keys import Tenant
from orchestra.workflows.catalogue.plans import SCRIPTS, Catalogue, Definitions

BYTES_MAX: Final = 1_048_576
DRAFTS_MAX: Final = 50
TTL_MS: Final = 30 * 86_400_000
NEW: Final = "new"
"""Instead of a workflow: the draft of one that does not exist yet."""


class NoSuchDraft(NotFound):
    """The caller has no draft for this workflow."""


class Writing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A text, finished or not."""

    definition: Annotated[str, Meta(description="As it was typed; it need not be JSON.")]
    version: Annotated[
        Annotated[int, Meta(ge=1, le=2**31)] | None,
        Meta(description="The version it was begun with."),
    ] = None


class Draft(Writing, frozen=True, forbid_unknown_fields=True):
    """A text that is kept."""

    saved_at: Annotated[str, Meta(extra_json_schema={"format": "date-time"})] = ""


class Drafts:
    """Keeps them, apart for each author."""

    def __init__(self, store: Definitions, catalogue: Catalogue, clock: Clock) -> None:
        self._store, self._catalogue, self._clock = store, catalogue, clock
        self._prefix = keys.definitions(store.space)

    async def of(self, tenant: Tenant, actor: str, reference: str) -> Draft:
        """The draft of `actor`. Raises NoSuchWorkflow, NoSuchDraft, StoreAway."""
        name = await self._name(tenant, reference)
        key = editor_keys.draft(self._prefix, tenant, _owner(actor), name)
        framed = await self._store.read(self._prefix, "GET", key)
        if not framed:
            raise NoSuchDraft("you have no draft of this workflow")
        return msgspec.json.decode(frames.unpack(framed), type=Draft)

    async def keep(self, tenant: Tenant, actor: str, reference: str, writing: Writing) -> Draft:
        """Instead of what was kept. Raises Invalid, NoSuchWorkflow, StoreAway, StoreFull."""
        if len(writing.definition.encode(errors="replace")) > BYTES_MAX:
            wrong = Problem("/definition", "limit.bytes", f"a draft may have {BYTES_MAX:,} bytes")
            raise Invalid("the draft is too long", [wrong])
        at_ms = self._clock.now_ms()
        draft = Draft(writing.definition, writing.version, instant(at_ms))
        await self._set(tenant, actor, reference, frames.pack_small(msgspec.json.encode(draft)))
        return draft

    async def forget(self, tenant: Tenant, actor: str, reference: str) -> None:
        """Discard it. Raises NoSuchWorkflow, StoreAway. Safe to repeat."""
        await self._set(tenant, actor, reference, b"")

    async def _set(self, tenant: Tenant, actor: str, reference: str, draft: bytes) -> None:
        await self._store.run(
            SCRIPTS["workflow_draft"], self._prefix, tenant=tenant, owner=_owner(actor),
            name=await self._name(tenant, reference), draft=draft, at_ms=self._clock.now_ms(),
            ttl_ms=TTL_MS, most=DRAFTS_MAX,
        )  # fmt: skip

    async def _name(self, tenant: Tenant, reference: str) -> str:
        return NEW if reference == NEW else (await self._catalogue.get(tenant, reference)).id


def _owner(actor: str) -> str:
    """An actor as part of a key: whatever it is called."""
    return hashlib.sha256(actor.encode(errors="replace")).hexdigest()[:32]
