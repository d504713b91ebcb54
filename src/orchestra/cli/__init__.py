"""The command line: `orchestra`. It speaks HTTP to a server, except where it starts one.

Exit codes: 0 done, 1 failed, 2 not understood. `--json` prints one JSON document for programs.
Commands are imported when they are asked for, so that `--version` and `--help` stay quick.
"""

import importlib
import sys

from orchestra import __version__


def main() -> None:
    """Run the command in `sys.argv`, and leave with its exit code."""
    if sys.argv[1:] in (["--version"], ["-V"]):
        # Before click is imported: it alone costs twice as much as starting Python.
        sys.stdout.write(f"orchestra {__version__}\n")
        return
    importlib.import_module("orchestra.cli.root").run()
