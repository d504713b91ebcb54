"""Names of what the store keeps of browsers that are signed in. Prefix: `identities()`."""


def session(prefix: str, digest: str) -> str:
    """Framed string: a session, by the hash of its id. Has a TTL: 30 min without a request."""
    return f"{prefix}s:{digest}"
