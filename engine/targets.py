"""Where a file can be written."""

from __future__ import annotations

from pathlib import Path

from .errors import MediaError


def check_place(path: Path) -> Path:
    """The path, when it is no folder and lies in one that exists; raises MediaError with one sentence otherwise."""
    if path.is_dir():
        raise MediaError(f"{path} is a folder; give the name of a file in it.")
    if not path.parent.is_dir():
        raise MediaError(f"the output folder {path.parent} does not exist; create it or choose another.")
    return path
