"""Benchmarks: what a step costs, through the public HTTP API and beside the store's ceiling."""
