"""The registry: agents kept in the store, the picture of them, and what callers may do with it."""
