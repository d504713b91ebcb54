"""Inbound hooks: addresses by which the outside tells us something, and proves who it is."""
