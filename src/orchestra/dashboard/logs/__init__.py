"""`/logs`: what all processes logged, searched and followed; one line with what is around it."""
