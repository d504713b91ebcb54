"""Keys of what the editor keeps beside a workflow, under the prefix of definitions."""

from orchestra.store.keys import Tenant


def layout(prefix: str, tenant: Tenant, workflow_id: str) -> str:
    """Framed string: where its steps stand on the canvas. Permanent until forgotten."""
    return f"{prefix}l:{tenant}:{workflow_id}"
