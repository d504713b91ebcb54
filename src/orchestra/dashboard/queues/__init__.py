"""The pages of queues: what waits, what nobody could do, and putting that back in line."""
