"""Webhooks: events told to endpoints outside, and hooks by which the outside tells us."""
