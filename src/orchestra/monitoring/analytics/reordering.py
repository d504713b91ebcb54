"""Steps in sequence that need not be: one waits for another and reads nothing of it. Pure.

They are laid out side by side: the later one waits for what the earlier one waits for and for
what it reads; what follows the later one waits for both.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from orchestra.monitoring.analytics.critical import replayed
from orchestra.monitoring.analytics.judging import LEAST, NOTICED_MS, Case, Finding
from orchestra.monitoring.analytics.profiles import Profile

SHOWN: Final = 3
_ORDERED: Final = frozenset({"wait", "set", "emit"})
"""Steps that stand where they do on purpose: what they do is seen by others, not by name."""


def reordered(case: Case) -> Iterator[Finding]:
    """The pairs that would save most."""
    if len(case.good) < LEAST or not case.shape:
        return
    steps: dict[str, Mapping[str, Any]] = {one["path"]: one for one in case.shape["steps"]}
    sample = [one for one in case.sample if one.digest == case.shape["digest"]]
    found: list[tuple[float, str, str]] = []
    for later, step in steps.items():
        for earlier in step["depends_on"]:
            if _free(steps, case, later, earlier) and len(sample) >= LEAST:
                saved = sum(_saved(one, later, earlier, _reads(case, step)) for one in sample)
                found.append((saved / len(sample), later, earlier))
    for saved, later, earlier in sorted(found, reverse=True)[:SHOWN]:
        if saved >= NOTICED_MS:
            yield Finding(
                kind="sequence",
                step=later,
                text=f"Step {later} waits for {earlier} and uses nothing of it. Side by side, an "
                f"execution would take {saved:.0f} ms less, if their order has no other reason.",
                evidence={"waits_for": earlier, "executions": len(sample)},
                ms=saved,
                confidence=round(case.sure(len(sample)) / 2, 3),
            )


def _reads(case: Case, step: Mapping[str, Any]) -> Sequence[str]:
    return [*step["reads"], *case.filled.get(step["path"], ())]


def _free(steps: Mapping[str, Mapping[str, Any]], case: Case, later: str, earlier: str) -> bool:
    """Whether nothing of the earlier one is used: not by expressions, not by name."""
    step, before = steps[later], steps.get(earlier)
    if before is None or step["condition"]:
        return False
    inside = [step, *(one for one in steps.values() if one["path"].startswith(later + "/"))]
    within = [before, *(one for one in steps.values() if one["path"].startswith(earlier + "/"))]
    if any(one["kind"] in _ORDERED for one in (*inside, *within)):
        return False
    used = {path for one in inside for path in _reads(case, one)}
    return not any(path == earlier or path.startswith(earlier + "/") for path in used)


def _saved(one: Profile, later: str, earlier: str, reads: Sequence[str]) -> float:
    """Milliseconds of one execution."""
    rows = one.rows
    ends = {row.path: i for i, row in enumerate(rows) if not row.opens}
    begins = {row.path: i for i, row in enumerate(rows) if row.opens}
    if later not in ends or earlier not in ends:
        return 0.0
    first, before = begins.get(later, ends[later]), ends[earlier]
    above = rows[begins.get(earlier, before)].after
    mine = [i for i in rows[first].after if i != before]
    mine += [i for i in (*above, *(ends[path] for path in reads if path in ends)) if i not in mine]
    free: dict[int, Sequence[int]] = {first: mine}
    for i, row in enumerate(rows):
        if ends[later] in row.after and i != first:
            free[i] = [*row.after, before]
    return one.duration - replayed(one.spans, one.duration, {}, free)
