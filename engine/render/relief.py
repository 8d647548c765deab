"""Wrinkles on the character: the performer's relief as a gain on the skin."""

from __future__ import annotations

import torch

from ...models.face_topology import face_topology
from ..geometry.sampling import sample
from ..types import RELIEF_SIDE, MotionTrack

NOISE = 0.03
"""Logarithms of the gain below this are noise of the picture."""
LIMIT = 0.22
"""Largest logarithm of the gain."""
MOST_STRENGTH = 1.5
SHADE_TINT = (0.75, 1.05, 1.15)
"""How strongly shade acts on red, green and blue: light that has gone through skin is red."""


def relief_maps(track: MotionTrack, rest: torch.Tensor | None, strength: torch.Tensor) -> torch.Tensor:
    """Logarithm of the gain over the face mesh's uv: float16 [T, 96, 96]; [T, 0, 0] for a track without relief.

    rest: indices of the frames that look like the character's picture, None = the performer's resting face.
    strength: float32 [478, 1], factor at the face's points, counts up to MOST_STRENGTH.
    """
    amount = track.relief
    if not bool(strength.any()) or not bool(track.relief_basis.any()):
        return torch.zeros(len(track), 0, 0)
    if rest is not None:
        amount = amount - amount[rest].mean(0)
    maps = torch.einsum("tk,khw->thw", amount, track.relief_basis)
    maps = maps.sign() * (maps.abs() - NOISE).clamp_min(0) * _over_map(strength.clamp(max=MOST_STRENGTH))
    return (LIMIT * torch.tanh(maps / LIMIT)).half()


def _over_map(values: torch.Tensor) -> torch.Tensor:
    """Values at the face's points [478, 1], each texel of the map the nearest point's: float32 [96, 96]."""
    rows, columns = torch.meshgrid(torch.arange(RELIEF_SIDE), torch.arange(RELIEF_SIDE), indexing="ij")
    texels = torch.stack([columns, rows], -1).reshape(-1, 2) + 0.5
    nearest = torch.cdist(texels, face_topology().uv * RELIEF_SIDE).argmin(1)
    return values[nearest, 0].reshape(RELIEF_SIDE, RELIEF_SIDE)


def apply_relief(colour: torch.Tensor, log_gain: torch.Tensor) -> torch.Tensor:
    """Colours [3, n] lightened and darkened by a logarithm of the gain [n]. Skin in shade becomes redder, not greyer,
    and where the picture is burnt out there is nothing left to shade."""
    burnt = ((colour.amax(0) - 0.80) / 0.20).clamp(0, 1)
    tint = colour.new_tensor(SHADE_TINT)[:, None]
    return (colour * (tint * (log_gain * (1 - 0.75 * burnt))).exp()).clamp(0, 1)


def skin_gain(maps: torch.Tensor, triangles: torch.Tensor, hits, weight: torch.Tensor) -> torch.Tensor:
    """Logarithm of the gain at the mesh's hits: float32 [n]. maps: [B, S, S] of the drawn frames; weight: float32 [n],
    how far the mesh decides there."""
    side = maps.shape[-1]
    uv = face_topology().uv.to(weight) * side
    place = hits.interpolate(triangles, torch.cat([uv, uv.new_zeros(10, 2)]))
    place[:, 1] += hits.frame * side  # frames lie one below the other; their borders are empty
    return sample(maps.float().reshape(1, -1, side), place)[0] * weight
