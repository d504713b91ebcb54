"""The catalogue: workflows and their versions in the store, and the compiled plans in memory.

A version is its content: it is stored once under the digest of its normalised document, and an
execution keeps the digest it began with (R2).
"""

from collections import OrderedDict
from collections.abc import Awaitable
from typing import Any, Protocol

import msgspec

from orchestra.errors import Conflict, NotFound
from orchestra.store import frames, keys
from orchestra.store.keys import Tenant
from orchestra.store.repeats import IdempotencyMismatch
from orchestra.store.scripts import Argument, Script
from orchestra.workflows.catalogue.cursors import Place
from orchestra.workflows.language.definition import Json
from orchestra.workflows.language.reading import definition_of
from orchestra.workflows.planning.compiling import compile_plan
from orchestra.workflows.planning.plan import Plan
from orchestra.workflows.ports import SCRIPTS

PLANS_MAX = 1_000
IDEMPOTENCY_TTL_MS = 86_400_000


class NoSuchWorkflow(NotFound):
    """No workflow of this id or name, for this tenant."""


class NoSuchVersion(NotFound):
    """The workflow has no such version."""


class WorkflowAmbiguous(Conflict):
    """Several workflows have this name. Context: `ids`."""


class WorkflowArchived(Conflict):
    """An archived workflow starts nothing."""


class VersionMismatch(Conflict):
    """`If-Match` named another version than the last one. Context: `version`."""

    status = 412


class Workflow(msgspec.Struct, frozen=True):
    """A workflow as the store has it."""

    id: str
    name: str
    last: int
    active: int
    created_ms: int
    updated_ms: int
    archived: bool
    facts: dict[str, Json]
    digests: dict[int, tuple[str, int]]
    """Version -> digest and when it was saved."""


class Saved(msgspec.Struct, frozen=True):
    """What a save did. `created`: a version was made; `replayed`: the key was used before."""

    id: str
    version: int
    created: bool
    replayed: bool


class Definitions(Protocol):
    """The store as the catalogue sees it."""

    space: str

    def run(self, script: Script, prefix: str, /, *more: bytes, **args: Argument) -> Awaitable[Any]:
        """Run a script in the space of definitions."""
        ...

    def read(self, prefix: str, /, *command: Argument | float) -> Awaitable[Any]:
        """One reading command there."""
        ...


class Draft(msgspec.Struct, frozen=True):
    """A checked definition on its way into the store, as a new workflow or as its next version.

    `expected` is the version the caller saw; `idempotency` the digests of a key and of the body.
    """

    workflow_id: str
    created: bool
    now_ms: int
    name: str
    digest: str
    document: dict[str, Json]
    facts: dict[str, Json]
    expected: int | None = None
    idempotency: tuple[str, str] = ("", "")


class Catalogue:
    """All workflows of an installation."""

    def __init__(self, store: Definitions) -> None:
        self._store = store
        self._prefix = keys.definitions(store.space)
        self._plans: OrderedDict[str, Plan] = OrderedDict()

    def cached(self, digest: str) -> Plan | None:
        """A plan that was compiled before."""
        return self._plans.get(digest)

    async def plan(self, digest: str) -> Plan:
        """The plan of a version, compiled at most once. Raises NoSuchVersion, StoreAway."""
        found = self._plans.get(digest)
        if found is not None:
            self._plans.move_to_end(digest)
            return found
        return self.remember(digest, await self.document(digest))

    def remember(self, digest: str, document: dict[str, Json]) -> Plan:
        """Compile a document and keep the plan."""
        made = self._plans[digest] = compile_plan(digest, definition_of(document))
        if len(self._plans) > PLANS_MAX:
            self._plans.popitem(last=False)
        return made

    async def document(self, digest: str) -> dict[str, Json]:
        """The normalised document of a version. Raises NoSuchVersion, CorruptRecord."""
        framed = await self._store.read(self._prefix, "GET", keys.definition(self._prefix, digest))
        if framed is None:
            raise NoSuchVersion("this version of the workflow is not stored")
        return msgspec.json.decode(frames.unpack(framed))

    async def save(self, tenant: Tenant, draft: Draft) -> Saved:
        """Store it. Safe to repeat with the same draft.

        Raises NoSuchWorkflow, VersionMismatch, IdempotencyMismatch, StoreAway, StoreFull.
        """
        key, body = draft.idempotency
        reply = await self._store.run(
            SCRIPTS["workflow_save"],
            self._prefix,
            tenant=tenant,
            id=draft.workflow_id,
            name=draft.name,
            digest=draft.digest,
            document=frames.pack(msgspec.json.encode(draft.document)),
            facts=msgspec.json.encode(draft.facts),
            expected="" if draft.expected is None else draft.expected,
            create="1" if draft.created else "",
            created_ms=draft.now_ms,
            idem=key,
            idem_digest=body,
            idem_ttl_ms=IDEMPOTENCY_TTL_MS,
        )
        match reply[0]:
            case -1:
                raise NoSuchWorkflow("no workflow of this id")
            case -2:
                detail = f"the workflow is at version {reply[1]}"
                raise VersionMismatch(detail, version=reply[1])
            case 3:
                raise IdempotencyMismatch("this Idempotency-Key was used with another body")
            case outcome:
                return Saved(reply[1].decode(), reply[2], outcome == 1, outcome == 2)

    async def archive(self, tenant: Tenant, workflow_id: str, now_ms: int) -> None:
        """Start nothing of it any more. Raises NoSuchWorkflow. Safe to repeat."""
        script = SCRIPTS["workflow_archive"]
        reply = await self._store.run(
            script, self._prefix, tenant=tenant, id=workflow_id, at_ms=now_ms
        )
        if reply[0] == -1:
            raise NoSuchWorkflow("no workflow of this id")

    async def get(self, tenant: Tenant, reference: str) -> Workflow:
        """By id, or by a name that only one has. Raises NoSuchWorkflow, WorkflowAmbiguous."""
        workflow_id = reference
        if not reference.startswith("wfl_"):
            workflow_id = await self._by_name(tenant, reference)
        key = keys.workflow(self._prefix, tenant, workflow_id)
        found = await self._store.read(self._prefix, "HGETALL", key)
        if not found:
            raise NoSuchWorkflow("no workflow of this id")
        return _workflow(workflow_id, dict(zip(found[::2], found[1::2], strict=True)))

    async def _by_name(self, tenant: Tenant, name: str) -> str:
        names = keys.workflow_names(self._prefix, tenant)
        ids = (await self._store.read(self._prefix, "HGET", names, name) or b"").decode().split()
        if not ids:
            raise NoSuchWorkflow("no workflow of this name")
        if len(ids) > 1:
            raise WorkflowAmbiguous(f"{len(ids)} workflows have this name: use an id", ids=ids)
        return ids[0]

    async def page(self, tenant: Tenant, before: Place | None, limit: int) -> list[Workflow]:
        """Newest first, behind `before`; empty at the end. At most `limit` of one millisecond."""
        index = keys.workflow_index(self._prefix, tenant)
        highest, most = ("+inf", limit) if before is None else (str(before[0]), 2 * limit)
        flat = await self._store.read(
            self._prefix, "ZRANGE", index, highest, "-inf",
            "BYSCORE", "REV", "LIMIT", 0, most, "WITHSCORES",
        )  # fmt: skip
        places = [
            (int(float(ms)), one.decode()) for one, ms in zip(flat[::2], flat[1::2], strict=True)
        ]
        ids = [place[1] for place in places if before is None or place < before]
        return [await self.get(tenant, one) for one in ids[:limit]]


def _workflow(workflow_id: str, h: dict[bytes, bytes]) -> Workflow:
    digests: dict[int, tuple[str, int]] = {}
    for name, value in h.items():
        if name[:1] == b"v" and name[1:].isdigit():
            digest, _, saved = value.decode().partition(" ")
            digests[int(name[1:])] = (digest, int(saved))
    return Workflow(
        id=workflow_id,
        name=h[b"name"].decode(),
        last=int(h[b"last"]),
        active=int(h[b"active"]),
        created_ms=int(h[b"created"]),
        updated_ms=int(h[b"updated"]),
        archived=b"archived" in h,
        facts=msgspec.json.decode(h[b"facts"]),
        digests=dict(sorted(digests.items())),
    )
