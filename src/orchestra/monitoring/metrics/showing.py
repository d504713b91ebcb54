"""Metrics as callers see them: what there is, and by what labels it can be asked for."""

from collections.abc import Sequence
from typing import Any, Final

from orchestra.monitoring.metrics.admission import About, Admission, MetricUnknown
from orchestra.monitoring.metrics.functions import AGGREGATES
from orchestra.monitoring.metrics.names import TOLD, near
from orchestra.monitoring.metrics.series import KINDS, TENANT_MAX
from orchestra.store.keys import Tenant

VALUES_MAX: Final = 50


async def metrics(admission: Admission, tenants: Sequence[Tenant]) -> dict[str, Any]:
    """The document of the list."""
    found: dict[str, dict[str, Any]] = {}
    for tenant in tenants:
        every = await admission.metrics(tenant)
        counts = await admission.counts(tenant, list(every))
        for (name, about), count in zip(every.items(), counts, strict=True):
            found.setdefault(name, _shown(name, about, count))
    return {"metrics": [found[name] for name in sorted(found)], "series_max": TENANT_MAX}


async def metric(admission: Admission, tenants: Sequence[Tenant], name: str) -> dict[str, Any]:
    """The document of one. Raises MetricUnknown."""
    known: set[str] = set()
    for tenant in tenants:
        about = await admission.about(tenant, name) if len(name) <= VALUES_MAX * 4 else None
        if about is not None:
            every = await admission.series(tenant, name, about)
            labels: dict[str, set[str]] = {}
            for one in every:
                for label, value in one.labels:
                    labels.setdefault(label, set()).add(value)
            shown = {label: sorted(values)[:VALUES_MAX] for label, values in sorted(labels.items())}
            more = {"labels": shown, "aggregates": list(AGGREGATES[KINDS[about.kind]])}
            return _shown(name, about, len(every)) | more
        known |= (await admission.metrics(tenant)).keys()
    raise MetricUnknown("no metric has this name", near=near(name, known))


def _shown(name: str, about: About, count: int) -> dict[str, Any]:
    return {
        "name": name,
        "type": KINDS[about.kind],
        "unit": about.unit or None,
        "told": TOLD.get(name),
        "own": about.own,
        "series": count,
    }
