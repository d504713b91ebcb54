"""Queues: work that is sent, leased, settled once, retried, buried, put back."""
