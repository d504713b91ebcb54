"""Comparisons: of versions, agents, inputs, costs, limits of time, branches. Pure."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from orchestra.monitoring.analytics.judging import Case, Finding
from orchestra.monitoring.analytics.profiles import DAY_MS, Profile
from orchestra.monitoring.analytics.statistics import Z_95, deviation, median, quantile
from orchestra.monitoring.analytics.summing import name_of

ENOUGH: Final = 50
SOME: Final = 20
WORSE: Final = 1.2
LOOSE, TIGHT = 10.0, 1.2
REPEATED: Final = 0.2
CHEAPER: Final = 0.9
SUCCESS_MARGIN: Final = 0.02
FAR: Final = 6.0
MONTH_MS: Final = 29 * DAY_MS
"""Of 30 d; the first and the last execution are never at their very ends."""


@dataclass(slots=True)
class Tried:
    """What an agent did of one step."""

    n: int = 0
    good: int = 0
    priced: int = 0
    micro: int = 0


def compared(case: Case) -> Iterator[Finding]:
    """All of them."""
    yield from _versions(case)
    yield from _agents(case)
    yield from _inputs(case)
    yield from _costs(case)
    yield from _timeouts(case)
    yield from _branches(case)


def _versions(case: Case) -> Iterator[Finding]:
    groups: dict[int, list[int]] = defaultdict(list)
    for kept in case.every:
        if kept.profile.outcome == "D":
            groups[kept.profile.version].append(kept.profile.duration)
    if len(groups) < 2:
        return
    before, now = sorted(groups)[-2:]
    old, new = groups[before], groups[now]
    old_p95, new_p95 = quantile(old, 0.95), quantile(new, 0.95)
    if len(old) < ENOUGH or len(new) < ENOUGH or not old_p95 or not new_p95:
        return
    if new_p95 <= WORSE * old_p95:
        return
    yield Finding(
        kind="version",
        step=None,
        text=f"Version {now} is slower than version {before}: its p95 is {new_p95:.0f} ms, that "
        f"of the one before was {old_p95:.0f} ms.",
        evidence={
            "version": now,
            "before": before,
            "p95_ms": new_p95,
            "p95_ms_before": old_p95,
            "executions": len(new),
            "executions_before": len(old),
        },
        ms=max(0.0, sum(new) / len(new) - sum(old) / len(old)),
        confidence=case.sure(min(len(old), len(new))),
    )


def _agents(case: Case) -> Iterator[Finding]:
    tried: dict[str, dict[str, Tried]] = defaultdict(lambda: defaultdict(Tried))
    for one in case.kept:
        for row in one.profile.rows:
            if row.agent and row.state in ("completed", "failed"):
                into = tried[name_of(row)][row.agent]
                into.n += 1
                into.good += row.state == "completed"
                into.priced += row.priced is True
                into.micro += row.micro + row.lost_micro
    for step, agents in tried.items():
        known = {
            name: one
            for name, one in agents.items()
            if one.n >= ENOUGH and one.priced == one.n and one.good
        }
        order = sorted(known, key=lambda name: known[name].micro / known[name].good)
        if len(order) < 2:
            continue
        cheap, dear = known[order[0]], known[order[-1]]
        saved = dear.micro / dear.good - cheap.micro / cheap.good
        if cheap.micro / cheap.good > CHEAPER * dear.micro / dear.good or not _equal(cheap, dear):
            continue
        yield Finding(
            kind="cheaper_agent",
            step=step,
            text=f"Agent {order[0]} does step {step} as well as {order[-1]}, and a success costs "
            f"${saved / 1e6:.6f} less.",
            evidence={
                "agent": order[0],
                "instead_of": order[-1],
                "cost_usd": cheap.micro / cheap.good / 1e6,
                "cost_usd_instead_of": dear.micro / dear.good / 1e6,
                "success_rate": round(cheap.good / cheap.n, 6),
                "success_rate_instead_of": round(dear.good / dear.n, 6),
                "tasks": cheap.n,
                "tasks_instead_of": dear.n,
            },
            usd=saved / 1e6 * dear.n / len(case.kept),
            confidence=case.sure(min(cheap.n, dear.n)),
        )


def _equal(cheap: Tried, dear: Tried) -> bool:
    """Whether the cheaper one succeeds as often: at most 2 % less, and no less than chance does."""
    one, other = cheap.good / cheap.n, dear.good / dear.n
    both = (cheap.good + dear.good) / (cheap.n + dear.n)
    error = math.sqrt(both * (1 - both) * (1 / cheap.n + 1 / dear.n))
    return other - one <= SUCCESS_MARGIN and other - one <= Z_95 * error


def _inputs(case: Case) -> Iterator[Finding]:
    seen: set[bytes] = set()
    again: list[Profile] = []
    good = [one.profile for one in case.every if one.profile.outcome == "D"]
    given = [one for one in good if one.input_hash]
    for one in given:
        if one.input_hash in seen:
            again.append(one)
        seen.add(one.input_hash)
    if len(given) < SOME or len(again) < REPEATED * len(given):
        return
    n = len(good)
    usd = sum(one.micro for one in again) / 1e6 / n
    yield Finding(
        kind="same_input",
        step=None,
        text=f"{len(again) / len(given):.0%} of the executions had an input that was there before. "
        "Kept answers would spare them.",
        evidence={
            "share": round(len(again) / len(given), 6),
            "executions": len(given),
            "inputs": len(seen),
        },
        ms=sum(one.duration for one in again) / n,
        usd=usd or None,
        confidence=round(case.sure(len(given)) / 2, 3),
    )


def _costs(case: Case) -> Iterator[Finding]:
    spent = [one for one in case.kept if one.profile.micro]
    costs = [float(one.profile.micro) for one in spent]
    middle, spread = median(costs), deviation(costs)
    if len(costs) < SOME or middle is None or spread is None:
        return
    limit = max(2 * middle, middle + FAR * spread)
    far = [one for one in spent if one.profile.micro > limit]
    excess = sum(one.profile.micro - middle for one in far)
    if not far or excess < 0.05 * sum(costs):
        return
    dearest = max(far, key=lambda one: one.profile.micro)
    yield Finding(
        kind="cost_outliers",
        step=None,
        text=f"{len(far)} of {len(costs)} executions cost far more than the others: "
        f"{excess / sum(costs):.0%} of all.",
        evidence={
            "executions": len(costs),
            "outliers": len(far),
            "median_usd": middle / 1e6,
            "dearest_usd": dearest.profile.micro / 1e6,
            "dearest": dearest.execution,
        },
        usd=excess / 1e6 / len(case.kept),
        confidence=case.sure(len(far)),
        execution=dearest.execution,
    )


def _timeouts(case: Case) -> Iterator[Finding]:
    found: list[tuple[float, Finding]] = []
    for step in case.shape.get("steps", ()):
        sums, limit = case.sums.steps.get(step["path"]), step["timeout_ms"]
        if not limit or sums is None or len(sums.ran) < ENOUGH:
            continue
        p99 = quantile(sums.ran, 0.99)
        if not p99:
            continue
        evidence = {"timeout_ms": limit, "p99_ms": p99, "attempts": len(sums.ran)}
        if limit < TIGHT * p99:
            text = (
                f"The timeout of step {step['path']}, {limit} ms, is hardly above its p99 of "
                f"{p99:.0f} ms: attempts fail that would have succeeded."
            )
        elif limit > LOOSE * p99:
            text = (
                f"The timeout of step {step['path']}, {limit} ms, is {limit / p99:.0f} times its "
                f"p99 of {p99:.0f} ms: an attempt that hangs is noticed late."
            )
        else:
            continue
        finding = Finding("timeout", step["path"], text, evidence, confidence=0.3)
        found.append((abs(math.log(limit / p99)), finding))
    if found:  # the worst of them: they are easily many, and save nothing that can be measured
        yield max(found, key=lambda one: one[0])[1]


def _branches(case: Case) -> Iterator[Finding]:
    mine = [one for one in case.every if one.profile.digest == case.shape.get("digest")]
    if len(mine) < ENOUGH or mine[-1].ended_ms - mine[0].ended_ms < MONTH_MS:
        return
    seen = Counter(row.path for one in mine for row in one.profile.rows)
    for step in case.shape["steps"]:
        for branch in step["branches"]:
            if seen[step["path"]] < ENOUGH or any(path in seen for path in branch["paths"]):
                continue
            yield Finding(
                kind="unused_branch",
                step=step["path"],
                text=f"Branch {branch['name']} of step {step['path']} was not taken in 30 days.",
                evidence={"branch": branch["name"], "executions": seen[step["path"]]},
                confidence=case.sure(seen[step["path"]]),
            )
