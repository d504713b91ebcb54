"""What a canvas needs beside the definition: where steps stand, and other names for them."""

from typing import Annotated, Any, Final

import anyio.to_thread
import msgspec
from litestar import Controller, Request, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, SkipValidation
from msgspec import Meta

from orchestra.described import Answer, described
from orchestra.errors import Invalid
from orchestra.security import Permission, Principal, requires
from orchestra.security.bodies import RequestInvalid, read_body
from orchestra.security.hardened import JSON_REFUSALS
from orchestra.store.failures import NotReplicated, StoreAway, StoreDiskFull, StoreFull
from orchestra.workflows.catalogue.layouts import Layouts, Placing
from orchestra.workflows.catalogue.plans import NoSuchWorkflow, WorkflowAmbiguous
from orchestra.workflows.language.renaming import NoSuchStep, renamed

Caller = NamedDependency[SkipValidation[Principal]]
Kept = NamedDependency[SkipValidation[Layouts]]

_FIND: Final = (NoSuchWorkflow, WorkflowAmbiguous, StoreAway)
_WRITES: Final = (NotReplicated, StoreFull, StoreDiskFull)
_PLACED: Final = Answer("Where they stand.", [Placing])


class Rename(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A definition as text, and what a step of it is to be called."""

    definition: Annotated[str, Meta(description="JSON, as it is written.")]
    step: Annotated[str, Meta(description="Path of the step.", examples=["prepare/stock"])]
    to: Annotated[str, Meta(description="The new id.", examples=["reserve"])]


class Renamed(msgspec.Struct, frozen=True):
    """The text with the step, what depends on it and expressions about it renamed."""

    definition: str
    changed: Annotated[tuple[str, ...], Meta(description="JSON Pointers of what was rewritten.")]


LAYOUT: Final = described({200: _PLACED}, refusals=_FIND)
PLACE: Final = described(
    {200: _PLACED},
    refusals=[*JSON_REFUSALS, RequestInvalid, Invalid, *_FIND, *_WRITES],
    body=Placing,
    examples={"one step moved": {"positions": {"prepare/stock": [240, 96]}}},
)
FORGET: Final = described(
    {204: Answer("Forgotten.")}, refusals=[*_FIND, NotReplicated, StoreDiskFull]
)
RENAME: Final = described(
    {200: Answer("The text.", [Renamed])},
    refusals=[*JSON_REFUSALS, RequestInvalid, Invalid, NoSuchStep],
    body=Rename,
    examples={
        "a step": {"definition": '{"name": "w", "steps": [{"id": "a"}]}', "step": "a", "to": "b"}
    },
)


class CanvasRoutes(Controller):
    """`/api/workflows`, as a canvas asks."""

    path = "/api/workflows"
    tags = ("workflows",)

    @get("/{workflow:str}/layout", guards=[requires(Permission.WORKFLOWS_READ)], opt=LAYOUT)
    async def layout(self, workflow: FromPath[str], principal: Caller, layouts: Kept) -> Placing:
        """Where its steps were put; those that nobody moved are not there."""
        return await layouts.of(principal.tenant, workflow)

    @put("/{workflow:str}/layout", guards=[requires(Permission.WORKFLOWS_WRITE)], opt=PLACE)
    async def place(
        self,
        workflow: FromPath[str],
        request: Request[Any, Any, Any],
        principal: Caller,
        layouts: Kept,
    ) -> Placing:
        """Keep where its steps stand, at most 1,000. No part of any version."""
        placing = read_body(await request.body(), Placing)
        await layouts.keep(principal.tenant, workflow, placing)
        return placing

    @delete("/{workflow:str}/layout", guards=[requires(Permission.WORKFLOWS_WRITE)], opt=FORGET)
    async def forget(self, workflow: FromPath[str], principal: Caller, layouts: Kept) -> None:
        """Let each step stand where it is put by itself. 204, also when repeated."""
        await layouts.forget(principal.tenant, workflow)

    @post(
        "/rename",
        guards=[requires(Permission.WORKFLOWS_READ)],
        status_code=200,
        opt=RENAME,
    )
    async def rename(self, request: Request[Any, Any, Any]) -> Renamed:
        """Give a step of a text another id; `depends_on` and expressions follow. Saves nothing."""
        asked = read_body(await request.body(), Rename)
        given = (asked.definition, asked.step, asked.to)
        text, changed = await anyio.to_thread.run_sync(renamed, *given)
        return Renamed(text, changed)
