"""The face recognition networks that lie in ComfyUI's models/insightface folder."""

from __future__ import annotations

import os
from pathlib import Path

from ..engine.errors import SettingError
from . import files

AUTO, OFF = "auto", "off"
SUFFIXES = (".onnx", ".safetensors")
KNOWN = ("w600k_r50", "glintr100", "w600k_mbf", "w600k", "arcface", "glint360k", "ms1mv3", "iresnet", "mobilefacenet")
"""Parts of the names of recognition networks, the ones that tell faces apart best first; the first three are those of
insightface's packages buffalo_l, antelopev2 and buffalo_s."""
OTHERS = ("det_", "scrfd", "1k3d68", "2d106det", "genderage", "inswapper", "reswapper")
"""The other networks of these packages."""


def folders() -> list[str]:
    """Where the networks may lie: models/insightface, and what another pack registered under that name."""
    import folder_paths

    found = [os.path.join(folder_paths.models_dir, "insightface")]
    found += folder_paths.folder_names_and_paths.get("insightface", ([],))[0]
    return [folder for folder in dict.fromkeys(map(os.path.normpath, found)) if os.path.isdir(folder)]


def choices() -> list[str]:
    """The list of the node: auto, off and the files, by their place in the folder."""
    names = {}
    for folder in folders():
        found = sorted(path for suffix in SUFFIXES for path in Path(folder).rglob(f"*{suffix}"))
        names |= {path.relative_to(folder).as_posix(): None for path in found if not path.name.startswith(OTHERS)}
    return [AUTO, OFF, *names]


def load(name: str):
    """The network that an entry of the list means, or None: auto takes the best known one that is there."""
    if name == OFF:
        return None
    if name == AUTO:
        there = choices()[2:]
        name = next((file for part in KNOWN for file in there if part in Path(file).name.lower()), "")
        if not name:
            return None
    from ..engine import identity

    for folder in folders():
        path = files.confined(name, folder)
        if path.is_file():
            return identity.load_recogniser(path)
    raise SettingError(f"recognition is '{name}', which is not in models/insightface: choose another, auto or off.")
