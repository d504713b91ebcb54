"""How an action answers: a toast and fresh figures where a script asked, else the way back.

A form that is wrong is shown again. What cannot be undone is asked first, in a dialog or on a page
of its own.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from orchestra.dashboard.asking import Refused
from orchestra.dashboard.sheets import Sheet, filled
from orchestra.dashboard.site import Answer, Asking, Site, by_htmx, gone_to, viewer
from orchestra.errors import Invalid, Problem

AFRESH: Final = {"HX-Trigger": '{"poll": {"target": "#live"}}'}
"""Every part of the page that is told what happens asks again."""


class NameNotTyped(Invalid):
    """The name that says "I mean it" was not typed, or is another one."""


class Question(msgspec.Struct, frozen=True):
    """Do you really want this? `typed` has to be typed first, where it is not empty."""

    title: str
    told: tuple[str, ...]
    action: str
    verb: str
    back: str
    typed: str = ""
    hidden: Mapping[str, str] = {}
    number: tuple[str, str, str] = ("", "", "")
    """A number to go with it: name, label, what stands there."""
    whole: bool = False
    """The answer is a page, not a toast."""


async def submitted(
    request: Asking, site: Site, sheet: Sheet, to: str, body: object, **headers: str
) -> dict[str, Any] | None:
    """What the interface answered to a form; None where something is wrong, which it then says.

    `to`: method and path. Raises Refused for what no form can put right.
    """
    if sheet.is_wrong:
        return None
    method, _, path = to.partition(" ")
    try:
        return await site.api.send(viewer(request), method, path, body, **headers)
    except Refused as refused:
        sheet.refuse(refused)
        return None


def seen_by(given: Mapping[str, str]) -> str:
    """The revision that may be replaced: what the form began with, or what was shown beside it."""
    return f'"{given.get("over") or given.get("revision", "")}"'


async def meanwhile(
    request: Asking,
    site: Site,
    sheet: Sheet,
    path: str,
    before: dict[str, Any],
    shown: Callable[[dict[str, Any]], Mapping[str, Any]] = dict,
) -> dict[str, Any]:
    """What is saved now, compared with what was typed, if somebody was faster; else `before`."""
    if not sheet.overtaken:
        return before
    now: dict[str, Any] = await site.api.get(viewer(request), path)
    sheet.compare(filled(sheet.groups, shown(now)))
    return now


def form_page(
    request: Asking, site: Site, template: str, sheet: Sheet, **context: object
) -> Answer:
    """A page with a form: 422 where it is wrong. Each rendering has a `key` to know it by."""
    status = 422 if sheet.is_wrong else 200
    key = site.ids.new("form")
    return site.page(
        request, template, status=status, sheet=sheet, key=key, headers=None, **context
    )


def key_of(given: Mapping[str, str], site: Site) -> str:
    """The key of the rendering that was sent: pressed twice, a thing is done once."""
    return given.get("key") or site.ids.new("form")


def done(request: Asking, site: Site, said: str, back: str, title: str = "Done") -> Answer:
    """It worked."""
    if not by_htmx(request):
        return gone_to(back)
    return site.fragment(
        request, "parts/toast.html", headers=AFRESH, kind="ok", title=title, said=said
    )


def asked(request: Asking, site: Site, question: Question) -> Answer:
    """The question: a dialog where a script asked, else a page."""
    if request.url.path.startswith("/ui/") or by_htmx(request):
        return site.fragment(request, "parts/asked.html", question=question)
    return site.page(request, "pages/asked.html", question=question)


def meant(given: Mapping[str, str], name: str) -> None:
    """Raises NameNotTyped unless the name was typed."""
    if given.get("typed", "").strip() != name:
        finding = Problem("/typed", "mismatch", f"type {name}")
        raise NameNotTyped("type the name to say that you mean it; nothing was done", [finding])
