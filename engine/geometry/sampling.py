"""Sampling of pictures at pixel positions (x right, y down, centre of the first pixel at 0.5, 0.5)."""

from __future__ import annotations

import torch
import torch.nn.functional as F


def sample(picture: torch.Tensor, positions: torch.Tensor, mode: str = "bilinear") -> torch.Tensor:
    """picture: float32 [C, H, W]; positions: float32 [..., 2] px. Returns [C, ...]; beyond the border: the border.

    One call serves a whole batch: positions are laid out as rows of one tall picture.
    """
    _, height, width = picture.shape
    scale = torch.tensor([2.0 / width, 2.0 / height], device=picture.device)
    grid = (positions * scale - 1).reshape(1, -1, positions.shape[-2], 2)
    out = F.grid_sample(picture[None], grid, mode=mode, padding_mode="border", align_corners=False)
    return out.reshape(picture.shape[0], *positions.shape[:-1])


def normalised(positions: torch.Tensor, width: int, height: int) -> torch.Tensor:
    """Pixel positions [..., 2] in the -1..1 units of grid_sample, for `sample_normalised`."""
    return positions * positions.new_tensor([2.0 / width, 2.0 / height]) - 1


def sample_normalised(picture: torch.Tensor, positions: torch.Tensor, mode: str = "bilinear") -> torch.Tensor:
    """picture: float32 [C, H, W]; positions: float32 [n, h, w, 2] in -1..1. Returns [C, n, h, w]; beyond the border
    the picture is mirrored: hair that the border cuts goes on as hair, not as streaks."""
    count, height, width, _ = positions.shape
    grid = positions.reshape(1, count * height, width, 2)
    out = F.grid_sample(picture[None], grid, mode=mode, padding_mode="reflection", align_corners=False)
    return out.view(picture.shape[0], count, height, width)


def sample_each(pictures: torch.Tensor, positions: torch.Tensor, mode: str = "bilinear") -> torch.Tensor:
    """pictures: float32 [B, C, H, W]; positions: float32 [B, h, w, 2] px of each. Returns [B, C, h, w]."""
    height, width = pictures.shape[-2:]
    scale = torch.tensor([2.0 / width, 2.0 / height], device=pictures.device)
    return F.grid_sample(pictures, positions * scale - 1, mode=mode, padding_mode="border", align_corners=False)
