"""How large a drawn eye is, from its picture: what differs from the skin around it."""

from __future__ import annotations

import numpy as np
import torch

from ..geometry.sampling import sample

CELLS = 96
REACH = 0.48
"""How far around the middle of the eye is looked, in distances of the eyes: half way to the other one."""
UNLIKE_SKIN, LEAST_UNLIKE = 0.35, 0.10
"""How far from skin a colour is when it is eye: share of the largest difference, and at least."""
WIDTHS, HEIGHTS = (0.2, 0.9), (0.08, 0.9)
"""Sizes of eyes in distances of the eyes; other things that differ from skin are hair, shadows and glasses."""


def measure_eye(image: torch.Tensor, centre: torch.Tensor, across: torch.Tensor):
    """The opening of the eye around a point, or None where nothing like an eye is marked off from the skin.

    image: float32 [3, H, W]. centre: float32 [2] px. across: float32 [2] px from one eye to the other.
    ->  middle, float32 [2] px, and half width and half height, px, along `across` and perpendicular to it.
    """
    from scipy import ndimage

    down = torch.stack([-across[1], across[0]])
    steps = (torch.arange(CELLS) + 0.5) / CELLS * 2 * REACH - REACH
    grid = centre + steps[None, :, None] * across + steps[:, None, None] * down
    cheek = centre + torch.linspace(0.45, 0.7, 6)[:, None, None] * down
    cheek = cheek + torch.linspace(-0.15, 0.15, 5)[None, :, None] * across
    skin = sample(image, cheek).reshape(3, -1).median(1).values
    unlike = (sample(image, grid) - skin[:, None, None]).norm(dim=0).numpy()
    mask = unlike > max(LEAST_UNLIKE, UNLIKE_SKIN * float(np.quantile(unlike, 0.95)))
    mask = ndimage.binary_fill_holes(mask)
    middle = CELLS // 2
    cell = 2 * REACH / CELLS
    # what ties the eye to brow or hair is thinner than the eye
    for thin in (0, 1, 2, 4, 6):
        opened = ndimage.binary_opening(mask, iterations=thin) if thin else mask
        label, _ = ndimage.label(opened)
        number = label[middle, middle]
        if not number:
            return None
        rows, columns = np.nonzero(label == number)
        low, high = (columns.min(), rows.min()), (columns.max() + 1, rows.max() + 1)
        if min(low) == 0 or max(high) == CELLS:
            continue
        width, height = (high[0] - low[0]) * cell, (high[1] - low[1]) * cell
        if WIDTHS[0] <= width <= WIDTHS[1] and HEIGHTS[0] <= height <= HEIGHTS[1]:
            offset = [float(low[i] + high[i]) / 2 * cell - REACH for i in (0, 1)]
            size = float(across.norm())
            return centre + offset[0] * across + offset[1] * down, float(width) / 2 * size, float(height) / 2 * size
    return None


def measure_iris(image: torch.Tensor, middle: torch.Tensor, across: torch.Tensor, half: tuple[float, float]):
    """Centre float32 [2] px and radius px of the iris in an opening of half width and half height `half` px; without
    contrast a usual one. across: unit vector along the eye."""
    down = torch.stack([-across[1], across[0]])
    steps = torch.linspace(-1, 1, 41)
    x, y = torch.meshgrid(steps, steps, indexing="xy")
    inside = (x.square() + y.square() < 0.75**2).reshape(-1)
    places = (x[..., None] * half[0] * across + y[..., None] * half[1] * down).reshape(-1, 2)[inside]
    luma = torch.tensor([0.2126, 0.7152, 0.0722]) @ sample(image, (middle + places)[None])[:, 0]
    usual = min(0.42 * half[0], 0.9 * half[1])  # 11.7 mm of iris in 28 mm of opening
    dark, light = torch.quantile(luma, 0.05), torch.quantile(luma, 0.95)
    chosen = luma < (dark + light) / 2
    if float(light - dark) < 0.25 or not bool(chosen.any()):
        return middle, usual
    area = float(chosen.float().mean()) * np.pi * 0.75**2 * half[0] * half[1]
    radius = min(max(float(np.sqrt(area / np.pi)), 0.6 * usual), 0.8 * half[0])
    return middle + places[chosen].mean(0), radius
