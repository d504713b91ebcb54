"""Metrics over HTTP: `/api/metrics`. `record` is the original's, to the letter."""

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any, Literal, cast

import anyio
import msgspec
from litestar import Controller, Request, Response, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter, SkipValidation
from litestar.response import Stream

from orchestra.clock import Clock
from orchestra.errors import Problem
from orchestra.instruments import INSTRUMENTS
from orchestra.monitoring.metrics import descriptions, exporting, showing
from orchestra.monitoring.metrics.admission import MetricUnknown
from orchestra.monitoring.metrics.answering import Answers
from orchestra.monitoring.metrics.asking import question
from orchestra.monitoring.metrics.exposition import OPEN, PLAIN, families, wants_open
from orchestra.monitoring.metrics.forgetting import Forgetting
from orchestra.monitoring.metrics.recording import Recorder
from orchestra.monitoring.metrics.series import INSTALLATION
from orchestra.monitoring.metrics.wishes import (
    MetricInvalid,
    from_batch,
    from_body,
    from_form,
    from_query,
)
from orchestra.security import Permission, Principal, requires
from orchestra.security.hardened import loads
from orchestra.security.roles import DEVELOPER
from orchestra.store.keys import Tenant

Asking = Request[Any, Any, Any]
Document = dict[str, Any]
Caller = NamedDependency[SkipValidation[Principal]]
Now = NamedDependency[SkipValidation[Clock]]
Asked = NamedDependency[SkipValidation[Answers]]
Taker = NamedDependency[SkipValidation[Recorder]]
Forgets = NamedDependency[SkipValidation[Forgetting]]
Format = Annotated[
    Literal["csv", "ndjson"], QueryParameter(name="format", description="csv or ndjson.")
]
FORM = "application/x-www-form-urlencoded"
READ, RECORDS = Permission.METRICS_READ, Permission.METRICS_RECORD


def whose(principal: Principal) -> Sequence[Tenant]:
    """Whose metrics a caller sees: the tenant's, and the installation's with `system:read`."""
    own = (principal.tenant,)
    return (*own, INSTALLATION) if principal.may(Permission.SYSTEM_READ) else own


class MetricRoutes(Controller):
    """What was measured."""

    path = "/api/metrics"
    tags = ("metrics",)

    @post("/record", status_code=202, guards=[requires(RECORDS)], opt=descriptions.RECORD)
    async def record(
        self, request: Asking, principal: Caller, recorder: Taker, clock: Now
    ) -> Document:
        """Record a value: `?metric_name=…&value=…&label.<name>=…`, or the same as form or JSON."""
        is_form = request.headers.get("content-type", "").partition(";")[0].strip() == FORM
        body, query = await (_raw(request) if is_form else request.body()), _query(request)
        if body and query:
            message = "say it in the query or in the body, not in both"
            raise MetricInvalid(
                "what is to be recorded is not valid", [Problem("/query", "duplicate", message)]
            )
        now_ms = clock.now_ms()
        if body:
            wish = from_form(body, now_ms) if is_form else from_body(loads(body), now_ms)
        else:
            wish = from_query(query, now_ms)
        [recorded] = await recorder.record(principal.tenant, [wish])
        return recorded

    @post("/batch", status_code=202, guards=[requires(RECORDS)], opt=descriptions.BATCH)
    async def batch(
        self, request: Asking, principal: Caller, recorder: Taker, clock: Now
    ) -> Document:
        """Record up to 1,000 values, all or none."""
        wishes = from_batch(loads(await request.body()), clock.now_ms())
        recorded = await recorder.record(principal.tenant, wishes)
        return {"status": "recorded", "recorded": len(recorded)}

    @get("/", guards=[requires(READ)], opt=descriptions.LIST)
    async def page(self, principal: Caller, answers: Asked) -> Document:
        """Metrics that have series, by name."""
        return await showing.metrics(answers.admission, whose(principal))

    @get("/query", guards=[requires(READ)], opt=descriptions.QUERY)
    async def query(
        self, request: Asking, principal: Caller, answers: Asked, clock: Now
    ) -> Response[bytes]:
        """Values of a metric over time: `metric agg by where from to step limit offset of`."""
        asked = question(_query(request), clock.now_ms() // 1_000)
        body = msgspec.json.encode(await answers.answer(whose(principal), asked))
        etag = f'"{hashlib.blake2b(body, digest_size=8).hexdigest()}"'
        headers = {"ETag": etag}
        if request.headers.get("if-none-match") == etag:
            return Response(b"", status_code=304, headers=headers)
        return Response(body, media_type="application/json", headers=headers)

    @get("/export", guards=[requires(READ)], opt=descriptions.EXPORT)
    async def export(
        self,
        request: Asking,
        principal: Caller,
        answers: Asked,
        clock: Now,
        form: Format = "csv",
    ) -> Stream:
        """The same as a file: a line for each value there is, up to 100 series."""
        query = {name: values for name, values in _query(request).items() if name != "format"}
        asked = question(query | {"limit": ["100"]}, clock.now_ms() // 1_000)
        answer = await answers.answer(whose(principal), asked)
        headers = {"Content-Disposition": f"attachment; filename=metric.{form}"}
        media_type = exporting.MEDIA_TYPES[form]
        return Stream(exporting.exported(answer, form), media_type=media_type, headers=headers)

    @get("/{name:str}", guards=[requires(READ)], opt=descriptions.ONE)
    async def one(self, name: FromPath[str], principal: Caller, answers: Asked) -> Document:
        """A metric, and the labels of its series."""
        return await showing.metric(answers.admission, whose(principal), name)

    @delete(
        "/{name:str}",
        status_code=204,
        guards=[requires(Permission.ALERTS_WRITE)],
        opt=descriptions.FORGET,
    )
    async def forget(self, name: FromPath[str], principal: Caller, forgetting: Forgets) -> None:
        """Forget a recorded metric, and everything that was recorded of it."""
        if len(name) > 128:
            raise MetricUnknown("no metric has this name")
        await forgetting.forget(principal.tenant, name)


async def _raw(request: Asking) -> bytes:
    """The bytes as they came: not only JSON."""
    read = cast("Callable[[Asking], Awaitable[bytes]]", Request.body)  # pyright: ignore[reportUnknownMemberType]
    return await read(request)


def _query(request: Asking) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in request.query_params.multi_items():
        found.setdefault(name, []).append(str(value))
    return found


@get(
    "/metrics",
    guards=[requires(Permission.SYSTEM_READ)],
    opt=descriptions.EXPOSITION,
    tags=["metrics"],
)
async def scraped(request: Asking, principal: Caller) -> Response[bytes]:
    """What this process counts, for Prometheus. Each process has its own.

    What is a tenant's is told to that tenant, and to whoever sees to the installation.
    """
    openmetrics = wants_open(request.headers.get("accept", ""))
    everybody = principal.role == "platform_admin" or principal == DEVELOPER
    tenant = None if everybody else principal.tenant
    lines = list[str]()
    for one in families(INSTRUMENTS, openmetrics=openmetrics, tenant=tenant):
        lines += one
        await anyio.lowlevel.checkpoint()
    body = "".join(f"{line}\n" for line in lines).encode("utf-8", "replace")
    return Response(body, media_type=OPEN if openmetrics else PLAIN)
