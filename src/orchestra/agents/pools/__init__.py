"""Pools: all agents of one type, and the slots that tasks take of them."""
