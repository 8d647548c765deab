"""How calm a face is."""

from __future__ import annotations

import torch

from ..types import View
from .shape import head_space


def calmness(view: View) -> float:
    """1 for a resting face, towards 0 for an open mouth, a broad smile, narrowed or averted eyes."""
    points = head_space(view)[:, :2]
    apart = (points[33] - points[263]).norm()
    gap = (points[14] - points[13]).norm() / apart
    width = (points[61] - points[291]).norm() / apart
    smile = (points[[13, 14], 1].mean() - points[[61, 291], 1].mean()) / apart
    averted = torch.stack(
        [
            (points[iris] - points[[outer, inner]].mean(0)).norm() / (points[outer] - points[inner]).norm()
            for iris, outer, inner in ((468, 33, 133), (473, 263, 362))
        ]
    ).mean()
    restless = 3 * gap + 2 * (width - 0.56).clamp_min(0) + 2 * smile.clamp_min(0) + 2 * (averted - 0.06).clamp_min(0)
    return float(torch.exp(-2 * restless))
