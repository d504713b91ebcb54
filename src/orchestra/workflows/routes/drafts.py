"""Drafts over HTTP: what an author has not saved yet, for any editor."""

from typing import Any, Final

from litestar import Controller, Request, delete, get, put
from litestar.di import NamedDependency
from litestar.params import FromPath, SkipValidation

from orchestra.described import Answer, described
from orchestra.errors import Invalid
from orchestra.security import Permission, Principal, requires
from orchestra.security.bodies import RequestInvalid, read_body
from orchestra.security.hardened import JSON_REFUSALS
from orchestra.store.failures import NotReplicated, StoreAway, StoreDiskFull, StoreFull
from orchestra.workflows.catalogue.drafts import Draft, Drafts, NoSuchDraft, Writing
from orchestra.workflows.catalogue.plans import NoSuchWorkflow, WorkflowAmbiguous

Caller = NamedDependency[SkipValidation[Principal]]
Kept = NamedDependency[SkipValidation[Drafts]]

_FIND: Final = (NoSuchWorkflow, WorkflowAmbiguous, StoreAway)
_WRITE: Final = [requires(Permission.WORKFLOWS_WRITE)]
_DRAFT: Final = Answer("The draft.", [Draft])
SHOW: Final = described({200: _DRAFT}, refusals=[NoSuchDraft, *_FIND])
KEEP: Final = described(
    {200: _DRAFT},
    refusals=[
        *JSON_REFUSALS, RequestInvalid, Invalid, *_FIND, NotReplicated, StoreFull, StoreDiskFull,
    ],
    body=Writing,
    examples={"half of one": {"definition": '{"name": "w", "steps": [', "version": 3}},
)  # fmt: skip
FORGET: Final = described(
    {204: Answer("Discarded.")}, refusals=[*_FIND, NotReplicated, StoreFull, StoreDiskFull]
)


class DraftRoutes(Controller):
    """`/api/workflows/{workflow}/draft`; `new` instead of a workflow is one that is not yet."""

    path = "/api/workflows"
    tags = ("workflows",)

    @get("/{workflow:str}/draft", guards=_WRITE, opt=SHOW)
    async def draft(self, workflow: FromPath[str], principal: Caller, drafts: Kept) -> Draft:
        """Your draft of a workflow; `new` is the one of a workflow that does not exist yet."""
        return await drafts.of(principal.tenant, principal.actor, workflow)

    @put("/{workflow:str}/draft", guards=_WRITE, opt=KEEP)
    async def keep(
        self,
        workflow: FromPath[str],
        request: Request[Any, Any, Any],
        principal: Caller,
        drafts: Kept,
    ) -> Draft:
        """Keep a text that is not ready, at most 1 MiB, for 30 days. Your 50 last ones are kept."""
        writing = read_body(await request.body(), Writing)
        return await drafts.keep(principal.tenant, principal.actor, workflow, writing)

    @delete("/{workflow:str}/draft", guards=_WRITE, opt=FORGET)
    async def forget(self, workflow: FromPath[str], principal: Caller, drafts: Kept) -> None:
        """Discard your draft. 204, also when repeated."""
        await drafts.forget(principal.tenant, principal.actor, workflow)
