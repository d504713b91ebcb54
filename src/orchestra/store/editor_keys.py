"""Keys of what the editor keeps beside a workflow, under the prefix of definitions."""

from orchestra.store.keys import Tenant


def layout(prefix: str, tenant: Tenant, workflow_id: str) -> str:
    """Framed string: where its steps stand on the canvas. Permanent until forgotten."""
    return f"{prefix}l:{tenant}:{workflow_id}"


def draft(prefix: str, tenant: Tenant, owner: str, name: str) -> str:
    """Framed string: a text somebody has not saved yet. Ends after 30 days without a change."""
    return f"{prefix}dr:{tenant}:{owner}:{name}"


def draft_revision(prefix: str, tenant: Tenant, owner: str, name: str) -> str:
    """String: how often that text was kept or forgotten. Ends 30 days after the last time."""
    return f"{prefix}dv:{tenant}:{owner}:{name}"


def drafts(prefix: str, tenant: Tenant, owner: str) -> str:
    """Sorted set: names of the drafts of one author, by when they end."""
    return f"{prefix}di:{tenant}:{owner}"
