"""How calm a face is, and whether something is at the head."""

from __future__ import annotations

import torch

from ..geometry.pose import canonical_face, head_pose, unpose
from ..types import View


def calmness(view: View) -> float:
    """1 for a resting face, towards 0 for an open mouth, a broad smile, narrowed or averted eyes."""
    points = unpose(view.points[None], *head_pose(view.points[None], canonical_face()))[0, :, :2]
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


def free_head(view: View) -> float:
    """0.4 when a hand is at the head (it would move with it), else 1."""
    if view.body is None:
        return 1.0
    face = view.points[:468, :2]
    low, high = face.amin(0), face.amax(0)
    hands = view.body[15:23]
    near = (hands[:, :2] - (low + high) / 2).norm(dim=1) < 1.1 * (high - low).max()
    return 0.4 if bool((near & (hands[:, 3] > 0.5)).any()) else 1.0
