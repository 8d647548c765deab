"""The clean plate: the character's own background with the figure removed, filled once."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from ..geometry.fill import pull_push


def clean_plate(image: torch.Tensor, matte: torch.Tensor) -> torch.Tensor:
    """image: float32 [3, H, W] 0..1; matte: float32 [H, W]. Returns float32 [3, H, W] without the figure.

    The fill starts a little outside the matte, so that no rim of the figure bleeds into it.
    """
    height, width = matte.shape
    reach = max(1, round(0.008 * max(height, width)))
    grown = F.max_pool2d(matte[None, None], 2 * reach + 1, 1, reach)[0, 0]
    known = (grown < 0.1).float()
    if not bool(known.any()):
        return image.clone()
    return pull_push(image, known)


def fit_background(background: torch.Tensor, width: int, height: int) -> torch.Tensor:
    """A user's picture uint8 [H, W, 3] scaled and cropped to cover width x height: float32 [3, height, width]."""
    picture = background.permute(2, 0, 1)[None].float() / 255
    scale = max(width / picture.shape[-1], height / picture.shape[-2])
    size = (max(height, round(picture.shape[-2] * scale)), max(width, round(picture.shape[-1] * scale)))
    picture = F.interpolate(picture, size=size, mode="bicubic", antialias=True).clamp(0, 1)[0]
    top, left = (size[0] - height) // 2, (size[1] - width) // 2
    return picture[:, top : top + height, left : left + width]
