"""What is told and not kept: signals between processes, and events for those who look on."""
