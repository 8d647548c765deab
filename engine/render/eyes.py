"""Eyeballs: what lies behind the lids. The lid contour is the opening; the eyeball behind it is a picture of its
own in which the iris is complete and the white goes on under the lids, so that a blink does not squash the iris
and wide eyes show white instead of skin."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from ..geometry import face_regions as regions
from ..geometry.fill import pull_push
from ..geometry.sampling import sample

GAZE_LIMIT = 0.22
"""Share of the eye's width that the iris may travel; beyond, the white on that side would fold."""


@dataclass(frozen=True)
class Eyeball:
    """One eye of the character's picture.

    texture: float32 [3, h, w], its first pixel at `origin` (x, y) px of the picture. iris: centre x, y and radius px.
    corners: float32 [2, 2] outer and inner corner px. width: px between them.
    """

    texture: torch.Tensor
    origin: torch.Tensor
    iris: tuple[float, float, float]
    corners: torch.Tensor
    width: float

    def colour(self, positions: torch.Tensor, gaze: torch.Tensor) -> torch.Tensor:
        """Colours [3, n] at positions [n, 2] px of the unmoved eyeball, the iris shifted by gaze [n, 2] px."""
        limit = GAZE_LIMIT * self.width
        length = gaze.norm(dim=1, keepdim=True).clamp_min(1e-6)
        gaze = gaze * (limit * torch.tanh(length / limit) / length)
        centre = positions.new_tensor(self.iris[:2])
        radius = self.iris[2]
        away = (positions - gaze - centre).norm(dim=1, keepdim=True)
        outer = max(0.62 * self.width, 1.4 * radius)
        carried = ((outer - away) / (outer - 1.1 * radius)).clamp(0, 1)
        carried = carried * carried * (3 - 2 * carried)
        return sample(self.texture, positions - gaze * carried - self.origin, mode="bicubic").clamp(0, 1)


def build_eyeballs(image: torch.Tensor, points: torch.Tensor) -> tuple[Eyeball, Eyeball]:
    """image: float32 [3, H, W]; points: float32 [478, 3] px. Returns the right and the left eyeball."""
    return tuple(
        _build(image, points, lids, corners, iris)
        for lids, corners, iris in zip(regions.EYES, regions.EYE_CORNERS, regions.IRISES, strict=True)
    )


def _build(image, points, lids, corner_points, iris_points) -> Eyeball:
    upper, lower = lids
    polygon = points[list(upper) + list(lower[-2:0:-1]), :2]
    corners = points[list(corner_points), :2]
    width = max(float((corners[0] - corners[1]).norm()), 4.0)
    margin = 0.6 * width
    low = (polygon.amin(0) - margin).floor().clamp_min(0)
    high = torch.minimum((polygon.amax(0) + margin).ceil(), torch.tensor([image.shape[2], image.shape[1]]).float())
    x0, y0, x1, y1 = int(low[0]), int(low[1]), int(high[0]), int(high[1])
    crop = image[:, y0:y1, x0:x1]
    opening = _polygon_mask(polygon - low, y1 - y0, x1 - x0)
    thin = 1 if width < 40 else 2
    inside = 1 - F.max_pool2d(1 - opening[None, None], 2 * thin + 1, 1, thin)[0, 0]
    if float(inside.sum()) < 6:  # a closed or tiny eye: nothing to take the eyeball from
        inside = opening
    centre = points[iris_points[0], :2] - low
    radius = float((points[list(iris_points[1:]), :2] - points[iris_points[0], :2]).norm(dim=1).mean())
    texture = _complete(crop, inside, centre, radius) if float(inside.sum()) >= 1 else crop
    return Eyeball(texture, low, (float(centre[0] + x0), float(centre[1] + y0), radius), corners, width)


def _polygon_mask(polygon: torch.Tensor, height: int, width: int) -> torch.Tensor:
    from PIL import Image, ImageDraw

    mask = Image.new("L", (width, height))
    ImageDraw.Draw(mask).polygon([(float(x) - 0.5, float(y) - 0.5) for x, y in polygon], fill=255)
    return torch.from_numpy(np.asarray(mask).copy()).float() / 255


def _complete(crop, inside, centre, radius) -> torch.Tensor:
    """The eyeball: the visible part as it is; the iris completed by mirroring it up-down; the rest white."""
    height, width = inside.shape
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    grid = torch.stack([columns, rows], -1) + 0.5
    away = (grid - centre).norm(dim=-1)
    mirrored = torch.stack([grid[..., 0], 2 * centre[1] - grid[..., 1]], -1)
    mirror_colour, mirror_known = sample(crop, mirrored), sample(inside[None], mirrored)[0]
    iris = (away < radius).float()
    known = inside + (1 - inside) * iris * (mirror_known > 0.99)
    colour = crop * inside + mirror_colour * (1 - inside)
    in_iris = pull_push(colour, known * iris) if float((known * iris).sum()) > 0 else crop
    white = inside * (away > 1.1 * radius)
    if float(white.sum()) >= 4:
        around = pull_push(crop, (white > 0.99).float() if float((white > 0.99).sum()) >= 4 else white)
    else:
        around = in_iris
    edge = ((away - radius) / (0.12 * radius + 0.5)).clamp(0, 1)
    extended = in_iris * (1 - edge) + around * edge
    return crop * inside + extended * (1 - inside)
