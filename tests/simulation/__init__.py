"""The product's engine under virtual time, against the real scripts on a real server."""
