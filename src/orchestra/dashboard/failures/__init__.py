"""The failure inbox: what went wrong anywhere, grouped by its cause, tried again in one go."""
