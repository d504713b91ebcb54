"""Starting an execution: a form made from the schema of the input, or its JSON."""

from typing import Any, Final, cast
from urllib.parse import quote

import msgspec
from litestar import get, post
from litestar.params import FromPath

from orchestra.dashboard.asking import Refused, Viewer
from orchestra.dashboard.forms import form, json_of
from orchestra.dashboard.site import Answer, Asking, Site, There, gone_to, onwards, viewer
from orchestra.dashboard.workflows.inputs import example_of, fields_of, input_of, text_of
from orchestra.dashboard.workflows.pages import shown_version
from orchestra.errors import BadRequest, OrchestraError
from orchestra.security import Permission, requires

LINK_MAX: Final = 4_000
_START: Final = [requires(Permission.EXECUTIONS_START)]

Document = dict[str, Any]


class Filled(msgspec.Struct, frozen=True):
    """What the page shows: the text of the input, and what is wrong with which field."""

    text: str
    as_json: bool = False
    key: str = ""
    wrong: dict[str, str] = {}
    problem: Document | None = None
    source: str = ""


def _page(
    request: Asking, site: Site, workflow: Document, filled: Filled, status: int = 200
) -> Answer:
    schema: object = workflow["definition"].get("input_schema")
    fields = [] if filled.as_json else fields_of(schema, _read(filled.text))
    return site.page(
        request, "pages/run.html", status=status, workflow=workflow, fields=fields,
        possible=bool(fields_of(schema, {})), text=filled.text, wrong=filled.wrong,
        key=filled.key or site.ids.new("run"), problem=filled.problem, source=filled.source,
        findings=(filled.problem or {}).get("errors", ()),
    )  # fmt: skip


def _read(text: str) -> object:
    try:
        return json_of(text.strip() or "{}")
    except BadRequest:
        return None


@get("/workflows/{workflow:str}/run", guards=_START)
async def run(workflow: FromPath[str], request: Asking, site: There) -> Answer:
    """The form: with what the address says, the input of the last run, or a sample."""
    asker, query = viewer(request), request.query_params
    shown = await shown_version(site, asker, workflow, "")
    text, source = query.get("input", "")[:LINK_MAX], "link"
    if not text and "sample" not in query:
        like = query.get("from", "")
        text, source = await _last(site, asker, shown, like), "run" if like else "last"
    if not text:
        text = text_of(example_of(shown["definition"].get("input_schema") or {}))
        source = "sample"
    filled = Filled(text, as_json=query.get("as") == "json", source=source)
    return _page(request, site, shown, filled)


async def _last(site: Site, asker: Viewer, workflow: Document, like: str) -> str:
    """The input of the execution `like` or of the last one, as far as one may see it."""
    query = {"workflow": workflow["id"], "limit": 1}
    try:
        if not like.startswith("exe_") or "/" in like:
            last = await site.api.get(asker, "/api/executions", query)
            like = last["items"][0]["id"] if last["items"] else ""
        if not like:
            return ""
        status = await site.api.get(asker, f"/api/executions/{like}")
    except OrchestraError:
        return ""
    given = status.get("input_data")
    if isinstance(given, dict) and given and "$truncated" not in given:
        return text_of(cast("Document", given))
    return ""


@post("/ui/workflows/{workflow:str}/run", guards=_START)
async def start(workflow: FromPath[str], request: Asking, site: There) -> Answer:
    """Start it: on to the new execution, or the form again with what is wrong."""
    given = await form(request)
    asker = viewer(request)
    text, key = given.get("input", ""), given.get("key") or site.ids.new("run")
    by_fields, wrong = given.get("form") == "fields", dict[str, str]()
    if by_fields or given.get("then"):
        shown = await shown_version(site, asker, workflow, "")
        if by_fields:
            made, wrong = input_of(shown["definition"].get("input_schema"), given)
            text = text_of(made)
        if given.get("then") == "link":
            return gone_to(f"/workflows/{workflow}/run?input={quote(_short(text)[:LINK_MAX])}")
        if given.get("then") == "other":
            filled = Filled(text, as_json=by_fields, key=key)
            return _page(request, site, shown, filled)
    path = f"/api/workflows/{workflow}/execute"
    body = b'{"input_data":' + (text.strip() or "{}").encode() + b"}"
    try:
        made = await site.api.send(asker, "POST", path, body, idempotency_key=key)
    except Refused as refused:
        if refused.answer_status not in (400, 422):
            raise
        shown = await shown_version(site, asker, workflow, "")
        filled = Filled(
            text, as_json=not by_fields, key=key, wrong=_placed(refused) | wrong,
            problem=refused.document,
        )  # fmt: skip
        return _page(request, site, shown, filled, 422)
    return onwards(request, f"/executions/{made['id']}")


def _short(text: str) -> str:
    value = _read(text)
    return msgspec.json.encode(value).decode() if value is not None else text


def _placed(refused: Refused) -> dict[str, str]:
    """Field -> what is wrong with it."""
    found: dict[str, str] = {}
    for one in refused.document.get("errors", ()):
        parts = str(one.get("pointer", "")).split("/")
        if len(parts) > 2 and parts[1] in ("input_data", "input"):
            key = parts[2].replace("~1", "/").replace("~0", "~")
            found.setdefault(key, str(one.get("message", "")))
    return found


ROUTES = (run, start)
