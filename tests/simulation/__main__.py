"""Simulated histories from the command line.

python -m simulation 300              seeds 0 to 299, then the replay check
python -m simulation 300 1000         seeds 1000 to 1299
python -m simulation 40 0 no-fence    with a planted fault (see `planted`)
"""

import json
import sys
import time

from simulation.planted import PLANTED, planted
from simulation.runs import first_caught, quiet, server, sweep


def main() -> int:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    first = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    fault = sys.argv[3] if len(sys.argv) > 3 else ""
    began = time.perf_counter()
    with quiet() as bugs, server() as wire:
        if fault:
            names = list(PLANTED) if fault == "all" else [fault]
            for name in names:
                with planted(name) as scripts:
                    caught = first_caught(wire, range(first, first + count), scripts, bugs)
                print(name, caught, f"{time.perf_counter() - began:.1f} s", flush=True)
            return 0
        report = sweep(wire, range(first, first + count), bugs)
    print(json.dumps({**report.figures, "seconds": round(time.perf_counter() - began, 1)}))
    for seed, wrong in report.broken.items():
        print(f"seed {seed}:", *wrong[:6], sep="\n  ")
    return bool(report.broken)


if __name__ == "__main__":
    sys.exit(main())
