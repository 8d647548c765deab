"""The tracker that a node's input chooses, with its files in ComfyUI's models folder."""

from __future__ import annotations

import os
from pathlib import Path

TRACKERS = ["builtin", "mediapipe"]
FOLDER = "mediapipe"


def register_folder() -> None:
    """Makes models/mediapipe a folder that extra_model_paths.yaml can extend. Safe to call again."""
    import folder_paths

    folder_paths.add_model_folder_path(FOLDER, os.path.join(folder_paths.models_dir, FOLDER))


def open_chosen(name: str):
    """The engine's Tracker; use it in a `with`. Raises SettingError with one sentence."""
    from ..engine import capture

    if name == TRACKERS[0]:
        return capture.BUILTIN
    import folder_paths

    register_folder()
    return capture.open_tracker(name, [Path(folder) for folder in folder_paths.get_folder_paths(FOLDER)])
