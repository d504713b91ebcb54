"""Running: the durable engine of one replica, from the claim of a step to its record."""
