"""`python -m motion_control ...`: the command line."""

import os
import sys

if __name__ == "__main__":
    # Threads that wait for work do so awake for some 20 microseconds: long enough for the next small operation of a
    # network, short enough to leave the cores to the decoder and the encoder. Read once, when torch starts.
    os.environ.setdefault("GOMP_SPINCOUNT", "20000")
    from .cli import main

    sys.exit(main())
