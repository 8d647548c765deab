"""The smooth part of the figure: how hair, ears, neck and shoulders move with the head.

Everything that depends on the character alone is computed once, on a coarse grid of nodes over its picture
(node (i, j) lies at pixel (j * step, i * step)); per frame a few small tensor operations remain.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from scipy.ndimage import distance_transform_edt, gaussian_filter

from ..geometry import face_regions as regions
from ..geometry.ease import ease
from ..geometry.fill import pull_push, solve_smooth
from ..geometry.pose import head_pose
from ..geometry.raster import rasterise
from ..geometry.sampling import sample, sample_each
from ..types import View

SKULL_CENTRE = (0.0, -2.5, 2.5)
SKULL_RADII = (8.8, 11.5, 10.5)
"""Ellipsoid around the canonical face, cm in head space: an adult skull with hair. Chosen by eye."""
DEPTH_BLUR_CM = 0.45
MAX_DEPTH_SLOPE = 2.0
"""Depth per distance of the smooth field: 1 / sin(30 degrees), so that turns up to there keep it one-to-one."""
INVERSION_STEPS = 8
CONTOUR_CM, CONTOUR_RIDGE = 2.0, 0.1


@dataclass(frozen=True)
class HeadField:
    """Forward motion of the picture plane, on nodes [h, w].

    step: px between nodes. nodes: float32 [h, w, 2] px. head: float32 [h, w], 1 where a node is bound to the skull.
    body: float32 [h, w], 1 where a node follows the shoulders, 0 where it is pinned. depth: float32 [h, w] px.
    jaw_weights: float32 [h * w, K], pull of the face contour's K points on every node.
    pivot: float32 [3] px, the origin of head space in the picture; the motion's shift is the shift of this point.
    reach: float32 [h, w], above 0 where the figure is, one node wider than its matte.
    """

    step: int
    nodes: torch.Tensor
    head: torch.Tensor
    body: torch.Tensor
    depth: torch.Tensor
    jaw_weights: torch.Tensor
    pivot: torch.Tensor
    reach: torch.Tensor

    def depth_at(self, points: torch.Tensor) -> torch.Tensor:
        """Depth px at places [n, 2] px of the picture: float32 [n]."""
        return sample(self.depth[None], points / self.step + 0.5)[0]

    def forward(self, rotation, scale, shift, torso, contour_delta) -> torch.Tensor:
        """Displacement of every node: float32 [B, h, w, 2] px.

        contour_delta: float32 [B, K, 3] expression of the face contour, px in picture axes.
        """
        h, w = self.head.shape
        batch = len(rotation)
        extension = (self.jaw_weights @ contour_delta.reshape(batch, -1, 3)).reshape(batch, h, w, 3)
        point = torch.cat([self.nodes, self.depth[..., None]], -1) - self.pivot
        moved = (point + extension) @ rotation.transpose(1, 2)[:, None]
        head = scale[:, None, None, None] * moved[..., :2] + self.pivot[:2] + shift[:, None, None] - self.nodes
        body = self.body[..., None] * torso[:, None, None]
        return body + self.head[..., None] * (head - body)


def invert(displacement: torch.Tensor, step: int, targets: torch.Tensor) -> torch.Tensor:
    """Where the pixels `targets` [B, h, w, 2] (px of the moved picture) come from: float32 [B, h, w, 2] px.

    Fixed-point iteration p <- q - d(p); it converges because the field is smooth (slope below one).
    """
    field = displacement.permute(0, 3, 1, 2).contiguous()
    source = targets
    for _ in range(INVERSION_STEPS):
        d = sample_each(field, source / step + 0.5).permute(0, 2, 3, 1)
        source = targets - d
    return source


def build_head_field(view: View, neutral: torch.Tensor, triangles: torch.Tensor) -> HeadField:
    """Weights, depth and jaw extension for one character picture."""
    height, width = view.image.shape[:2]
    step = max(2, round(max(height, width) / 160))
    h, w = height // step + 2, width // step + 2
    rows, columns = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
    nodes = torch.stack([columns, rows], -1).float() * step
    size, facing, place = (value[0] for value in head_pose(view.points[None], neutral))
    matte = _matte_on_nodes(view.matte, nodes)
    figure = matte > 0.4
    face_depth, face = _face_depth(view.points, triangles, step, h, w)
    skull = _skull(nodes, size, facing, place)
    head = _head_weights(view, nodes, figure | face, face, skull, size)
    depth = solve_smooth(face.numpy(), face_depth.numpy(), np.ones((h, w), bool), pull=0.02, toward=skull.depth.numpy())
    # a steep flank would fold when the head turns: the smooth field carries soft depth only
    depth = limit_slope(depth, MAX_DEPTH_SLOPE * step)
    depth = gaussian_filter(depth, DEPTH_BLUR_CM * float(size) / step, mode="nearest")
    return HeadField(
        step=step,
        nodes=nodes,
        head=head,
        body=_body_weights(view, nodes, figure),
        depth=torch.from_numpy(depth).float(),
        jaw_weights=_contour_weights(view.points, nodes, float(size)),
        pivot=place,
        reach=F.max_pool2d((matte > 0.01).float()[None, None], 3, 1, 1)[0, 0],
    )


def limit_slope(depth: np.ndarray, most: float) -> np.ndarray:
    """The deepest grid that is nowhere deeper than `depth` and rises by at most `most` per node."""
    out = depth.copy()
    steps = [(dy, dx, most * (dy * dy + dx * dx) ** 0.5) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if dy or dx]
    for _ in range(sum(depth.shape)):
        padded = np.pad(out, 1, mode="edge")
        h, w = depth.shape
        lower = np.min([padded[1 + dy : 1 + dy + h, 1 + dx : 1 + dx + w] + rise for dy, dx, rise in steps], axis=0)
        if not (lower < out - 1e-6).any():
            break
        out = np.minimum(out, lower)
    return out


def _matte_on_nodes(matte: torch.Tensor, nodes: torch.Tensor) -> torch.Tensor:
    return sample_each(matte[None, None], nodes[None])[0, 0]


def _face_depth(points, triangles, step, h, w):
    """Depth of the face mesh on the nodes and where it covers them."""
    vertices = points[None, :468, :2] / step + 0.5
    keep = torch.ones(1, len(triangles), dtype=torch.bool)
    hits = rasterise(vertices, points[None, :468, 2], triangles, keep, h, w)
    depth, face = torch.zeros(h * w), torch.zeros(h * w, dtype=torch.bool)
    depth[hits.pixel] = hits.interpolate(triangles, points[None, :468, 2:])[:, 0]
    face[hits.pixel] = True
    face, depth = face.reshape(h, w), depth.reshape(h, w)
    # the mesh has holes at the mouth and the eyes
    filled = pull_push(depth[None], face.float())[0]
    oval = _inside(points[list(regions.FACE_OVAL), :2] / step, h, w)
    return torch.where(face, depth, filled), face | oval


def _inside(polygon: torch.Tensor, h: int, w: int) -> torch.Tensor:
    """Nodes (at integer positions) inside a polygon [K, 2] given in nodes."""
    from PIL import Image, ImageDraw

    mask = Image.new("1", (w, h))
    ImageDraw.Draw(mask).polygon([tuple(p) for p in polygon.tolist()], fill=1)
    return torch.from_numpy(np.array(mask, dtype=bool))


@dataclass(frozen=True)
class _Skull:
    reach: torch.Tensor
    """Distance from the skull's centre in radii of its outline, per node: 1 on the outline."""
    depth: torch.Tensor


def _skull(nodes, size, facing, place) -> _Skull:
    """An ellipsoid head in the picture: its outline and the depth of its front."""
    axes = facing * torch.tensor(SKULL_RADII) * size  # columns: the ellipsoid's axes in px
    centre = place + size * facing @ torch.tensor(SKULL_CENTRE)
    shape = axes @ axes.T  # its silhouette is the ellipse d^T (shape_xy)^-1 d = 1
    d = nodes - centre[:2]
    reach = ((d @ torch.linalg.inv(shape[:2, :2])) * d).sum(-1).clamp_min(0)
    # mean depth of the cut of a line of sight through the ellipsoid, and half its length
    along = d @ torch.linalg.inv(shape[:2, :2]) @ shape[:2, 2]
    inverse = torch.linalg.inv(shape)
    half = ((1 - reach).clamp_min(0) / inverse[2, 2]).sqrt()
    inside = reach <= 1
    depth = centre[2] + torch.where(inside, along, along / reach.sqrt().clamp_min(1)) - half
    return _Skull(reach.sqrt(), depth)


def _head_weights(view, nodes, figure, face, skull, size) -> torch.Tensor:
    """1 on face and hair, falling along the neck to 0 at the shoulders (harmonic inside the figure)."""
    points = view.points
    chin, eye_line = float(points[regions.CHIN, 1]), float(points[[33, 263], 1].mean())
    length = float((points[regions.CHIN, :2] - points[regions.FOREHEAD_TOP, :2]).norm())
    shoulder = chin + 0.55 * length
    if view.body is not None and float(view.body[[11, 12], 3].amin()) > 0.5:
        shoulder = min(max(float(view.body[[11, 12], 1].mean()), chin + 0.3 * length), chin + 0.8 * length)
    y = nodes[..., 1]
    bound = face | (figure & (skull.reach < 1.02) & (y < chin)) | (figure & (skull.reach < 1.5) & (y < eye_line))
    free_of_head = figure & ((y > shoulder) | (skull.reach > 2.2)) & ~bound
    known = (bound | free_of_head).numpy()
    weight = solve_smooth(known, bound.double().numpy(), figure.numpy() | known)
    # beside the figure the nearest weight goes on: a moved head looks up places outside of its own outline
    nearest = distance_transform_edt(~(figure.numpy() | known), return_distances=False, return_indices=True)
    weight = gaussian_filter(weight[tuple(nearest)], 1.0, mode="nearest")
    return torch.from_numpy(weight).float().clamp(0, 1)


def _body_weights(view, nodes, figure) -> torch.Tensor:
    """1 from the shoulders up, falling to 0 where the figure ends below: feet and cut-off bodies stay put."""
    points = view.points
    length = float((points[regions.CHIN, :2] - points[regions.FOREHEAD_TOP, :2]).norm())
    top = float(points[regions.CHIN, 1]) + 0.5 * length
    rows = figure.any(1).nonzero()
    bottom = float(nodes[int(rows.max()), 0, 1]) if len(rows) else view.image.shape[0]
    return ease((bottom - nodes[..., 1]) / max(bottom - top, 1.0))


def _contour_weights(points, nodes, size) -> torch.Tensor:
    """Pull of each face contour point on each node: Gaussians of 2 cm that together move every contour point by exactly
    its own motion (radial basis functions; a weak ridge keeps neighbours from fighting)."""
    contour = points[list(regions.FACE_OVAL), :2] / size  # cm

    def basis(a: torch.Tensor) -> torch.Tensor:
        return torch.exp(-(torch.cdist(a, contour) / CONTOUR_CM).square())

    own = basis(contour)
    return basis(nodes.reshape(-1, 2) / size) @ torch.linalg.inv(own + CONTOUR_RIDGE * torch.eye(len(contour)))
