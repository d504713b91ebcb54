"""Which executions: what the filters of a list, and of a batch, mean. Pure."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from orchestra.errors import Invalid, Problem
from orchestra.workflows.history.stored import STATES
from orchestra.workflows.language.definition import Json
from orchestra.workflows.language.durations import parsed_ms

TEXT_MAX: Final = 1_024
NAMES: Final = (
    "status", "workflow", "version", "label", "agent", "error", "longer_than", "shorter_than",
    "started_after", "started_before", "q", "order",
)  # fmt: skip


class Choice(msgspec.Struct, frozen=True):
    """Filters that were read. What is None or empty is not asked for; times are in ms."""

    states: frozenset[str] = frozenset()
    workflow: str = ""
    version: int | None = None
    label: tuple[str, str] | None = None
    agent: str = ""
    error: str = ""
    longer_ms: int | None = None
    shorter_ms: int | None = None
    after_ms: int | None = None
    before_ms: int | None = None
    text: str = ""
    oldest: bool = False

    @property
    def passing(self) -> bool:
        """Whether some of those that the index gives, by time and state, are passed over."""
        left = msgspec.structs.replace(
            self, states=ALL.states, after_ms=None, before_ms=None, oldest=False
        )
        return left != ALL

    def fits(self, shown: Mapping[str, Any], now_ms: int) -> bool:
        """Whether a summary suits, as far as it tells; `agent` and `error` are asked for later."""
        took_ms = shown["duration_ms"]
        took_ms = now_ms - shown["_ms"] if took_ms is None else took_ms
        return (
            (not self.states or shown["status"] in self.states)
            and self.workflow in ("", shown["workflow_id"], shown["workflow_name"])
            and self.version in (None, shown["workflow_version"])
            and (self.before_ms is None or shown["_ms"] < self.before_ms)
            and (self.longer_ms is None or took_ms > self.longer_ms)
            and (self.shorter_ms is None or took_ms < self.shorter_ms)
            and (not self.error or shown["status"] in ("failed", "rolling_back", "rolled_back"))
            and self._labelled(shown["labels"])
            and self._says(shown)
        )

    def fails_so(self, error: Mapping[str, Any] | None) -> bool:
        """Whether an execution with this error suits."""
        if not self.error:
            return True
        code = str((error or {}).get("code", ""))
        return code == self.error or code.startswith(f"{self.error}.")

    def _labelled(self, labels: Mapping[str, str]) -> bool:
        if self.label is None:
            return True
        name, value = self.label
        return name in labels and value in ("", labels[name])

    def _says(self, shown: Mapping[str, Any]) -> bool:
        if not self.text:
            return True
        told = (shown["id"], shown["workflow_name"], *shown["labels"].values())
        return any(self.text in one.lower() for one in told)


ALL: Final = Choice()


def read(want: Mapping[str, str | None], at: str = "/query") -> Choice:
    """The choice that texts stand for. Raises Invalid with all that is wrong; `at` is where."""
    findings: list[Problem] = []
    given = {name: value for name, value in want.items() if value}

    def wrong(name: str, code: str, message: str) -> None:
        findings.append(Problem(f"{at}/{name}", code, message))

    for name, value in given.items():
        if len(value) > TEXT_MAX:
            wrong(name, "field.range", f"at most {TEXT_MAX} characters")
    states = frozenset(given.get("status", "").split(",")) - {""}
    known = sorted(set(STATES.values()))
    if not states <= set(known):
        wrong("status", "field.range", f"status is of {', '.join(known)}; several with commas")
    version = given.get("version", "")
    if version and not (version.isascii() and version.isdigit() and len(version) < 10):
        wrong("version", "field.type", "version is a whole number")
    if given.get("order", "newest") not in ("newest", "oldest"):
        wrong("order", "field.range", "order is newest or oldest")
    spans = {
        name: parsed_ms(given[name]) for name in ("longer_than", "shorter_than") if name in given
    }
    for name in (one for one, span in spans.items() if span is None):
        wrong(name, "field.type", 'a duration such as "500ms", "30s" or "1h30m"')
    times = {
        name: _ms(given[name]) for name in ("started_after", "started_before") if name in given
    }
    for name in (one for one, moment in times.items() if moment is None):
        wrong(name, "field.type", "not an RFC 3339 instant")
    if findings:
        raise Invalid("the query is not valid", findings)
    label, _, value = given.get("label", "").partition("=")
    return Choice(
        states, given.get("workflow", ""), int(version) if version else None,
        (label, value) if label else None, given.get("agent", ""), given.get("error", ""),
        spans.get("longer_than"), spans.get("shorter_than"), times.get("started_after"),
        times.get("started_before"), given.get("q", "").lower(), given.get("order") == "oldest",
    )  # fmt: skip


def _ms(text: str) -> int | None:
    """RFC 3339 to milliseconds; UTC where it does not say."""
    try:
        moment = datetime.fromisoformat(text)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return int(moment.timestamp() * 1_000)
    except (ValueError, OverflowError):
        return None


def without_own(shown: Mapping[str, Json]) -> dict[str, Json]:
    """A summary as callers get it."""
    return {name: value for name, value in shown.items() if name[0] != "_"}
