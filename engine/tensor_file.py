"""What every .safetensors file of the pack shares: its target, its head, and that it appears whole or not at all."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path
from typing import BinaryIO

from .errors import MediaError
from .targets import check_place

SUFFIX = ".safetensors"
IDENTITY = "motion_control.identity"
"""The format of a file that holds an identity."""
IDENTITIES = Path("motion_control") / "identities"
"""Where identities lie, inside an output folder."""
MAX_HEAD = 4 * 2**20
"""Bytes. The head holds the report too; a usual one has 5 kB."""


def check_target(path: str | Path) -> Path:
    """The path that a file can be written to; raises MediaError with one sentence otherwise."""
    path = Path(path)
    if path.suffix.lower() != SUFFIX:
        raise MediaError(f"{path.name} has the ending '{path.suffix}'; choose {SUFFIX}.")
    return check_place(path)


def write_whole(path: Path, data: bytes) -> None:
    """Writes a file that appears under its name only when it is whole. Raises MediaError."""
    part = path.with_name(f".{path.stem}-{secrets.token_hex(4)}{path.suffix}")
    try:
        part.write_bytes(data)
        os.replace(part, path)
    except OSError as error:
        raise MediaError(f"{path} cannot be written ({error.strerror}); choose another place.") from error
    finally:
        part.unlink(missing_ok=True)


def read_entries(file: BinaryIO, name: str, size: int, kind: str, maker: str) -> tuple[dict, int]:
    """The parsed head of an open file of `size` bytes, which is left behind it, and how many bytes follow.

    kind, maker: what the file should be and the node that writes such files, for the sentence of a MediaError.
    """
    length = int.from_bytes(file.read(8), "little") if size >= 8 else 0
    if not 0 < length <= min(MAX_HEAD, size - 8):
        raise MediaError(f"{name} is no {kind} (its head has {length} bytes); choose a file of {maker}.")
    return read_json(file.read(length), name, "head", dict, maker), size - 8 - length


def files_of(file_format: str, folder: Path) -> list[Path]:
    """The files directly in a folder that say they are of this format, of whatever version. Reads heads, no more."""
    found = folder.glob(f"*{SUFFIX}") if folder.is_dir() else ()
    mine = (path for path in found if path.name[0] != "." and _format_of(path) == file_format)
    return sorted(mine, key=lambda path: path.stem.casefold())


def _format_of(path: Path) -> str | None:
    try:
        with open(path, "rb") as file:
            entries, _ = read_entries(file, path.name, path.stat().st_size, "file", "the pack")
    except (OSError, MediaError):
        return None
    facts = entries.get("__metadata__")
    return facts.get("format") if isinstance(facts, dict) else None


def read_json(text: str | bytes, name: str, what: str, kind: type, maker: str):
    """JSON of a file as a value of type `kind`. Raises MediaError."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, kind):
        raise MediaError(f"{name} has a {what} that cannot be read; choose a file of {maker}.")
    return value


def check_facts(
    entries: dict, name: str, file_format: str, version: int, kind: str, maker: str, oldest: int | None = None
) -> dict:
    """Takes the facts out of a head; MediaError when they are of another format or version. oldest: the first version
    that can still be read, else only `version`."""
    facts = entries.pop("__metadata__", None)
    if not isinstance(facts, dict) or facts.get("format") != file_format:
        raise MediaError(f"{name} is a {SUFFIX} file but no {kind}; choose a file of {maker}.")
    if facts.get("version") not in map(str, range(oldest or version, version + 1)):
        raise MediaError(
            f"{name} is a {kind} of version {shortened(facts.get('version'))} and this pack reads version {version}; "
            f"update the pack, or make the file again with {maker}."
        )
    return facts


def shortened(value) -> str:
    text = str(value)
    return f"'{text[:24]}...'" if len(text) > 24 else f"'{text}'"
