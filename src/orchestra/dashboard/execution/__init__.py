"""`/executions/{id}`: one execution, as it runs, as it was, and beside another."""
