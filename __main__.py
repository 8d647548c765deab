"""`python -m motion_control ...`: the command line."""

import os
import sys

if __name__ == "__main__":
    # Threads that wait for work must leave the cores to the decoder and the encoder. Read once, when torch starts.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from .cli import main

    sys.exit(main())
