"""Where saved identities lie in ComfyUI's folders, and how a list names them."""

from __future__ import annotations

import os
from pathlib import Path

from ..engine import tensor_file
from ..engine.errors import MediaError
from . import files


def library() -> Path:
    """The folder of the identities that SaveIdentity wrote."""
    import folder_paths

    return Path(folder_paths.get_output_directory()) / tensor_file.IDENTITIES


def saved() -> list[str]:
    """The names in the library, and the identity files in ComfyUI's input folder by their file names.

    Nothing heavy is loaded: ComfyUI asks for this list while it starts.
    """
    import folder_paths

    names = [path.stem for path in tensor_file.files_of(tensor_file.IDENTITY, library())]
    given = tensor_file.files_of(tensor_file.IDENTITY, Path(folder_paths.get_input_directory()))
    return names + [path.name for path in given]


def existing(name: str) -> Path:
    """The file of an entry of the list. Raises MediaError or IdentityError for one that is not there."""
    from ..engine import identity

    if name.lower().endswith(tensor_file.SUFFIX):
        return files.input_file(name)
    path = files.confined(identity.identity_file(name, library()).name, str(library()))
    if not path.is_file():
        raise MediaError(f"no identity is saved as '{name}': choose one of the list, or save it with SaveIdentity.")
    return path


def target(name: str, overwrite: bool) -> Path:
    """The file to write the identity `name` to; without `overwrite` a free one: hero, hero 2, hero 3."""
    from ..engine import identity

    folder = library()
    os.makedirs(folder, exist_ok=True)
    path, number = identity.identity_file(name, folder), 1
    stem = path.stem
    while path.exists() and not overwrite:
        number += 1
        path = identity.identity_file(f"{stem} {number}", folder)
    return files.confined(path.name, str(folder))
