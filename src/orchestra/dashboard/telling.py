"""What an open page has not been told yet: the latest of each thing, and no more than it can take.

Pure but for the events of anyio. A thing is `(kind, id)`: `("run", "exe_…")`. More than 64 of a
kind make the topic stale as a whole, so a slow reader never grows memory.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Final

import anyio

from orchestra.errors import Invalid, Problem
from orchestra.security import Permission

TOPICS_MAX: Final = 16
THINGS_MAX: Final = 64
# topic -> the permission it takes
TOPICS: Final = {
    "overview": Permission.EXECUTIONS_READ,
    "executions": Permission.EXECUTIONS_READ,
    "execution": Permission.EXECUTIONS_READ,
    "workflows": Permission.WORKFLOWS_READ,
    "agents": Permission.AGENTS_READ,
    "events": Permission.EVENTS_READ,
    "queues": Permission.QUEUES_READ,
    "webhooks": Permission.WEBHOOKS_READ,
    "alerts": Permission.ALERTS_READ,
    "logs": Permission.LOGS_READ,
    "metrics": Permission.METRICS_READ,
}
# first word of an event's type -> topics that are read anew as a whole
_WHOLE: Final = {
    "workflow": ("overview", "events"),
    "agent": ("overview", "agents", "events"),
    "webhook": ("webhooks", "events"),
    "alert": ("alerts", "events"),
}

_EXECUTION: Final = re.compile(r"exe_[0-9A-Za-z_-]{1,64}")

Thing = tuple[str, str]
OVERVIEW: Final[Thing] = ("overview", "")
MOVING: Final = ("queues", "logs", "metrics", "workflows", "webhooks", "agents")


class TopicUnknown(Invalid):
    """The page asks to be told of something nobody tells of."""


def topics_of(text: str) -> tuple[str, ...]:
    """Those of `t=overview,execution:exe_…`. Raises TopicUnknown."""
    names = tuple(dict.fromkeys(name for name in text.split(",") if name))
    known = all(name in TOPICS or _is_run(name) for name in names)
    if not names or len(names) > TOPICS_MAX or not known or len(text) > 2_048:
        finding = Problem("/query/t", "value", f"up to {TOPICS_MAX} of {', '.join(TOPICS)}")
        raise TopicUnknown("no such topic", [finding])
    return names


def _is_run(name: str) -> bool:
    topic, _, id_ = name.partition(":")
    return topic == "execution" and is_execution(id_)


def is_execution(id_: str) -> bool:
    """Whether this may be the id of one: it becomes part of an address."""
    return _EXECUTION.fullmatch(id_) is not None


class Gist:
    """What happened in a moment, of one tenant: types of events, with the keys of each."""

    __slots__ = ("fresh", "rows", "runs", "whole")

    def __init__(self, happened: Mapping[str, Collection[str]]) -> None:
        self.runs: set[str] = set()
        self.rows: set[str] = set()
        self.whole: set[str] = set()
        self.fresh = 0
        for type_, keys in happened.items():
            kind = type_.partition(".")[0]
            if kind in ("workflow", "step"):
                self.runs.update(keys)
            if kind == "workflow":
                self.rows.update(keys)
                self.fresh += len(keys) if type_ == "workflow.accepted" else 0
            self.whole.update(_WHOLE.get(kind, ("events",)))


class Untold:
    """Of one page."""

    def __init__(self, topics: Iterable[str]) -> None:
        self._topics = frozenset(topics)
        self._runs = frozenset(
            name.partition(":")[2] for name in self._topics if name.startswith("execution:")
        )
        self.news = anyio.Event()
        self.things: dict[Thing, float] = {}
        self.stale: set[str] = set()
        self.fresh = 0

    def everything(self, now: float) -> None:
        """It knows nothing: each of its topics is told anew."""
        for run in self._runs:
            self._mark(("run", run), now)
        if "overview" in self._topics:
            self._mark(OVERVIEW, now)
        self.stale |= {name for name in self._topics if name != "overview" and ":" not in name}
        self.news.set()

    def happened(self, gist: Gist, now: float) -> bool:
        """Mark what it changes; whether it changes anything. `now`: monotonic, so that what is
        made later counts.
        """
        runs, whole = self._runs & gist.runs, self._topics & gist.whole
        rows = gist.rows if "executions" in self._topics else ()
        for run in runs:
            self._mark(("run", run), now)
        for row in filter(is_execution, rows):
            self._mark(("row", row), now)
        self.fresh += gist.fresh if "executions" in self._topics else 0
        for topic in whole:
            if topic == "overview":
                self._mark(OVERVIEW, now)
            else:
                self.stale.add(topic)
                self.news.set()
        return bool(runs or rows or whole)

    def take(self) -> tuple[dict[Thing, float], list[str], int]:
        """Everything to be told now: things, stale topics, how many runs are new."""
        taken = self.things, sorted(self.stale), self.fresh
        self.news, self.things, self.stale = anyio.Event(), {}, set()
        self.fresh = 0
        return taken

    def later(self, thing: Thing, since: float) -> None:
        """It could not be told yet."""
        self._mark(thing, since)

    def moving(self) -> list[str]:
        """Topics whose figures move without an event."""
        return [name for name in MOVING if name in self._topics]

    def _mark(self, thing: Thing, now: float) -> None:
        if thing[0] == "row" and "executions" in self.stale:
            return
        self.things[thing] = now
        if len(self.things) > THINGS_MAX:
            self.things = {one: at for one, at in self.things.items() if one[0] != "row"}
            self.stale.add("executions")
        self.news.set()
