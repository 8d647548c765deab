"""Eyeballs: what lies behind the lids. The lid contour is the opening; the eyeball behind it is a picture of its
own in which the iris is complete and the white goes on under the lids, so that a blink does not squash the iris
and wide eyes show white instead of skin."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from ..geometry import face_regions as regions
from ..geometry.face_rig import CREASE
from ..geometry.fill import pull_push
from ..geometry.sampling import sample

GAZE_LIMIT = 0.22
"""Share of the eye's width that the iris may travel; beyond, the white on that side would fold."""
UPPER_MARGIN, LOWER_MARGIN = (0.02, 0.10), (0.05, 0.16)
"""Least and largest margin beside the upper and the lower lid, in eye widths."""
MARGIN_PX = 1.0
"""Added to it: a contour is soft by about a pixel, which a closing lid stretches to a line."""
MARGIN_REACH = 0.18
OUTLINE_REACH, OUTLINE_DARK, LIKE_SKIN = 0.40, 0.35, 0.30
"""A drawn outline along the upper lid: most thickness in eye widths, most brightness against the cheek under the eye,
and colour difference from the cheek up to which what lies beyond it is skin."""
MARGIN_SHARE = 0.35
"""How far from skin a colour beside the eye is, as a share of the largest difference, when it is still eye."""


@dataclass(frozen=True)
class Eyeball:
    """One eye of the character's picture.

    texture: float32 [3, h, w], its first pixel at `origin` (x, y) px of the picture. iris: centre x, y and radius px.
    corners: float32 [2, 2] outer and inner corner px. width: px between them.
    lash: float32 [3], colour of the line of the lashes along the upper lid; outline: its thickness in eye widths, 0
    where there is no thick one. margins: float32 [3, 7, 2] px, from the inner points of the upper lid, of the lower lid
    and of the fold above it outwards, as far as the picture still shows eye, lashes or outline.
    """

    texture: torch.Tensor
    origin: torch.Tensor
    iris: tuple[float, float, float]
    corners: torch.Tensor
    width: float
    lash: torch.Tensor
    outline: float
    margins: torch.Tensor

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
        _build(image, points, number, lids, corners, iris)
        for number, (lids, corners, iris) in enumerate(
            zip(regions.EYES, regions.EYE_CORNERS, regions.IRISES, strict=True)
        )
    )


def _build(image, points, number, lids, corner_points, iris_points) -> Eyeball:
    upper, lower = lids
    polygon = points[list(upper) + list(lower[-2:0:-1]), :2]
    corners = points[list(corner_points), :2]
    width = max(float((corners[0] - corners[1]).norm()), 4.0)
    margin = 0.6 * width
    low = (polygon.amin(0) - margin).floor().clamp_min(0)
    high = torch.minimum((polygon.amax(0) + margin).ceil(), torch.tensor([image.shape[2], image.shape[1]]).float())
    x0, y0, x1, y1 = int(low[0]), int(low[1]), int(high[0]), int(high[1])
    crop = image[:, y0:y1, x0:x1]
    opening = polygon_mask(polygon - low, y1 - y0, x1 - x0)
    thin = 1 if width < 40 else 2
    inside = 1 - F.max_pool2d(1 - opening[None, None], 2 * thin + 1, 1, thin)[0, 0]
    if float(inside.sum()) < 6:  # a closed or tiny eye: nothing to take the eyeball from
        inside = opening
    centre = points[iris_points[0], :2] - low
    radius = float((points[list(iris_points[1:]), :2] - points[iris_points[0], :2]).norm(dim=1).mean())
    texture = _complete(crop, inside, centre, radius) if float(inside.sum()) >= 1 else crop
    iris = (float(centre[0] + x0), float(centre[1] + y0), radius)
    outline = _outline(image, points[list(upper), :2], corners, width)
    above = _margins(image, points[list(upper), :2], corners, width, UPPER_MARGIN, outline)
    below = _margins(image, points[list(lower), :2], corners, width, LOWER_MARGIN)
    fold = torch.zeros_like(above)
    if bool(outline.any()):
        fold = _clear_of(points[list(CREASE[number]), :2] - points[list(upper[1:-1]), :2], above)
    margins = torch.stack([above, below, fold])
    lash = _lash_colour(image, points[list(upper), :2], width)
    return Eyeball(texture, low, iris, corners, width, lash, float(outline.max()), margins)


def _outward(lid: torch.Tensor, corners: torch.Tensor) -> torch.Tensor:
    """Unit vectors away from the eye at the inner points of a lid's contour [K, 2]: [K - 2, 2]."""
    tangent = lid[2:] - lid[:-2]
    outward = torch.stack([-tangent[:, 1], tangent[:, 0]], 1)
    outward = outward / outward.norm(dim=1, keepdim=True).clamp_min(1e-6)
    away_from_eye = ((lid[1:-1] - corners.mean(0)) * outward).sum(1, keepdim=True)
    return outward * torch.where(away_from_eye < 0, -1.0, 1.0)


def _outline(image, lid, corners, width) -> torch.Tensor:
    """Thickness of a thick dark line drawn along the upper lid at its inner points, in eye widths, float32 [K - 2]; 0
    where there is none: dark against the cheek from the lid on without a break, and the cheek's colour beyond it."""
    luma = torch.tensor([0.2126, 0.7152, 0.0722])
    down = torch.stack([-(corners[1] - corners[0])[1], (corners[1] - corners[0])[0]])
    cheek = corners.mean(0) + down * down[1].sign() * torch.linspace(0.7, 1.0, 4)[:, None]
    skin = sample(image, cheek[None])[:, 0].median(1).values
    steps = torch.arange(0.0, OUTLINE_REACH + 0.12, 0.01)
    places = lid[1:-1, None] + width * steps[None, :, None] * _outward(lid, corners)[:, None]
    line = sample(image, places)
    found = torch.zeros(len(places))
    for number in range(len(places)):
        dark = luma @ line[:, number] < OUTLINE_DARK * (skin @ luma)
        begin = int(dark[:6].float().argmax())  # the lid's point may lie a little inside
        if not bool(dark[begin]) or bool(dark[begin:].all()):
            continue
        end = begin + int((~dark[begin:]).float().argmax())
        beyond = (line[:, number, end : end + 10] - skin[:, None]).norm(dim=0)
        if end * 0.01 <= OUTLINE_REACH and float(beyond.min()) < LIKE_SKIN:
            found[number] = end * 0.01
    # most of a lid has an outline, or none of it: a shadow or a strand of hair is not one
    thick = int((found > UPPER_MARGIN[1]).sum())
    thickness = float(found.median()) if thick > len(found) // 2 else 0.0
    # beside the corners outwards is sideways, into lashes and hair
    return thickness * torch.tensor([0.0, 0.7, 1.0, 1.0, 1.0, 0.7, 0.0])


def _clear_of(offset: torch.Tensor, margin: torch.Tensor) -> torch.Tensor:
    """How far the fold above a lid moves so that it stays outside of the lid's margin: [7, 2] px.

    offset: float32 [7, 2] px from the lid to its fold; margin: the lid's own way outwards."""
    length = margin.norm(dim=1, keepdim=True).clamp_min(1e-6)
    out = margin / length
    away = (offset * out).sum(1, keepdim=True)
    way = out * (1.2 * length - away).clamp_min(0)
    way[[0, -1]] = 0  # beside the corners of the eye there is no fold
    return way


def _margins(image, lid, corners, width, limits, outline=None) -> torch.Tensor:
    """From the inner points of a lid's contour [K, 2] outwards to where the picture has become skin: [K - 2, 2] px.

    The contour of a landmark network runs along the lid of a photograph; drawn eyes are larger than it, and lashes and
    outlines lie outside of it. Skin is what is found at the farthest place looked at.
    """
    outward = _outward(lid, corners)
    steps = torch.arange(0.0, MARGIN_REACH + 0.03, 0.01)
    places = lid[1:-1, None] + width * steps[None, :, None] * outward[:, None]
    profile = sample(image, places)  # [3, K - 2, steps]
    away = (profile - profile[..., -3:].mean(-1, keepdim=True)).norm(dim=0)
    marked = away > (MARGIN_SHARE * away.amax(1, keepdim=True)).clamp_min(0.08)
    reach = torch.where(marked, steps, 0.0).amax(1)  # the last place that is not skin yet
    # a single lash or a strand of hair does not make a margin: the median of three neighbours, then of the lid
    three = torch.stack([reach[[0, *range(len(reach) - 1)]], reach, reach[[*range(1, len(reach)), -1]]])
    reach = torch.maximum(three.median(0).values, torch.quantile(reach, 0.6)).clamp(*limits)
    if outline is not None:
        reach = torch.maximum(reach, 1.1 * outline)
    return (reach[:, None] * width + MARGIN_PX) * outward


def _lash_colour(image: torch.Tensor, lid: torch.Tensor, width: float) -> torch.Tensor:
    """The darker half of the picture in a narrow band along the upper lid [K, 2]: float32 [3]."""
    offsets = torch.tensor([-0.06, -0.03, 0.0, 0.02]) * width
    band = lid[:, None].expand(-1, len(offsets), -1).clone()
    band[..., 1] += offsets
    colours = sample(image, band).reshape(3, -1)
    order = colours.mean(0).argsort()
    return colours[:, order[: max(1, len(order) // 3)]].mean(1)


def polygon_mask(polygon: torch.Tensor, height: int, width: int) -> torch.Tensor:
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
