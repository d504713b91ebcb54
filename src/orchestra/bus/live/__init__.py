"""Events as they happen: one tail a process, and everybody who watches."""
