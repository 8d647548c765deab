"""Light that stays in the room while the head turns: a smooth gain on the head, from one picture.

skin of the picture over the normals of its mesh  ->  ambient + directed light
gain = light on the turned normal / light on the normal at rest, within LIMIT of 1
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F

from ..geometry import face_regions as regions
from ..geometry.sampling import sample, sample_each
from .figure import Figure
from .tiles import Tiles, tile_map

LIMIT = 0.15
"""Most that the gain differs from 1: an estimate from one picture takes make-up, beards and vignettes for light."""
SMOOTH_CM = 1.0
"""Blur of the normals: a nose, not a nostril."""
MOST_DIRECTED = 0.8
"""Directed over ambient light at which the fit saturates."""
LEAST_FACING = 0.25
"""Cosine towards the camera from which skin counts."""
CLEAR_CM = 0.8
"""Distance from lips, brows and eyes from which skin is plain skin."""
ROUNDS = 8
LEAST_LIGHT = 0.3
"""Of the ambient light: what turns its back to the light is not black."""
CANONICAL_EYES = 8.9
"""cm between the outer corners of the eyes of the canonical face."""


@dataclass(frozen=True)
class Light:
    """normals: float32 [h, w, 3] on the nodes of the figure's field, picture axes. amount: float32 [h, w], how much of
    the gain a node takes; headroom: float32 [h, w], the same of a gain above 1, which ends towards white. own, room:
    float32 [3], directed over ambient light in the figure's picture and in the room; light comes from where they point
    to."""

    normals: torch.Tensor
    amount: torch.Tensor
    headroom: torch.Tensor
    own: torch.Tensor
    room: torch.Tensor


def with_light(figure: Figure, strength: float, room: torch.Tensor | None = None) -> Figure:
    """The figure, shaded as its head turns. strength: 0..1 of the gain.

    room: float32 [3], the light that stays; None = that of the figure's own picture.
    """
    field = figure.field
    unit = float((figure.landmarks[33, :2] - figure.landmarks[263, :2]).norm()) / CANONICAL_EYES
    depth = _blurred(field.depth, SMOOTH_CM * unit / field.step)
    down, across = torch.gradient(depth, spacing=float(field.step))
    normals = F.normalize(torch.stack([across, down, -torch.ones_like(depth)], -1), dim=-1)
    picture = figure.source[:3] + (1 - figure.source[3:]) * figure.plate
    own = _direction(figure, picture, normals, unit)
    amount = strength * field.head
    headroom = amount * (1 - sample(_blurred(picture.amax(0), 0.4 * unit)[None], field.nodes)[0].clamp(0, 1).square())
    return replace(figure, light=Light(normals, amount, headroom, own, own if room is None else room))


def _direction(figure: Figure, picture: torch.Tensor, normals: torch.Tensor, unit: float) -> torch.Tensor:
    """Fits brightness = ambient + directed . normal to the plain skin, without its outliers: directed / ambient."""
    points = figure.landmarks[:468, :2]
    special = [*regions.OUTER_LIP_UPPER, *regions.OUTER_LIP_LOWER, *regions.RIGHT_BROW, *regions.LEFT_BROW]
    special += [point for pair in regions.EYES for lid in pair for point in lid]
    normal = F.normalize(sample(normals.permute(2, 0, 1), points / figure.field.step + 0.5).T, dim=1)
    chosen = (-normal[:, 2] > LEAST_FACING) & (torch.cdist(points, points[special]).amin(1) > CLEAR_CM * unit)
    chosen &= figure.mesh_trust[:468] > 0.5
    if int(chosen.sum()) < 30:
        return torch.zeros(3)
    luma = _blurred((picture * picture.new_tensor([0.2126, 0.7152, 0.0722])[:, None, None]).sum(0), 0.4 * unit)
    bright = sample(luma[None], points)[0][chosen]
    bright = bright / bright.median().clamp_min(1e-3)
    known = F.pad(normal[chosen], (1, 0), value=1.0)
    # little skin looks far to the side: without the ridge, noise there becomes light
    ridge = torch.diag(known.new_tensor([0.0, 0.02, 0.02, 0.02])) * len(known)
    weight = torch.ones_like(bright)
    for _ in range(ROUNDS):
        weighted = known * weight[:, None]
        found = torch.linalg.solve(weighted.T @ known + ridge, weighted.T @ bright)
        error = (bright - known @ found).abs()
        weight = 1 / (1 + (error / (2 * error.median().clamp_min(0.01))).square())  # Cauchy's
    directed = found[1:] / found[0].clamp_min(0.2)
    return directed * (MOST_DIRECTED / directed.norm().clamp_min(MOST_DIRECTED))


def shading(figure: Figure, rotation: torch.Tensor, source: torch.Tensor, tiles: Tiles) -> torch.Tensor:
    """Gain of every pixel of the tiles, float32 [n, TILE, TILE]; 1 for a head that is not turned in its own light.

    rotation: float32 [B, 3, 3] relative to the picture. source: float32 [B, h, w, 2] px, the smooth map of the frames.
    """
    light = figure.light
    rest = 1 + light.normals @ light.own
    turned = 1 + (light.normals @ (light.room @ rotation)[:, None, :, None])[..., 0]
    gain = turned.clamp_min(LEAST_LIGHT) / rest.clamp_min(LEAST_LIGHT)
    change = LIMIT * torch.tanh((gain - 1) / LIMIT)
    gain = 1 + torch.where(change > 0, light.headroom, light.amount) * change
    coarse = sample_each(gain[:, None], source / figure.field.step + 0.5)[:, 0]
    return tile_map(torch.stack([coarse, coarse], -1), tiles)[..., 0]


def _blurred(plane: torch.Tensor, sigma: float) -> torch.Tensor:
    """A plane [h, w], blurred by a Gaussian of `sigma` cells."""
    reach = max(1, round(3 * sigma))
    steps = torch.arange(-reach, reach + 1, device=plane.device)
    kernel = torch.exp(-steps.square() / (2 * max(sigma, 0.1) ** 2))
    kernel = (kernel / kernel.sum())[None, None, :, None]
    for _ in range(2):  # one direction, then the other
        padded = F.pad(plane[None, None], (0, 0, reach, reach), mode="replicate")
        plane = F.conv2d(padded, kernel)[0, 0].T
    return plane.contiguous()
