"""The performer's neutral face and the anchor frame: everything that follows is relative to them."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ..geometry import face_regions as regions
from ..geometry.pose import angles, canonical_face, head_pose, unpose

NEUTRAL_SHARE = 0.1
"""The neutral face is the median of the calmest tenth of the frames, never frame 0."""


@dataclass(frozen=True)
class Neutral:
    """shape: float32 [478, 3] cm in head space. anchor: index of the calmest frame. energy: float32 [T]."""

    shape: torch.Tensor
    anchor: int
    energy: torch.Tensor


def find_neutral(points: torch.Tensor, known: torch.Tensor) -> Neutral:
    """points: float32 [T, 478, 3] px; known: bool [T], frames in which the face was seen."""
    scale, rotation, translation = head_pose(points, canonical_face())
    shapes = unpose(points, scale, rotation, translation)
    energy = expression_energy(shapes, angles(rotation))
    energy = torch.where(known, energy, energy.new_tensor(float("inf")))
    order = energy.argsort()
    count = max(1, min(int(known.sum()), round(NEUTRAL_SHARE * len(points)), 60))
    calm = order[:count]
    shape = shapes[calm].median(0).values
    return Neutral(shape, int(order[0]), energy)


def expression_energy(shapes: torch.Tensor, degrees: torch.Tensor) -> torch.Tensor:
    """How far each frame is from a resting face, cm-like units, float32 [T].

    An open mouth always counts; the other measures count by their distance from the clip's own habit, because
    faces rest with different brows and lids.
    """
    upper, lower = list(regions.INNER_LIP_UPPER[3:8]), list(regions.INNER_LIP_LOWER[3:8])
    mouth = (shapes[:, lower, 1] - shapes[:, upper, 1]).mean(1).clamp_min(0)
    width = (shapes[:, 61] - shapes[:, 291]).norm(dim=1)
    brow = shapes[:, [105, 334, 55, 285], 1].mean(1) - shapes[:, [33, 263, 133, 362], 1].mean(1)
    corner = shapes[:, [61, 291], 1].mean(1) - shapes[:, [13, 14], 1].mean(1)
    lids = torch.stack(
        [(shapes[:, list(low[3:6]), 1] - shapes[:, list(up[3:6]), 1]).mean(1) for up, low in regions.EYES]
    ).mean(0)
    usual_lids = torch.quantile(lids[:: max(1, len(lids) // 4000)], 0.65)
    energy = mouth + 2.0 * (lids - usual_lids).abs()
    for measure in (width, brow, corner):
        energy = energy + 0.7 * (measure - measure.median()).abs()
    usual = degrees.median(0).values
    return energy + ((degrees - usual).norm(dim=1) + 0.5 * degrees[:, :2].norm(dim=1)) / 60
