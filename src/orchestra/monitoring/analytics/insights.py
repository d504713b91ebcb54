"""What could be done better: at most 20 insights, the largest saving first."""

import hashlib
from collections.abc import Sequence
from typing import Final, NamedTuple
from urllib.parse import quote

import anyio.to_thread

from orchestra.errors import NotFound
from orchestra.monitoring.analytics.comparing import compared
from orchestra.monitoring.analytics.documents import Insight, Insights, Saves
from orchestra.monitoring.analytics.exact import DAY_S
from orchestra.monitoring.analytics.judging import Case, Finding, judged
from orchestra.monitoring.analytics.keeping import WORKFLOWS_MAX, Look
from orchestra.monitoring.analytics.looking import Looking, Window, resting
from orchestra.monitoring.analytics.reordering import reordered
from orchestra.store.keys import Tenant

SHOWN: Final = 20
ASKED: Final = 3
"""Executions that are asked which inputs were filled by name."""
KEPT_MAX: Final = 64
FRESH_MS: Final = 30_000


class Judged(NamedTuple):
    """What was found of one workflow, and its weight: all its time and money."""

    workflow: str
    name: str
    findings: list[Finding]
    ms: float
    usd: float
    executions: int


class Advice:
    """Looks for insights. What was found is the same for half a minute."""

    def __init__(self, looking: Looking) -> None:
        self._looking = looking
        self._kept: dict[tuple[Tenant, str, str], tuple[int, Insights]] = {}

    async def answer(
        self, tenant: Tenant, said: tuple[str, int], reference: str | None
    ) -> Insights:
        """Of one workflow, or of the 20 with most executions.

        Raises WorkflowUnknown, NameShared, StoreAway.
        """
        window = self._looking.window(said)
        one = None
        if reference is not None:
            one, _ = await self._looking.find(tenant, reference)
        key = (tenant, one or "", said[0])
        known = self._kept.get(key)
        if known is not None and window.until_ms - known[0] < FRESH_MS:
            return known[1]
        made = await self._made(tenant, window, one)
        if len(self._kept) >= KEPT_MAX:
            self._kept.clear()
        self._kept[key] = (window.until_ms, made)
        return made

    async def _made(self, tenant: Tenant, window: Window, one: str | None) -> Insights:
        day = window.from_ms // (DAY_S * 1_000)
        names = [one] if one else await self._looking.shelf.workflows(tenant, day)
        found: list[Judged] = []
        looks: list[Look] = []
        for workflow in names[:WORKFLOWS_MAX]:
            look = await self._looking.look(tenant, workflow, window)
            if look.kept:
                looks.append(look)
                found.append(await self._judged(tenant, workflow, look))
        ended = await self._looking.ended(tenant, window)
        together = Look(
            sorted((k for look in looks for k in look.kept), key=lambda kept: kept.ended_ms),
            max((look.level for look in looks), default=0),
            max((look.skipped for look in looks), default=0),
        )
        mine = [ended[each.name] for each in found if each.name in ended]
        left_out = len(names) - WORKFLOWS_MAX
        return Insights(
            window=window.said,
            since=window.since,
            until=window.until,
            insights=ranked(found, window.said),
            profiles=resting(together, sum(mine) if mine else None),
            bounded={"workflows": len(names), "looked_at": WORKFLOWS_MAX} if left_out > 0 else None,
        )

    async def _judged(self, tenant: Tenant, workflow: str, look: Look) -> Judged:
        newest = look.kept[-1].profile
        case = Case(look.kept)
        try:
            case.shape = await self._looking.profiles.shape(newest.digest)
            mine = [k for k in look.kept if k.profile.digest == newest.digest]
            filled: dict[str, list[str]] = {}
            for kept in mine[-ASKED:]:
                told = await self._looking.profiles.filled(tenant, kept.execution)
                for step, paths in told.items():
                    filled.setdefault(step, []).extend(paths)
            case.filled = filled
        except NotFound:  # its version, or all of these executions, are forgotten
            case.shape = {}
        findings = await anyio.to_thread.run_sync(_all, case)
        durations = sum(kept.profile.duration for kept in look.kept)
        micro = sum(kept.profile.micro for kept in look.kept)
        name = newest.name
        return Judged(workflow, name, findings, durations, micro / 1e6, len(look.kept))


def _all(case: Case) -> list[Finding]:
    return [*judged(case), *reordered(case), *compared(case)]


def ranked(found: Sequence[Judged], window: str) -> list[Insight]:
    """By what part of all time, and of all money, each would save."""
    ms = sum(one.ms for one in found) or 1.0
    usd = sum(one.usd for one in found) or 1.0
    order: list[tuple[float, float, Judged, Finding]] = []
    for one in found:
        for finding in one.findings:
            part = (finding.ms or 0.0) * one.executions / ms
            part += (finding.usd or 0.0) * one.executions / usd
            order.append((-part, -finding.confidence, one, finding))
    order.sort(key=lambda row: (*row[:2], row[2].workflow, row[3].kind, row[3].step or ""))
    return [_insight(one, finding, window) for _, _, one, finding in order[:SHOWN]]


def _insight(one: Judged, finding: Finding, window: str) -> Insight:
    text = "\n".join((finding.kind, one.workflow, finding.step or ""))
    href = f"/api/analytics/workflows/{one.workflow}?window={window}"
    if finding.execution:
        href = f"/api/executions/{quote(finding.execution)}/status"
    return Insight(
        id=f"ins_{hashlib.blake2b(text.encode(), digest_size=8).hexdigest()}",
        kind=finding.kind,
        workflow=one.workflow,
        name=one.name,
        step=finding.step,
        text=finding.text,
        evidence=finding.evidence,
        saves=Saves(
            ms=None if finding.ms is None else round(finding.ms, 3),
            cost_usd=None if finding.usd is None else round(finding.usd, 9),
        ),
        confidence=finding.confidence,
        href=href,
    )
