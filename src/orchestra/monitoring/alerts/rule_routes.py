"""Alert rules over HTTP: `/api/alerts/rules`."""

from typing import Annotated, Any

from litestar import Controller, Request, Response, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, HeaderParameter, QueryParameter, SkipValidation

from orchestra.bus import PositionInvalid
from orchestra.monitoring.alerts import descriptions, showing
from orchestra.monitoring.alerts.backtest import BackTest
from orchestra.monitoring.alerts.desk import Desk
from orchestra.monitoring.alerts.records import ID_MAX, Rule, RuleMoved, RuleUnknown
from orchestra.monitoring.alerts.rules import Rules
from orchestra.monitoring.alerts.showing import Document
from orchestra.security import Permission, Principal, requires
from orchestra.store.client import Store

Asking = Request[Any, Any, Any]
Caller = NamedDependency[SkipValidation[Principal]]
Shelf = NamedDependency[SkipValidation[Rules]]
Office = NamedDependency[SkipValidation[Desk]]
Limit = Annotated[int, QueryParameter(ge=1, le=200, description="Rules on a page.")]
IfMatch = Annotated[str | None, HeaderParameter(name="If-Match", max_length=32)]
IdempotencyKey = Annotated[
    str | None, HeaderParameter(name="Idempotency-Key", min_length=1, max_length=256)
]
READS = [requires(Permission.ALERTS_READ)]
WRITES = [requires(Permission.ALERTS_WRITE)]


class RuleRoutes(Controller):
    """Rules: made, looked at, put in place of another, tried on what was."""

    path = "/api/alerts/rules"
    tags = ("alerts",)

    @post("/", guards=WRITES, opt=descriptions.CREATE)
    async def create(
        self,
        request: Asking,
        principal: Caller,
        desk: Office,
        store: NamedDependency[SkipValidation[Store]],
        idempotency_key: IdempotencyKey = None,
    ) -> Response[Document]:
        """Make a rule. A metric that does not exist yet is allowed, and warned of.

        Repeating an `Idempotency-Key` in 24 h makes no second one.
        """
        store.admit()
        made = await desk.create(principal, await request.body(), idempotency_key)
        headers = {"Location": f"/api/alerts/rules/{made.rule.id}", "ETag": _etag(made.rule)}
        headers |= {"Idempotency-Replayed": "true"} if made.again else {}
        return Response(showing.rule(made.rule, None, made.warnings), headers=headers)

    @get("/", guards=READS, opt=descriptions.LIST)
    async def page(
        self,
        principal: Caller,
        rules: Shelf,
        cursor: FromQuery[str | None] = None,
        limit: Limit = 50,
    ) -> Document:
        """All rules, the built-in ones first, and how each of them goes."""
        found = await rules.of_tenant(principal.tenant)
        start = 0
        if cursor is not None:
            start = next((n for n, one in enumerate(found, 1) if one.id == cursor), 0)
            if not start:
                raise PositionInvalid("this is no cursor of ours: begin without one")
        page = found[start : start + limit]
        statuses = await rules.statuses(principal.tenant)
        return {
            "rules": [showing.rule(one, statuses.get(one.id)) for one in page],
            "cursor": page[-1].id if len(found) > start + limit else None,
        }

    @post("/test", status_code=200, guards=READS, opt=descriptions.TEST)
    async def test(
        self,
        request: Asking,
        principal: Caller,
        back_test: NamedDependency[SkipValidation[BackTest]],
    ) -> Document:
        """Try a rule on what was measured: when it would have fired. Nothing is kept."""
        return await back_test.run(principal, await request.body())

    @get("/{rule_id:str}", guards=READS, opt=descriptions.ONE)
    async def one(
        self, rule_id: FromPath[str], principal: Caller, rules: Shelf
    ) -> Response[Document]:
        """One rule."""
        found = await rules.get(principal.tenant, _id(rule_id))
        statuses = await rules.statuses(principal.tenant)
        document = showing.rule(found, statuses.get(found.id))
        return Response(document, headers={"ETag": _etag(found)})

    @put("/{rule_id:str}", guards=WRITES, opt=descriptions.CHANGE)
    async def change(
        self,
        request: Asking,
        rule_id: FromPath[str],
        principal: Caller,
        desk: Office,
        if_match: IfMatch = None,
    ) -> Response[Document]:
        """Put another rule in its place: what is not named is the default again.

        `If-Match: "n"` guards it (412). Of a built-in rule only where it strikes, and whom it
        tells, can be changed.
        """
        body, seen = await request.body(), revision(if_match)
        changed, warnings = await desk.change(principal, _id(rule_id), body, seen)
        return Response(showing.rule(changed, None, warnings), headers={"ETag": _etag(changed)})

    @delete("/{rule_id:str}", status_code=204, guards=WRITES, opt=descriptions.REMOVE)
    async def remove(
        self, rule_id: FromPath[str], principal: Caller, rules: Shelf, if_match: IfMatch = None
    ) -> None:
        """Forget a rule. Its alerts that fire are resolved."""
        found = await rules.get(principal.tenant, _id(rule_id))
        await rules.remove(found, revision(if_match))


def revision(if_match: str | None) -> int | None:
    """The revision in `If-Match: "3"`; None without one, and for `*`. Raises RuleMoved."""
    if if_match is None or if_match.strip() == "*":
        return None
    text = if_match.strip().removeprefix("W/").strip('"')
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text)):
        raise RuleMoved("If-Match names no revision of ours")
    return int(text)


def _id(text: str) -> str:
    if len(text) > ID_MAX:
        raise RuleUnknown("there is no rule of this id")
    return text


def _etag(rule: Rule) -> str:
    return f'"{rule.revision}"'
