"""`orchestra serve` with one more Python agent in the process: what W1a and W4 call.

    python -m bench.server --port 8001 --data DIR [--durability process]

Everything else is the product's own composition.
"""
