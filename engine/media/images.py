"""Reading a still picture of any common kind as plain RGB."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageCms, ImageOps

from ..errors import MediaError
from .container import existing_file

# Formats that Pillow reads by itself; others (EPS) would start another program.
_FORMATS = (
    "PNG",
    "JPEG",
    "MPO",
    "WEBP",
    "BMP",
    "DIB",
    "TIFF",
    "GIF",
    "PPM",
    "TGA",
    "AVIF",
    "JPEG2000",
    "ICO",
)

_MAX_PIXELS = 150_000_000
"""A picture beyond this takes gigabytes as floats; it is a mistake or an attack."""


def read_image(path: str | Path) -> torch.Tensor:
    """A picture file as uint8 [H, W, 3] RGB.

    Turned upright by its EXIF tag, colour profile converted to sRGB, transparency laid over white, deep
    colours reduced to 8 bits; of an animation the first frame. Raises MediaError.
    """
    path = existing_file(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path, formats=_known()) as picture:
                width, height = picture.size
                if width * height > _MAX_PIXELS:
                    raise MediaError(_too_big(path, f"{width}x{height} pixels"))
                picture.load()
                return torch.from_numpy(_rgb(ImageOps.exif_transpose(picture)))
    except Image.DecompressionBombError as error:
        raise MediaError(_too_big(path, "far too many pixels")) from error
    except Image.UnidentifiedImageError as error:
        raise MediaError(f"{path.name} is not a picture that can be read; save it as PNG or JPEG.") from error
    except MediaError:
        raise
    except (OSError, ValueError, SyntaxError, EOFError, MemoryError, IndexError) as error:
        raise MediaError(f"{path.name} is damaged or cut off ({error}); copy or save it again.") from error


def _known() -> tuple[str, ...]:
    Image.init()
    return tuple(name for name in _FORMATS if name in Image.OPEN)


def _too_big(path: Path, size: str) -> str:
    return f"{path.name} has {size}; choose a picture of at most {_MAX_PIXELS // 1_000_000} million pixels."


def _rgb(picture: Image.Image) -> np.ndarray:
    """uint8 [H, W, 3] of a loaded picture in any mode."""
    if picture.mode.startswith(("I", "F")):
        return _deep(np.asarray(picture).astype(np.float32), picture.mode)
    if picture.mode in ("LA", "La", "PA", "RGBa") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
    if picture.mode == "RGBA":
        colour = _to_srgb(picture.convert("RGB"), picture.info.get("icc_profile"))
        white = Image.new("RGB", picture.size, "white")
        white.paste(colour, mask=picture.getchannel("A"))
        picture = white
    elif picture.mode in ("RGB", "CMYK"):
        picture = _to_srgb(picture, picture.info.get("icc_profile"))
    return np.array(picture.convert("RGB"))


def _to_srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """The picture in sRGB; unchanged when it has no profile, or one that does not fit."""
    if not profile:
        return picture
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        return ImageCms.profileToProfile(picture, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):
        return picture


def _deep(values: np.ndarray, mode: str) -> np.ndarray:
    """Grey of 16 bits ("I;16", "I") or floats 0..1 ("F") as uint8 [H, W, 3]."""
    if mode == "F":
        scale = 255.0 if values.max(initial=0) <= 1 else 1.0
    else:
        scale = 1.0 if mode == "I" and values.max(initial=0) <= 255 else 255.0 / 65535.0
    grey = np.clip(np.rint(np.nan_to_num(values * scale)), 0, 255).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)
