"""The line of the lashes: what makes a closed eye read as closed.

The texture of a closing lid is taken from beside the eye's opening, so that no sliver of the eyeball is drawn as skin;
the dark line of the lashes is lost with it. It is drawn again along the lid, in the picture's own colour.
"""

from __future__ import annotations

import torch

from ..geometry import face_regions as regions
from .eyes import Eyeball

FADE_IN = (0.25, 0.65)
"""How far an eye is closed when its line begins to be drawn and when it is complete."""
WIDTH = 0.020
"""Of the line (one sigma) in eye widths."""
OUTLINE_SHARE = 0.25
"""The same where a thick outline is drawn along the lid, as a share of its thickness."""
STRENGTH = 0.75


def lash_cover(eye: Eyeball, number: int, points: torch.Tensor, closed: torch.Tensor, pixel, frame, distance):
    """How much of the lash colour covers each pixel [n], float32 0..1.

    points: float32 [B, 478, 3] face in output px; closed: float32 [B]; pixel: float32 [n, 2]; frame: int64 [n];
    distance: float32 [n] px to the upper lid of the pixel's frame.
    """
    outer, inner = (points[:, corner, :2] for corner in regions.EYE_CORNERS[number])
    across = outer - inner
    size = across.norm(dim=1).clamp_min(1e-6)
    along = ((pixel - inner[frame]) * across[frame]).sum(1) / size[frame].square()
    taper = ((along + 0.02) / 0.5).clamp(0, 1) * ((1.06 - along) / 0.12).clamp(0, 1)
    sigma = (max(WIDTH, OUTLINE_SHARE * eye.outline) * size).clamp_min(0.7)[frame]
    shown = ((closed - FADE_IN[0]) / (FADE_IN[1] - FADE_IN[0])).clamp(0, 1)[frame]
    return STRENGTH * shown * taper * torch.exp(-(distance / sigma).square() / 2)
