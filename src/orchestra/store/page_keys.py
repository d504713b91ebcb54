"""Names of what the dashboard keeps of its viewers. One slot: little, and seldom written."""

from orchestra.store.keys import Tenant


def pages(space: str = "o") -> str:
    """Saved views and preferences. Owner: dashboard."""
    return f"{space}:{{ui}}:"


def saved_views(prefix: str, tenant: Tenant, owner: str) -> str:
    """Hash: id -> framed, a saved view; at most 100. `owner`: digest of an actor, or `shared`.

    Ends 400 days after the last change.
    """
    return f"{prefix}v:{tenant}:{owner}"


def preferences(prefix: str, tenant: Tenant, owner: str) -> str:
    """Framed string: how somebody likes pages. Ends 400 days after the last change."""
    return f"{prefix}p:{tenant}:{owner}"
