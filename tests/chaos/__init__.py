"""Real processes, killed: replicas of the server and the store they share."""
