"""How well the pictures show the performer: light on the face, sharpness of the face or, without one, of the figure."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F

DARK, BRIGHT = 0.2, 0.85
"""Mean brightness of a face's skin: dark skin in good light is at about 0.25, light skin at 0.7."""
WHITE = 250
"""A colour whose three channels reach this has lost its detail, of 255."""
FACE_PX, FIGURE_PX = 160, 320
"""Height at which sharpness is measured: finer detail is not needed. Smaller ones are measured as they are."""
LEAST_PX = 24
TAPS = 9
"""Length of the mean that blurs for comparison (Crete-Roffet et al. 2007, "The blur effect")."""
SHARP, BLURRED = 0.6, 0.9
"""Blur effect of a sharp and of an unreadable face. Measured on faces of 10 clips: 0.39 to 0.64 as they are, 0.66 to
0.76 with a Gaussian of sigma 1 % of the face's height, 0.78 to 0.87 with 2 %, 0.88 to 0.93 with 4 %."""


@dataclass(frozen=True)
class Looks:
    """What was measured in the pictures, each float32 [T], 0..1. brightness, contrast: mean and spread of the face's
    colours; white: share of the face's skin that is burnt out; sharpness: 1 = sharp (or not measurable)."""

    brightness: torch.Tensor
    contrast: torch.Tensor
    white: torch.Tensor
    sharpness: torch.Tensor

    @staticmethod
    def joined(parts: list[Looks]) -> Looks:
        return Looks(*(torch.cat([getattr(part, name) for part in parts]) for name in Looks.__dataclass_fields__))


def read_looks(frames: torch.Tensor, skin: torch.Tensor, seen) -> Looks:
    """frames: uint8 [B, H, W, 3]; skin: uint8 [B, K, 3] of `occlusion.skin_colours`; seen: what was read in them
    (`performer.Seen`). The values of light are only meant for frames with a face."""
    grey = skin.float().mean(2) / 255
    white = (skin.amin(2) >= WHITE).float().mean(1)
    sharpness = torch.ones(len(frames))
    for i in range(len(frames)):
        if float(seen.face_seen[i]) > 0.5:
            sharpness[i] = sharpness_of(frames[i], seen.face[i, :468, :2], FACE_PX)
        elif bool(seen.body_read[i]):
            sharpness[i] = sharpness_of(frames[i], seen.body[i, seen.body[i, :, 3] > 0.5, :2], FIGURE_PX)
    return Looks(grey.mean(1), grey.std(1), white, sharpness)


def sharpness_of(frame: torch.Tensor, places: torch.Tensor, height: int) -> float:
    """0..1 of the box around places [N, 2] px in a frame uint8 [H, W, 3], seen `height` px high at most; 1 where the
    box is too small to tell."""
    if not len(places):
        return 1.0
    rows, columns = frame.shape[:2]
    x0, y0 = places.amin(0).floor().int().tolist()
    x1, y1 = places.amax(0).ceil().int().tolist()
    x0, y0, x1, y1 = max(x0, 0), max(y0, 0), min(x1, columns), min(y1, rows)
    if min(x1 - x0, y1 - y0) < LEAST_PX:
        return 1.0
    scale = min(1.0, height / (y1 - y0))
    stride = max(1, int(0.25 / scale))
    part = frame[y0:y1:stride, x0:x1:stride, 1].float()[None, None]
    if scale < 1:
        size = [max(LEAST_PX, round((end - start) * scale)) for start, end in ((y0, y1), (x0, x1))]
        part = F.interpolate(part, size=size, mode="bilinear", antialias=True, align_corners=False)
    blur = max(_blur_effect(part), _blur_effect(part.transpose(2, 3)))
    return min(1.0, max(0.0, (BLURRED - blur) / (BLURRED - SHARP)))


def _blur_effect(picture: torch.Tensor) -> float:
    """Share of the steps from row to row that a vertical mean leaves: 0 for noise, 1 for fog. picture: [1, 1, H, W]."""
    mean = F.avg_pool2d(picture, (TAPS, 1), 1)
    inner = picture[:, :, TAPS // 2 : picture.shape[2] - TAPS // 2]
    steps, left = inner.diff(dim=2).abs(), mean.diff(dim=2).abs()
    total = float(steps.sum())
    return 1 - float((steps - left).clamp_min(0).sum()) / total if total > 0 else 1.0


def exposure(looks: Looks) -> torch.Tensor:
    """How well a face is lit, float32 [T] 0..1: 1 between DARK and BRIGHT, falling to 0 at black and white, less by
    what is burnt out."""
    low, high = looks.brightness / DARK, (1 - looks.brightness) / (1 - BRIGHT)
    return torch.minimum(low, high).clamp(0, 1) * (1 - looks.white)
