"""Metrics: what was measured, kept by series in slots of time, and asked for again."""
