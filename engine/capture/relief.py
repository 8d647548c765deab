"""Wrinkles: how the performer's skin becomes lighter and darker as it folds and bulges.

The skin of every frame is unwrapped to a small map over the face mesh (its uv). What is local in the logarithm of its
brightness, against the performer's resting frames, is the relief of the expression; light that falls on the whole face
differently cancels, and so does everything that sits still on the skin. A character whose skin is multiplied by it
wrinkles as the performer does (the idea of ratio images: Liu, Shan and Zhang 2001, "Expressive expression mapping with
ratio images").
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import torch
import torch.nn.functional as F

from ...models.face_topology import face_topology
from ..geometry import face_regions as regions
from ..geometry.normals import vertex_normals
from ..geometry.pose import canonical_face, head_pose, unpose
from ..geometry.raster import rasterise
from ..geometry.series import smooth
from ..types import RELIEF_MAPS, RELIEF_SIDE, MotionTrack
from .cuts import per_shot

SIDE = RELIEF_SIDE
FINE, COARSE = 1.0, 6.0
"""Sigma in texels of the noise that is taken out and of the light that is not relief."""
MARKS_SIGMA, MARKED = 3.0, 0.13
"""Neighbourhood in texels and mean detail of the resting skin at which half of the relief counts."""
DARK, LEAST_VISIBLE = 8, 0.6
"""Mean brightness (of 255) and visible share of a face from which its skin tells something."""
MOST_RESTING, MOST_FRAMES = 15, 900
FACING = (0.30, 0.55)
WINDOW_S = 0.2


@dataclass(frozen=True)
class _Skin:
    """The texels of the map that are skin. index: int64 [n] of [SIDE * SIDE]; corners: int64 [n, 3] and weights:
    float32 [n, 3] on the mesh; trust: float32 [n], 0 at eyes, lips, brows, nostrils and the contour; normal: float32
    [n, 3] of the canonical face; below_lips: float32 [n] cm under the lower lip, large elsewhere."""

    index: torch.Tensor
    corners: torch.Tensor
    weights: torch.Tensor
    trust: torch.Tensor
    normal: torch.Tensor
    below_lips: torch.Tensor


@cache
def _skin() -> _Skin:
    topology = face_topology()
    triangles = regions.open_skin()
    uv = topology.uv * SIDE
    keep = torch.ones(1, len(triangles), dtype=torch.bool)
    hits = rasterise(uv[None], torch.zeros(1, len(uv)), triangles, keep, SIDE, SIDE)
    corners, weights = triangles[hits.triangle], hits.weights
    face = canonical_face()[:468]
    place = (face[corners] * weights[..., None]).sum(1)
    normal = vertex_normals(face[None], triangles)[0]
    normal = F.normalize((normal[corners] * weights[..., None]).sum(1), dim=1)
    normal = normal * -normal[:, 2].mean().sign()
    trust = torch.ones(len(place))
    for points, near, far in (
        ([p for eye in regions.EYES for line in eye for p in line], 0.25, 0.7),
        (regions.RIGHT_BROW + regions.LEFT_BROW, 0.3, 0.8),
        (regions.OUTER_LIP_UPPER + regions.OUTER_LIP_LOWER + (13, 14, 81, 311, 178, 402), 0.35, 0.8),
        ((48, 278, 98, 327, 2, 64, 294), 0.4, 0.8),
    ):
        distance = torch.cdist(place[:, :2], face[list(points), :2]).amin(1)
        trust *= ((distance - near) / (far - near)).clamp(0, 1)
    distance = torch.cdist(place[:, :2], face[list(regions.FACE_OVAL), :2]).amin(1)
    trust *= ((distance - 0.4) / 1.2).clamp(0, 1)
    lip = torch.cdist(place[:, :2], face[list(regions.OUTER_LIP_LOWER), :2]).amin(1)
    below = torch.where(place[:, 1] > face[list(regions.MOUTH_CORNERS), 1].mean(), lip, 99.0)
    return _Skin(hits.pixel, corners, weights, trust, normal, below)


def read_skin(frames: torch.Tensor, face: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
    """Brightness of the skin unwrapped: uint8 [B, n], the n texels of the map that are skin, 0 without a face.

    frames: uint8 [B, H, W, 3]; face: float32 [B, 478, 3] px; seen: float32 [B] presence.
    """
    skin = _skin()
    out = torch.zeros(len(frames), len(skin.index), dtype=torch.uint8)
    for number in (seen > 0.5).nonzero()[:, 0].tolist():
        points = face[number, :468, :2]
        (x0, y0), (x1, y1) = points.amin(0).floor().int().tolist(), points.amax(0).ceil().int().tolist()
        x0, y0, x1, y1 = max(0, x0 - 2), max(0, y0 - 2), min(frames.shape[2], x1 + 2), min(frames.shape[1], y1 + 2)
        if min(x1 - x0, y1 - y0) < SIDE // 2:
            continue
        part = frames[number, y0:y1, x0:x1, 1].float()[None, None]
        shrink = max(1, (y1 - y0) // SIDE)
        part = F.avg_pool2d(part, shrink, ceil_mode=True, count_include_pad=False)
        place = (points[skin.corners] * skin.weights[..., None]).sum(1) - torch.tensor([x0, y0])
        size = torch.tensor([part.shape[3], part.shape[2]])
        grid = (place / shrink / size * 2 - 1)[None, None]
        out[number] = F.grid_sample(part, grid, align_corners=False, padding_mode="border")[0, 0, 0].round().byte()
    return out


def relief(
    brightness, rotation, shapes, neutral, visible, rate: float, cuts: tuple[int, ...] = ()
) -> tuple[torch.Tensor, torch.Tensor]:
    """The relief of every frame against rest, as amounts float32 [T, 16] of maps float32 [16, SIDE, SIDE].

    The sum of the maps is a logarithm of brightness. brightness: uint8 [T, n] of `read_skin`; rotation: float32
    [T, 3, 3]; shapes: float32 [T, 478, 3] cm un-posed; neutral: float32 [478, 3]; visible: float32 [T], how much of
    the face is not hidden.
    """
    skin = _skin()
    count = len(brightness)
    rows = ((brightness.float().mean(1) > DARK) & (visible > LEAST_VISIBLE)).nonzero()[:, 0]
    if len(rows) < 3:
        return torch.zeros(count, RELIEF_MAPS), torch.zeros(RELIEF_MAPS, SIDE, SIDE)
    change = torch.zeros(count, SIDE * SIDE)
    for some in rows.split(64):
        change[some] = _detail(brightness[some])
    distance = (shapes - neutral)[:, :468, :2].norm(dim=2).mean(1) + 2 * (1 - rotation[:, 2, 2])
    resting = rows[distance[rows].argsort()][: max(1, min(MOST_RESTING, len(rows) // 4))]
    rest = change[resting].mean(0)
    change[rows] = (change[rows] - rest) * _plain(rest)
    change[:, skin.index] *= _trust(rotation, shapes)
    basis = _principal(change[rows])
    amount = change @ basis.T
    return per_shot(lambda part: smooth(part, rate, WINDOW_S), cuts, amount), basis.view(-1, SIDE, SIDE)


def _plain(rest: torch.Tensor) -> torch.Tensor:
    """1 where the resting skin is plain, towards 0 where it has marks of its own, such as a beard or glasses: they
    slide and are no folds. rest: float32 [SIDE * SIDE], mean detail of the resting frames."""
    marks = _blur(rest.abs().view(1, 1, SIDE, SIDE), MARKS_SIGMA).flatten()
    return 1 / (1 + (marks / MARKED).pow(4))


def _principal(change: torch.Tensor) -> torch.Tensor:
    """The maps that carry most of the change [n, SIDE * SIDE]: float32 [16, SIDE * SIDE], orthonormal or 0. Of a long
    clip evenly spaced frames decide."""
    some = change[:: -(-len(change) // MOST_FRAMES)].double()
    strength, mix = torch.linalg.eigh(some @ some.T)
    basis = torch.zeros(RELIEF_MAPS, change.shape[1])
    for number, column in enumerate(range(len(some) - 1, max(-1, len(some) - 1 - RELIEF_MAPS), -1)):
        if strength[column] > 1e-9:
            basis[number] = (mix[:, column] @ some / strength[column].sqrt()).float()
    return basis


def with_relief(track: MotionTrack, brightness: torch.Tensor) -> MotionTrack:
    """The track with the relief that `read_skin` saw in its frames."""
    shapes = unpose(track.face_points, *head_pose(track.face_points, track.neutral))
    visible = track.face_visibility.mean(1)
    amount, basis = relief(
        brightness, track.rotation, shapes, track.neutral, visible, float(track.frame_rate), track.cuts
    )
    return replace(track, relief=amount, relief_basis=basis)


def _detail(brightness: torch.Tensor) -> torch.Tensor:
    """What is local in the logarithm of the brightness: uint8 [B, n] -> float32 [B, SIDE * SIDE]."""
    skin = _skin()
    mask = torch.zeros(SIDE * SIDE)
    mask[skin.index] = (skin.trust > 0).float()
    level = torch.zeros(len(brightness), SIDE * SIDE)
    level[:, skin.index] = (brightness.float() + 4).log()
    level, mask = (level * mask).view(-1, 1, SIDE, SIDE), mask.view(1, 1, SIDE, SIDE)
    fine, coarse = (_blur(level, sigma) / _blur(mask, sigma).clamp_min(1e-3) for sigma in (FINE, COARSE))
    return ((fine - coarse) * mask).flatten(1)


def _trust(rotation: torch.Tensor, shapes: torch.Tensor) -> torch.Tensor:
    """How far each texel is skin that the camera sees: float32 [T, n]."""
    skin = _skin()
    facing = -(skin.normal @ rotation.transpose(1, 2))[..., 2]
    facing = ((facing - FACING[0]) / (FACING[1] - FACING[0])).clamp(0, 1)
    # below a wide open mouth the base mesh lags behind and lies over the mouth itself
    gap = (shapes[:, 14, 1] - shapes[:, 13, 1]).clamp_min(0)[:, None]
    lips = ((skin.below_lips - 0.35 - 0.5 * gap) / (0.45 + 0.2 * gap)).clamp(0, 1)
    return skin.trust * facing * lips


def _blur(pictures: torch.Tensor, sigma: float) -> torch.Tensor:
    """Gaussian blur of [B, 1, h, w], zeros outside."""
    radius = int(3 * sigma + 0.5)
    x = torch.arange(-radius, radius + 1).float()
    kernel = torch.exp(-(x / sigma).square() / 2)
    kernel = kernel / kernel.sum()
    out = F.conv2d(pictures, kernel.view(1, 1, 1, -1), padding=(0, radius))
    return F.conv2d(out, kernel.view(1, 1, -1, 1), padding=(radius, 0))
