"""Refusals and failures as people see them: a page, or a toast where a script asks."""

from collections.abc import Mapping
from typing import Any, Final, cast
from urllib.parse import quote

import structlog
from litestar import Response
from litestar.exceptions import HTTPException

from orchestra.dashboard.asking import Refused
from orchestra.dashboard.site import Answer, Asking, Site, by_htmx, known
from orchestra.errors import BadRequest, NotFound, OrchestraError, TooLarge, Unauthenticated
from orchestra.problems import INTERNAL_DETAIL, Internal, MethodNotAllowed, headers

log = structlog.get_logger(__name__)

HEADLINES: Final[Mapping[int, str]] = {
    401: "Please sign in",
    403: "This is not for you",
    404: "There is nothing here",
    409: "Not possible just now",
    422: "That cannot be done as it is",
    429: "Too much at once",
    503: "This part is away",
    507: "The store is full",
}


class Failing:
    """Makes them, for one site."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def handlers(self) -> dict[int | type[Exception], Any]:
        """For the routes of the dashboard."""

        def deliberate(request: Asking, error: OrchestraError) -> Answer:
            return self.deliberate(request, error)

        def framework(request: Asking, error: HTTPException) -> Answer:
            return self.framework(request, error)

        def unexpected(request: Asking, error: Exception) -> Answer:
            return self.unexpected(request, error)

        # Functions: Litestar copies whatever else it is given.
        return {OrchestraError: deliberate, HTTPException: framework, Exception: unexpected}

    def deliberate(self, request: Asking, error: OrchestraError) -> Answer:
        """What somebody may know."""
        status = error.answer_status if isinstance(error, Refused) else error.status
        if status == 401 or (isinstance(error, Unauthenticated) and known(request) is None):
            return _to_login(request)
        problem = {
            "status": status,
            "headline": HEADLINES.get(status, "Something went wrong"),
            "title": error.title,
            "code": error.code,
            "detail": error.detail,
            "request_id": cast("Mapping[str, object]", request.scope).get("request_id", ""),
            "findings": error.document.get("errors", ()) if isinstance(error, Refused) else (),
        }
        extra = dict(headers(error))
        if by_htmx(request):
            extra |= {"HX-Retarget": "#toasts", "HX-Reswap": "beforeend"}
            return self._site.fragment(
                request, "parts/toast.html", status=status, headers=extra,
                kind="error", said=problem["detail"], title=problem["headline"],
            )  # fmt: skip
        return self._site.page(
            request, "pages/problem.html", status=status, headers=extra, problem=problem
        )

    def framework(self, request: Asking, error: HTTPException) -> Answer:
        """Litestar's own refusals, in our words."""
        if error.status_code >= 500:
            return self.unexpected(request, error)
        told: OrchestraError = BadRequest("the request cannot be read")
        if error.status_code == 404:
            told = NotFound("there is no page at this address")
        elif error.status_code == 405:
            told = MethodNotAllowed("this address does not take this method")
        elif error.status_code == 413:
            told = TooLarge("the form is too long")
        return self.deliberate(request, told)

    def unexpected(self, request: Asking, error: Exception) -> Answer:
        """A bug of ours."""
        log.error("page.failed", method=request.method, exc_info=error)
        return self.deliberate(request, Internal(INTERNAL_DETAIL))


def _to_login(request: Asking) -> Answer:
    query = f"?{request.url.query}" if request.url.query else ""
    wanted = f"{request.url.path}{query}" if request.method == "GET" else "/"
    wanted = "/" if wanted.startswith("/ui/") else wanted
    target = f"/login?next={quote(wanted, safe='')}"
    if by_htmx(request):
        return Response(b"", status_code=401, headers={"HX-Redirect": target})
    return Response(b"", status_code=303, headers={"location": target})
