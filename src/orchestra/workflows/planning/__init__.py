"""Planning: what follows from what is known of an execution. Pure: no I/O, no clock."""
