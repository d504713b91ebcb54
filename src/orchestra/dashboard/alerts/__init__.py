"""`/alerts`: what fires and fired, the rules that judge, silences, and who is told."""
