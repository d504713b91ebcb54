"""Logs: the lines of every replica in one place; searched, followed, taken in, kept for a time.

A line is one JSON object that begins with `ts` and `level`, so its first 46 bytes say when it is
from and how bad it is. Lines are kept as text and found by looking through them.
"""
