"""The catalogue: definitions and their versions, kept in the store."""
