"""Definitions that somebody writes and has not saved yet: texts, of one author, for a while."""

import hashlib
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from orchestra.clock import Clock
from orchestra.errors import Conflict, Invalid, NotFound, Problem
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
    """The caller has no draft for this workflow. Context: `revision`, of the next one."""


class DraftMoved(Conflict):
    """`If-Match` named another revision than the draft has. Context: `revision`."""

    status = 412


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
    revision: Annotated[int, Meta(description="How often it was kept or discarded so far.")] = 0


class Drafts:
    """Keeps them, apart for each author."""

    def __init__(self, store: Definitions, catalogue: Catalogue, clock: Clock) -> None:
        self._store, self._catalogue, self._clock = store, catalogue, clock
        self._prefix = keys.definitions(store.space)

    async def of(self, tenant: Tenant, actor: str, reference: str) -> Draft:
        """The draft of `actor`. Raises NoSuchWorkflow, NoSuchDraft, StoreAway."""
        whose = self._prefix, tenant, _owner(actor), await self._name(tenant, reference)
        at = editor_keys.draft(*whose), editor_keys.draft_revision(*whose)
        framed, count = await self._store.read(self._prefix, "MGET", *at)
        revision = int(count or 0)
        if not framed:
            raise NoSuchDraft("you have no draft of this workflow", revision=revision)
        draft = msgspec.json.decode(frames.unpack(framed), type=Draft)
        return msgspec.structs.replace(draft, revision=revision)

    async def keep(
        self, tenant: Tenant, actor: str, reference: str, writing: Writing, seen: int | None
    ) -> Draft:
        """Instead of what was kept; with `seen` only of that revision.

        Raises Invalid, NoSuchWorkflow, DraftMoved, StoreAway, StoreFull.
        """
        if len(writing.definition.encode(errors="replace")) > BYTES_MAX:
            wrong = Problem("/definition", "limit.bytes", f"a draft may have {BYTES_MAX:,} bytes")
            raise Invalid("the draft is too long", [wrong])
        at_ms = self._clock.now_ms()
        draft = Draft(writing.definition, writing.version, instant(at_ms))
        packed = frames.pack_small(msgspec.json.encode(draft))
        revision = await self._set(tenant, actor, reference, packed, seen)
        return msgspec.structs.replace(draft, revision=revision)

    async def forget(self, tenant: Tenant, actor: str, reference: str, seen: int | None) -> None:
        """Discard it; with `seen` only that revision, and what still comes for it is refused.

        Raises NoSuchWorkflow, DraftMoved, StoreAway.
        """
        await self._set(tenant, actor, reference, b"", seen)

    async def _set(
        self, tenant: Tenant, actor: str, reference: str, draft: bytes, seen: int | None
    ) -> int:
        done, revision = await self._store.run(
            SCRIPTS["workflow_draft"], self._prefix, tenant=tenant, owner=_owner(actor),
            name=await self._name(tenant, reference), draft=draft,
            seen="" if seen is None else seen, at_ms=self._clock.now_ms(), ttl_ms=TTL_MS,
            most=DRAFTS_MAX,
        )  # fmt: skip
        if not done:
            raise DraftMoved("the draft was kept or discarded meanwhile", revision=revision)
        return revision

    async def _name(self, tenant: Tenant, reference: str) -> str:
        return NEW if reference == NEW else (await self._catalogue.get(tenant, reference)).id


def _owner(actor: str) -> str:
    """An actor as part of a key: whatever it is called."""
    return hashlib.sha256(actor.encode(errors="replace")).hexdigest()[:32]
