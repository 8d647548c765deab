"""Skin that would be turned over by its motion is relaxed until it is not."""

from __future__ import annotations

import torch

from . import face_regions as regions

LEAST_AREA = 0.05
"""Of a triangle, as a share of its area at rest."""
SMOOTHING_STEPS, PUSHING_STEPS = 6, 40
BLOCK = 512
"""Frames at a time."""


def unfold(delta: torch.Tensor, face: torch.Tensor, triangles: torch.Tensor, held: torch.Tensor | None = None) -> None:
    """Relaxes points whose triangles turned over, in place.

    They take the mean motion of their neighbours; what is still folded then is pushed open, triangle by triangle, by
    the least motion of its free corners (the projection of position based dynamics, Mueller et al. 2007).

    delta: float32 [T, 478, 3], motion of the face [478, 3] in its own unit. triangles: int64 [F, 3].
    held: bool [478], points that stay; None = lids and lips, whose contacts are exact.
    """
    if held is None:
        held = contact_points()
    rest = _area(face[triangles][:, :, :2])
    sign = rest.sum().sign()
    sound = rest * sign > 0  # a few slivers lie upside down in a landmark network's own faces
    triangles, rest = triangles[sound], rest[sound]
    least = LEAST_AREA * rest.abs()
    neighbours = torch.zeros(len(face), len(face))
    for a, b in ((0, 1), (1, 2), (2, 0)):
        neighbours[triangles[:, a], triangles[:, b]] = 1
        neighbours[triangles[:, b], triangles[:, a]] = 1
    neighbours = neighbours / neighbours.sum(1, keepdim=True).clamp_min(1)
    row_ends = torch.zeros(len(face), dtype=torch.bool)
    row_ends[[end for row in (*regions.LIP_UPPER_ROWS, *regions.LIP_LOWER_ROWS) for end in (row[0], row[-1])]] = True
    for part in delta.split(BLOCK):  # views: memory does not grow with the clip
        _unfold(part, face, triangles, least, sign, neighbours, held, row_ends)


def _unfold(delta, face, triangles, least, sign, neighbours, held, row_ends) -> None:
    frames = torch.arange(len(delta))
    for step in range(SMOOTHING_STEPS + PUSHING_STEPS):
        area = _area((face + delta[frames])[:, triangles][..., :2]) * sign
        folded = area < least
        still = folded.any(1)
        frames, area, folded = frames[still], area[still], folded[still]
        if not len(frames):
            return
        if step < SMOOTHING_STEPS:
            _follow_neighbours(delta, frames, folded, triangles, neighbours, held | row_ends)
        else:
            _push_open(delta, frames, (2 * least - area) * folded, face, triangles, sign, held)


def contact_points() -> torch.Tensor:
    """Lids, inner lips and corners of the mouth: bool [478]."""
    held = torch.zeros(478, dtype=torch.bool)
    held[list(regions.INNER_LIP_UPPER + regions.INNER_LIP_LOWER + regions.MOUTH_CORNERS)] = True
    held[[point for upper, lower in regions.EYES for point in upper + lower]] = True
    return held


def _follow_neighbours(delta, frames, folded, triangles, neighbours, held) -> None:
    hit = torch.zeros(len(frames), delta.shape[1], dtype=torch.bool)
    rows, which = folded.nonzero(as_tuple=True)
    hit[rows[:, None], triangles[which]] = True
    hit &= ~held
    delta[frames] = torch.where(hit[..., None], neighbours @ delta[frames], delta[frames])


def _push_open(delta, frames, lacking, face, triangles, sign, held) -> None:
    """lacking: float32 [n, F], the area that each folded triangle lacks, 0 for the others."""
    corner = (face + delta[frames])[:, triangles][..., :2]  # [n, F, 3, 2]
    opposite = corner[:, :, [1, 2, 0]] - corner[:, :, [2, 0, 1]]
    gradient = torch.stack([opposite[..., 1], -opposite[..., 0]], -1) * sign  # of the area, for each corner
    gradient = gradient * (~held[triangles])[None, :, :, None]
    steepness = gradient.square().sum((2, 3)).clamp_min(1e-6)
    push = (lacking / steepness)[:, :, None, None] * gradient
    total = torch.zeros(len(frames), delta.shape[1], 2)
    count = torch.zeros(len(frames), delta.shape[1], 1)
    total.index_add_(1, triangles.reshape(-1), push.flatten(1, 2))
    count.index_add_(1, triangles.reshape(-1), (lacking > 0).float().repeat_interleave(3, 1)[..., None])
    step = total / count.clamp_min(1)
    longest = 0.3 * face[list(regions.EYE_CORNERS[0])][:, :2].diff(dim=0).norm()  # a sliver has no sound gradient
    length = step.norm(dim=2, keepdim=True).clamp_min(1e-9)
    delta[frames, :, :2] += step * (longest / length).clamp(max=1)


def _area(corner: torch.Tensor) -> torch.Tensor:
    """Twice the signed area of triangles [..., 3, 2]."""
    e1, e2 = corner[..., 1, :] - corner[..., 0, :], corner[..., 2, :] - corner[..., 0, :]
    return e1[..., 0] * e2[..., 1] - e1[..., 1] * e2[..., 0]
