"""Drafts over HTTP: what an author has not saved yet, for any editor."""

from typing import Any, Final

from litestar import Controller, Request, Response, delete, get, put
from litestar.di import NamedDependency
from litestar.params import FromPath, SkipValidation

from orchestra.described import Answer, described
from orchestra.errors import Invalid
from orchestra.security import Permission, Principal, requires
from orchestra.security.bodies import RequestInvalid, read_body
from orchestra.security.hardened import JSON_REFUSALS
from orchestra.store.failures import NotReplicated, StoreAway, StoreDiskFull, StoreFull
from orchestra.workflows.catalogue.drafts import Draft, DraftMoved, Drafts, NoSuchDraft, Writing
from orchestra.workflows.catalogue.plans import NoSuchWorkflow, WorkflowAmbiguous
from orchestra.workflows.routes.workflows import IfMatch, version_of

Caller = NamedDependency[SkipValidation[Principal]]
Kept = NamedDependency[SkipValidation[Drafts]]

_FIND: Final = (NoSuchWorkflow, WorkflowAmbiguous, StoreAway)
_WRITE: Final = [requires(Permission.WORKFLOWS_WRITE)]
_DRAFT: Final = Answer("The draft.", [Draft], headers=["ETag"])
SHOW: Final = described({200: _DRAFT}, refusals=[NoSuchDraft, *_FIND])
KEEP: Final = described(
    {200: _DRAFT},
    refusals=[
        *JSON_REFUSALS, RequestInvalid, Invalid, DraftMoved, *_FIND, NotReplicated, StoreFull,
        StoreDiskFull,
    ],
    body=Writing,
    examples={"half of one": {"definition": '{"name": "w", "steps": [', "version": 3}},
)  # fmt: skip
FORGET: Final = described(
    {204: Answer("Discarded.")},
    refusals=[DraftMoved, Invalid, *_FIND, NotReplicated, StoreFull, StoreDiskFull],
)


class DraftRoutes(Controller):
    """`/api/workflows/{workflow}/draft`; `new` instead of a workflow is one that is not yet."""

    path = "/api/workflows"
    tags = ("workflows",)

    @get("/{workflow:str}/draft", guards=_WRITE, opt=SHOW)
    async def draft(
        self, workflow: FromPath[str], principal: Caller, drafts: Kept
    ) -> Response[Draft]:
        """Your draft of a workflow; `new` is the one of a workflow that does not exist yet."""
        return _shown(await drafts.of(principal.tenant, principal.actor, workflow))

    @put("/{workflow:str}/draft", guards=_WRITE, opt=KEEP)
    async def keep(
        self,
        workflow: FromPath[str],
        request: Request[Any, Any, Any],
        principal: Caller,
        drafts: Kept,
        if_match: IfMatch = None,
    ) -> Response[Draft]:
        """Keep a text that is not ready, at most 1 MiB, for 30 days. Your 50 last ones are kept.

        `If-Match: "n"` guards it (412): two editors do not overwrite each other, and what was on
        its way when the draft was discarded is not kept. Without a draft `n` is the `revision` of
        the 404.
        """
        writing, seen = read_body(await request.body(), Writing), version_of(if_match)
        kept = await drafts.keep(principal.tenant, principal.actor, workflow, writing, seen)
        return _shown(kept)

    @delete("/{workflow:str}/draft", guards=_WRITE, opt=FORGET)
    async def forget(
        self, workflow: FromPath[str], principal: Caller, drafts: Kept, if_match: IfMatch = None
    ) -> None:
        """Discard your draft. 204, also when repeated; with `If-Match: "n"` only that one (412)."""
        seen = version_of(if_match)
        await drafts.forget(principal.tenant, principal.actor, workflow, seen)


def _shown(draft: Draft) -> Response[Draft]:
    return Response(draft, headers={"ETag": f'"{draft.revision}"'})
