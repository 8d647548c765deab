"""Interpretable expression coefficients and gaze, from un-posed face points.

Names are ARKit's where they mean the same; sides are the subject's. Each coefficient is a change from the neutral
face over a typical full range (cm on the canonical face), so 1 is a strong expression and values may exceed it.
"""

from __future__ import annotations

import torch

from ..geometry import face_regions as regions

NAMES = (
    "jawOpen",
    "mouthWide",
    "mouthPucker",
    "mouthSmileRight",
    "mouthSmileLeft",
    "mouthFrownRight",
    "mouthFrownLeft",
    "mouthPress",
    "browInnerUp",
    "browOuterUpRight",
    "browOuterUpLeft",
    "browDownRight",
    "browDownLeft",
    "eyeBlinkRight",
    "eyeBlinkLeft",
    "eyeWideRight",
    "eyeWideLeft",
    "cheekPuff",
)


def coefficients(shapes: torch.Tensor, neutral: torch.Tensor) -> torch.Tensor:
    """shapes: float32 [T, 478, 3] un-posed cm; neutral: [478, 3]. Returns float32 [T, len(NAMES)], >= 0."""
    delta = shapes - neutral

    def move(points, axis=1):
        return delta[:, list(points), axis].mean(1)

    def gap(points, upper, lower):
        return (points[..., list(lower), 1] - points[..., list(upper), 1]).mean(-1)

    width = (shapes[:, 61] - shapes[:, 291]).norm(dim=1) / (neutral[61] - neutral[291]).norm() - 1
    corner = [move([point]) - move([0, 17]) for point in regions.MOUTH_CORNERS]
    lip_height = (shapes[:, 17] - shapes[:, 0]).norm(dim=1) / (neutral[17] - neutral[0]).norm() - 1
    blink, wide = [], []
    for upper, lower in regions.EYES:
        opening = gap(shapes, upper[2:7], lower[2:7]) / gap(neutral, upper[2:7], lower[2:7]).clamp_min(0.1)
        blink.append((1 - opening) / 0.75)
        wide.append((opening - 1) / 0.5)
    inner, right, left = move([55, 285]), move([70, 63]), move([300, 293])
    values = [
        gap(shapes, (82, 13, 312), (87, 14, 317)) / 3.0,
        width / 0.3,
        -width / 0.3,
        -corner[0] / 0.9,
        -corner[1] / 0.9,
        corner[0] / 0.7,
        corner[1] / 0.7,
        -lip_height / 0.5,
        -inner / 0.8,
        -right / 0.8,
        -left / 0.8,
        (inner + right) / 1.0,
        (inner + left) / 1.0,
        blink[0],
        blink[1],
        wide[0],
        wide[1],
        (move([205], 0).neg() + move([425], 0)) / 0.8,
    ]
    return torch.stack(values, 1).clamp(0, 2)


def gaze(shapes: torch.Tensor, neutral: torch.Tensor) -> torch.Tensor:
    """Iris offset from the middle of the eye corners relative to neutral, in eye widths: float32 [T, 2, 2]
    (right eye, left eye; x right, y down). Held at zero while the lids are nearly closed."""
    out = []
    for (upper, lower), corners, iris in zip(regions.EYES, regions.EYE_CORNERS, regions.IRISES, strict=True):
        width = (neutral[corners[0]] - neutral[corners[1]]).norm()
        offset = shapes[:, iris[0], :2] - shapes[:, list(corners), :2].mean(1)
        rest = neutral[iris[0], :2] - neutral[list(corners), :2].mean(0)
        opening = (shapes[:, list(lower[2:7]), 1] - shapes[:, list(upper[2:7]), 1]).mean(1)
        usual = (neutral[list(lower[2:7]), 1] - neutral[list(upper[2:7]), 1]).mean().clamp_min(0.1)
        seen = ((opening / usual - 0.3) / 0.3).clamp(0, 1)[:, None]
        out.append((offset - rest) / width * seen)
    # eyes move together; the mean halves the noise and keeps them from drifting apart
    both = torch.stack(out, 1)
    return both * 0.3 + both.mean(1, keepdim=True) * 0.7
