"""The pages of agents: who does the work, how well, and what can be done with one."""
