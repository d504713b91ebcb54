"""Workflows as callers see them: checked, saved, shown, listed, archived."""

import hashlib
from collections.abc import Callable

import anyio
import msgspec

from orchestra.agents import Agents
from orchestra.clock import Clock, Ids
from orchestra.errors import Invalid
from orchestra.instants import instant
from orchestra.store.keys import Tenant
from orchestra.workflows.catalogue.cursors import Place, cursor_of, place_of
from orchestra.workflows.catalogue.plans import Catalogue, Draft, NoSuchVersion, Workflow
from orchestra.workflows.language.definition import Json
from orchestra.workflows.language.digest import digest
from orchestra.workflows.language.validation import Checked, check, check_text

LIST_MAX = 200
APART_BYTES = 16 * 1024


class DefinitionInvalid(Invalid):
    """The definition has mistakes: every one is in `errors`. Nothing was stored."""


class Workflows:
    """The catalogue with validation in front of it."""

    def __init__(
        self, catalogue: Catalogue, agents: Agents, clock: Clock, ids: Ids,
        admit: Callable[[], None],
    ) -> None:  # fmt: skip
        """`admit` raises StoreFull or StoreDiskFull when there is no room for new work."""
        self._catalogue, self._agents = catalogue, agents
        self._clock, self._ids, self._admit = clock, ids, admit

    async def validate(self, tenant: Tenant, source: bytes) -> dict[str, Json]:
        """The document of `POST /validate`: always an answer, broken JSON included."""
        known = self._agents.known_types(tenant)
        checked = await _apart(len(source), check_text, source, known)
        return {
            "valid": checked.valid,
            "findings": msgspec.to_builtins(checked.findings),
            "normalised": checked.normalised,
            "graph": checked.graph,
        }

    async def create(
        self, tenant: Tenant, document: object, source: bytes, key: str | None
    ) -> tuple[dict[str, Json], bool]:
        """A new workflow, or the one this `Idempotency-Key` made; True when it is that one.

        Raises DefinitionInvalid, IdempotencyMismatch, StoreAway, StoreFull, StoreDiskFull.
        """
        checked, draft = await self._draft(tenant, document, source, self._ids.new("wfl"))
        draft = msgspec.structs.replace(draft, created=True)
        if key is not None:
            pair = (_sha(f"{tenant}|workflows|{key}"), draft.digest)
            draft = msgspec.structs.replace(draft, idempotency=pair)
        saved = await self._catalogue.save(tenant, draft)
        self._catalogue.remember(draft.digest, draft.document)
        return await self._saved(tenant, saved.id, saved.version, checked), saved.replayed

    async def save(
        self, tenant: Tenant, workflow_id: str, document: object, source: bytes,
        expected: int | None,
    ) -> dict[str, Json]:  # fmt: skip
        """The next version of a workflow; the same content makes none.

        Raises NoSuchWorkflow, DefinitionInvalid, VersionMismatch, StoreAway, StoreFull.
        """
        checked, draft = await self._draft(tenant, document, source, workflow_id)
        draft = msgspec.structs.replace(draft, expected=expected)
        saved = await self._catalogue.save(tenant, draft)
        self._catalogue.remember(draft.digest, draft.document)
        return await self._saved(tenant, saved.id, saved.version, checked)

    async def _draft(
        self, tenant: Tenant, document: object, source: bytes, workflow_id: str
    ) -> tuple[Checked, Draft]:
        self._admit()
        known = self._agents.known_types(tenant)
        checked = await _apart(len(source), check, document, source, known)
        if checked.normalised is None or checked.definition is None:
            errors = [f for f in checked.findings if f.severity == "error"]
            detail = f"the definition has {len(errors)} mistake{'s' * (len(errors) != 1)}"
            raise DefinitionInvalid(detail, checked.findings)
        made = checked.definition
        facts = {
            "description": made.description,
            "labels": dict(made.labels),
            "steps": len(checked.graph.get("nodes", ())),
        }
        document = checked.normalised
        return checked, Draft(
            workflow_id=workflow_id,
            created=False,
            now_ms=self._clock.now_ms(),
            name=made.name,
            digest=digest(document),
            document=document,
            facts=facts,
        )

    async def _saved(
        self, tenant: Tenant, workflow_id: str, version: int, checked: Checked
    ) -> dict[str, Json]:
        workflow = await self._catalogue.get(tenant, workflow_id)
        shown = summary(workflow, version)
        shown["warnings"] = msgspec.to_builtins(checked.findings)
        return shown

    async def get(self, tenant: Tenant, reference: str, version: int | None) -> dict[str, Json]:
        """A workflow with its definition. Raises NoSuchWorkflow, NoSuchVersion."""
        workflow = await self._catalogue.get(tenant, reference)
        number = workflow.active if version is None else version
        if number not in workflow.digests:
            raise NoSuchVersion(f"the workflow has no version {number}", version=number)
        shown = summary(workflow, number)
        shown["definition"] = await self._catalogue.document(workflow.digests[number][0])
        return shown

    async def versions(self, tenant: Tenant, reference: str) -> dict[str, Json]:
        """All versions, newest first."""
        workflow = await self._catalogue.get(tenant, reference)
        items = [
            {
                "version": number,
                "digest": content,
                "active": number == workflow.active,
                "created_at": instant(saved_ms),
            }
            for number, (content, saved_ms) in reversed(workflow.digests.items())
        ]
        return {"items": items, "next_cursor": None}

    async def archive(self, tenant: Tenant, workflow_id: str) -> None:
        """Start nothing of it any more; what runs goes on."""
        await self._catalogue.archive(tenant, workflow_id, self._clock.now_ms())

    async def page(
        self, tenant: Tenant, want: dict[str, str | None], cursor: str | None, limit: int
    ) -> dict[str, Json]:
        """Newest first. `want`: name, label, q, archived."""
        before = place_of(cursor)
        found: list[Workflow] = []
        scanned = 0
        while len(found) <= limit and scanned < 20 * LIST_MAX:
            page = await self._catalogue.page(tenant, before, LIST_MAX)
            found += [one for one in page if _fits(one, want)]
            scanned += len(page)
            if len(page) < LIST_MAX:
                break
            before = _place(page[-1])
        items = [summary(one, one.active) for one in found[:limit]]
        more = cursor_of(_place(found[limit - 1])) if len(found) > limit else None
        return {"items": items, "next_cursor": more}


def _place(workflow: Workflow) -> Place:
    return workflow.created_ms, workflow.id


def summary(workflow: Workflow, version: int) -> dict[str, Json]:
    """A workflow as lists and saves show it."""
    base = f"/api/workflows/{workflow.id}"
    return {
        "id": workflow.id,
        "workflow_id": workflow.id,
        "name": workflow.name,
        "version": version,
        "digest": workflow.digests[version][0],
        "status": "archived" if workflow.archived else "active",
        "active_version": workflow.active,
        "description": workflow.facts.get("description", ""),
        "labels": workflow.facts.get("labels", {}),
        "steps": workflow.facts.get("steps", 0),
        "created_at": instant(workflow.created_ms),
        "updated_at": instant(workflow.updated_ms),
        "links": {
            "self": base,
            "execute": f"{base}/execute",
            "versions": f"{base}/versions",
            "executions": f"/api/executions?workflow={workflow.id}",
        },
    }


def _fits(workflow: Workflow, want: dict[str, str | None]) -> bool:
    name, label, text = want.get("name"), want.get("label"), want.get("q")
    if (want.get("archived") == "true") != workflow.archived:
        return False
    if name and workflow.name != name:
        return False
    if label:
        key, _, value = label.partition("=")
        labels = workflow.facts.get("labels", {})
        if key not in labels or (value and labels[key] != value):
            return False
    shown = f"{workflow.name} {workflow.facts.get('description', '')} {workflow.id}".lower()
    return not text or text.lower() in shown


async def _apart(size: int, function: Callable[..., Checked], *args: object) -> Checked:
    """Check a large definition in a thread: 1,000 steps take 0.3 s, and others want the loop."""
    if size < APART_BYTES:
        return function(*args)
    return await anyio.to_thread.run_sync(function, *args)


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:40]
