"""Whole processes, real HTTP, a real store."""
