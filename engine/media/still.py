"""Writing a still picture that appears under its name only when it is whole."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import torch
from PIL import Image

from ..errors import MediaError
from ..targets import check_place

_FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}


def check_picture_target(path: str | Path) -> Path:
    """The path that a picture can be written to; raises MediaError with one sentence otherwise."""
    path = Path(path)
    if path.suffix.lower() not in _FORMATS:
        raise MediaError(f"{path.name} has the ending '{path.suffix}'; choose one of {', '.join(_FORMATS)}.")
    return check_place(path)


def write_image(path: str | Path, picture: torch.Tensor | Image.Image) -> None:
    """Writes a picture, uint8 [H, W, 3] or one of PIL, as PNG, JPEG or WebP by its ending. Raises MediaError."""
    path = check_picture_target(path)
    if isinstance(picture, torch.Tensor):
        picture = Image.fromarray(picture.cpu().contiguous().numpy())
    part = path.with_name(f".{path.stem}-{secrets.token_hex(4)}{path.suffix}")
    try:
        picture.save(part, _FORMATS[path.suffix.lower()], quality=92)
        os.replace(part, path)
    except OSError as error:
        raise MediaError(f"{path.name} could not be written ({error}); check the folder and its rights.") from error
    finally:
        part.unlink(missing_ok=True)
