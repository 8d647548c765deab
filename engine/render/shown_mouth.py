"""The inside of a mouth as a picture shows it: real teeth, lit as the picture is."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from ..geometry import face_regions as regions
from ..geometry.sampling import sample
from .eyes import polygon_mask

SHOWN_GAP = 0.12
"""Inner lip gap over mouth width from which a picture counts as showing the inside of the mouth."""
PARTING = 0.85
"""Share of the way from the upper to the lower lip at which what a picture shows changes from skull to jaw."""


@dataclass(frozen=True)
class ShownMouth:
    """An open mouth in a picture, in its own px.

    picture: float32 [3, h, w], a crop; mask: float32 [h, w], what lies between the lips; origin: float32 [2] px of its
    first pixel. centre: float32 [2], between the corners of the mouth; across: float32 [2], unit vector from corner 61
    to corner 291; half: half the mouth's width. parting: float32 [K, 2] u, v of the line above which the picture
    belongs to the upper jaw.
    """

    picture: torch.Tensor
    mask: torch.Tensor
    origin: torch.Tensor
    centre: torch.Tensor
    across: torch.Tensor
    half: float
    parting: torch.Tensor

    def over(self, colour: torch.Tensor, u: torch.Tensor, v: torch.Tensor, drop: torch.Tensor) -> torch.Tensor:
        """Lays what the picture shows over colours [3, n] at mouth coordinates u, v [n]. The upper part rides on the
        skull, the lowest part on the jaw. drop: float32 [n], how far the jaw is down, in half mouths."""
        down = torch.stack([-self.across[1], self.across[0]])
        parting = _between(self.parting, u)
        for offset, side in ((torch.zeros_like(drop), -1.0), (drop, 1.0)):
            own_v = v - offset
            place = self.centre - self.origin + self.half * (u[:, None] * self.across + own_v[:, None] * down)
            alpha = sample(self.mask[None], place)[0] * (side * (own_v - parting) / 0.04 + 0.5).clamp(0, 1)
            colour = colour + (sample(self.picture, place) - colour) * alpha[None]
        return colour


def shown_mouth(image: torch.Tensor, points: torch.Tensor) -> ShownMouth | None:
    """What a picture shows of its mouth, None when the lips are closed or hardly open.

    image: float32 [3, H, W]; points: float32 [478, 3] px.
    """
    right, left = points[list(regions.MOUTH_CORNERS), :2]
    width = max(float((left - right).norm()), 2.0)
    upper, lower = points[list(regions.INNER_LIP_UPPER), :2], points[list(regions.INNER_LIP_LOWER), :2]
    if open_gap(points) <= SHOWN_GAP:
        return None
    polygon = torch.cat([upper, lower[1:-1].flip(0)])
    low = (polygon.amin(0).floor() - 3).clamp_min(0)
    high = torch.minimum(polygon.amax(0).ceil() + 3, torch.tensor([image.shape[2], image.shape[1]]).float())
    x0, y0, x1, y1 = int(low[0]), int(low[1]), int(high[0]), int(high[1])
    if x1 - x0 < 4 or y1 - y0 < 4:
        return None
    mask = polygon_mask(polygon - low, y1 - y0, x1 - x0)
    mask = F.avg_pool2d(1 - F.max_pool2d(1 - mask[None, None], 3, 1, 1), 3, 1, 1)[0, 0]
    centre, across = (right + left) / 2, (left - right) / width
    down = torch.stack([-across[1], across[0]])
    # an open mouth in a picture mostly shows upper teeth: they end close above the lower lip
    line = (upper + PARTING * (lower - upper) - centre) / (width / 2)
    line = torch.stack([line @ across, line @ down], 1)
    crop = image[:, y0:y1, x0:x1].clone()
    return ShownMouth(crop, mask, low, centre, across, width / 2, line[line[:, 0].argsort()])


def open_gap(points: torch.Tensor) -> float:
    """Mean gap of the inner lips over the mouth's width, of a face [478, 3] px."""
    upper, lower = points[list(regions.INNER_LIP_UPPER), :2], points[list(regions.INNER_LIP_LOWER), :2]
    right, left = points[list(regions.MOUTH_CORNERS), :2]
    return float((lower - upper)[3:8].norm(dim=1).mean() / (left - right).norm().clamp_min(2.0))


def _between(line: torch.Tensor, u: torch.Tensor) -> torch.Tensor:
    """v of a line [K, 2] (u ascending, v) at u [n], ends held."""
    number = torch.bucketize(u, line[:, 0].contiguous()).clamp(1, len(line) - 1)
    a, b = line[number - 1], line[number]
    part = ((u - a[:, 0]) / (b[:, 0] - a[:, 0]).clamp_min(1e-6)).clamp(0, 1)
    return a[:, 1] + part * (b[:, 1] - a[:, 1])
