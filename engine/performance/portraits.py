"""Two portraits in the public domain that travel inside Python packages, so that a sample needs no download."""

from __future__ import annotations

import numpy as np
import torch

from ..errors import MediaError

# Of the 512x512 picture: head and shoulders, the face 110 px high. Doubled, the face has 220 px.
_COLLINS_CROP = (81, 0, 369, 320)
_COLLINS_ENLARGED = 2


def eileen_collins() -> torch.Tensor:
    """The astronaut Eileen Collins, head and shoulders: uint8 [640, 576, 3]. NASA, public domain; in scikit-image.

    Raises MediaError when scikit-image is not installed.
    """
    from PIL import Image

    try:
        from skimage.data import astronaut
    except ImportError as error:
        raise MediaError(_missing("scikit-image")) from error
    picture = Image.fromarray(astronaut()).crop(_COLLINS_CROP)
    size = (picture.width * _COLLINS_ENLARGED, picture.height * _COLLINS_ENLARGED)
    return torch.from_numpy(np.array(picture.resize(size, Image.Resampling.LANCZOS)))


def grace_hopper() -> torch.Tensor:
    """Commodore Grace Hopper: uint8 [600, 512, 3]. US Navy, public domain; in matplotlib's sample data.

    Raises MediaError when matplotlib is not installed.
    """
    from PIL import Image

    try:
        from matplotlib.cbook import get_sample_data
    except ImportError as error:
        raise MediaError(_missing("matplotlib")) from error
    with get_sample_data("grace_hopper.jpg", asfileobj=True) as file:
        return torch.from_numpy(np.array(Image.open(file).convert("RGB")))


def _missing(package: str) -> str:
    return (
        f"a portrait of the built-in sample is part of {package}, which is not installed; run `pip install {package}`, "
        "or give your own files with --motion and --character."
    )
