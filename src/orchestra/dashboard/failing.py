"""Refusals and failures as people see them: a page, or a toast where a script asks."""

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any, Final, cast
from urllib.parse import quote

import structlog
from litestar import Response
from litestar.exceptions import HTTPException

from orchestra.dashboard.asking import Refused
from orchestra.dashboard.resending import Kept, Later, keepable
from orchestra.dashboard.site import (
    Answer,
    Asking,
    Place,
    Site,
    by_htmx,
    by_itself,
    known,
    session_of,
)
from orchestra.errors import BadRequest, NotFound, OrchestraError, TooLarge, Unauthenticated
from orchestra.problems import INTERNAL_DETAIL, Internal, MethodNotAllowed, headers
from orchestra.security.sessions import TokenMissing

NO_PAGES: Final = ("/api/", "/static/", "/openapi", "/hooks/")
log = structlog.get_logger(__name__)

AWAY: Final = (429, 503)
"""Asking again is safe, and of use."""
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
            if by_htmx(request) and request.url.path != "/ui/live":
                return self._site.fragment(
                    request, "parts/sign_in.html", status=401,
                    headers={"HX-Retarget": "#dialog", "HX-Reswap": "innerHTML"}, wrong="",
                )  # fmt: skip
            return self._signed_out(request)
        if isinstance(error, TokenMissing) and self._keeps(request):
            return Later(lambda kept: self._of_another_session(request, error, kept))
        return self._told(request, error, status)

    def _told(self, request: Asking, error: OrchestraError, status: int) -> Answer:
        if by_itself(request) and status in AWAY:
            return Response(b"", status_code=204)
        problem = {
            "status": status,
            "headline": HEADLINES.get(status, "Something went wrong"),
            "title": error.title,
            "code": error.code,
            "detail": error.detail,
            "request_id": cast("Mapping[str, object]", request.scope).get("request_id", ""),
            "findings": error.document.get("errors", ()) if isinstance(error, Refused) else (),
            "permission": error.context.get("permission", "") if status == 403 else "",
            "meant": self._meant(request) if status == 404 else (),
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

    def elsewhere(self, otherwise: Callable[..., Any]) -> Callable[..., Any]:
        """For addresses that belong to nobody: a page for who looks, a problem for programs."""

        def answer(request: Asking, error: HTTPException) -> Any:
            wanted = "text/html" in request.headers.get("accept", "")
            ours = not request.url.path.startswith(NO_PAGES)
            if wanted and ours and error.status_code in (404, 405):
                told = self.framework(request, error)
                allow = {k: v for k, v in (error.headers or {}).items() if k.lower() == "allow"}
                told.headers.update(allow)
                return told
            return otherwise(request, error)

        return answer

    def _keeps(self, request: Asking) -> bool:
        return not by_htmx(request) and keepable(request, tls=self._site.tls)

    def _signed_out(self, request: Asking) -> Answer:
        """To the door, with what was typed."""
        if not self._keeps(request):
            return _to_login(request)

        def door(kept: Kept | None) -> Answer:
            if kept is None:
                return _to_login(request)
            return self._site.page(
                request, "pages/login.html", status=401, target="/", wrong=False, kept=kept
            )

        return Later(door)

    def _of_another_session(
        self, request: Asking, error: OrchestraError, kept: Kept | None
    ) -> Answer:
        """Somebody signed in again elsewhere, and then sent what stood here."""
        if kept is None or session_of(request) is None:
            return self._told(request, error, error.status)
        told = "This page was of a session that has ended."
        return self._site.page(request, "pages/resend.html", status=403, kept=kept, told=told)

    def _meant(self, request: Asking) -> list[Place]:
        """Pages whose address is like the one that was asked for."""
        principal = known(request)
        places = {
            one.href.strip("/"): one
            for one in self._site.places
            if principal is not None and principal.may(one.permission)
        }
        word = request.url.path.strip("/").partition("/")[0][:40].lower()
        return [places[name] for name in get_close_matches(word, [*places], n=3, cutoff=0.5)]


def _to_login(request: Asking) -> Answer:
    query = f"?{request.url.query}" if request.url.query else ""
    wanted = f"{request.url.path}{query}" if request.method == "GET" else "/"
    wanted = "/" if wanted.startswith("/ui/") else wanted
    target = f"/login?next={quote(wanted, safe='')}"
    return Response(b"", status_code=303, headers={"location": target})
