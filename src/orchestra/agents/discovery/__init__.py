"""Discovery: what agents say about themselves, and where they come from."""
