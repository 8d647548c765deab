"""The built-in sample: an authored performance with sound, and the public-domain portraits that play it."""

from .portraits import eileen_collins, grace_hopper
from .sample import Sample, find_sample, write_sample
from .script import SECONDS, authored_performance

__all__ = [
    "SECONDS",
    "Sample",
    "authored_performance",
    "eileen_collins",
    "find_sample",
    "grace_hopper",
    "write_sample",
]
