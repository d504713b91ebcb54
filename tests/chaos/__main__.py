"""`python -m chaos [seed]`, from `tests/`: a round, its figures as one JSON line."""

import sys

from chaos.rounds import main

sys.exit(main())
