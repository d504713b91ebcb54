"""Durable readers: of our modules, and subscriptions of clients outside."""
