"""What a viewer chose on the page of an execution: it all stands in the address. Pure."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

import msgspec

TABS: Final = ("graph", "timeline", "events", "logs", "context")
VIEWS: Final = ("data", "raw", "diff", "why", "logs")
LEVELS: Final = ("debug", "info", "warning", "error")
AT_MAX: Final = 253_402_300_799_999
TEXT_MAX: Final = 1_024


class Choice(msgspec.Struct, frozen=True):
    """What is shown. `at`: as it was then, in ms since 1970; `follow`: the step that runs."""

    tab: str = "graph"
    step: str = ""
    attempt: int | None = None
    view: str = "data"
    at: int | None = None
    follow: bool = False
    critical: bool = False
    after: str = ""
    level: str = ""
    q: str = ""
    against: str = ""

    def href(self, **changes: object) -> str:
        """The query of the page with something else chosen; `?` alone for nothing."""
        given = msgspec.structs.asdict(self) | changes
        if "step" in changes and changes["step"] != self.step:
            given |= {"attempt": None, "against": ""} | changes
        if "tab" in changes and changes["tab"] != self.tab:
            given |= {"after": "", "level": "", "q": ""} | changes
        usual = msgspec.structs.asdict(Choice())
        said = {k: _said(v) for k, v in given.items() if v != usual[k] and v is not None}
        return f"?{urlencode(said)}"

    @property
    def past(self) -> bool:
        """Whether something else than now is shown."""
        return self.at is not None


def _said(value: object) -> str:
    return "1" if value is True else str(value)


def chosen(query: Mapping[str, str]) -> Choice:
    """What an address says. What it says wrongly is not there."""
    number = query.get("attempt", "")
    return Choice(
        tab=_one_of(query.get("tab"), TABS, "graph"),
        step=query.get("step", "")[:TEXT_MAX],
        attempt=int(number) if _is_number(number, 6) else None,
        view=_one_of(query.get("view"), VIEWS, "data"),
        at=int(query["at"]) if _is_number(query.get("at", ""), 15) else None,
        follow=query.get("follow") == "1",
        critical=query.get("critical") == "1",
        after=query.get("after", "")[:200],
        level=_one_of(query.get("level"), LEVELS, ""),
        q=query.get("q", "")[:TEXT_MAX],
        against=_one_of(query.get("against"), ("previous", "success"), ""),
    )


def _one_of(value: str | None, names: tuple[str, ...], otherwise: str) -> str:
    return value if value in names else otherwise


def _is_number(text: str, digits: int) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= digits
