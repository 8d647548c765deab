"""Shared by all tests: where the repository is, and real media to work on."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

# Threads of torch that wait for work must not take it from others: on a busy machine of few cores that made the
# tests up to 20 times slower. The library reads this once, so it is set before torch is imported; servers and
# commands that tests start inherit it.
os.environ.setdefault("GOMP_SPINCOUNT", "20000")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository, which is also the package."""
    return ROOT


@pytest.fixture(scope="session")
def sample_media(tmp_path_factory) -> Path:
    """A folder with performance.mp4 (authored, with sound), portrait.png and hopper.png, made by the demo command."""
    folder = tmp_path_factory.mktemp("sample")
    command = [sys.executable, "-m", "motion_control", "demo", "--sample-only", str(folder)]
    made = subprocess.run(command, capture_output=True, text=True, cwd=folder)
    if made.returncode:
        pytest.fail(f"the demo's sample could not be made:\n{made.stdout}{made.stderr}")
    return folder
