"""Tasks that somebody asked for directly, and those that are answered later."""
