"""A batched triangle rasteriser in plain torch: the same code on CPU and CUDA.

Triangles are sorted into buckets by the size of their bounding box, every pixel of a box is tested at once, and
the nearest hit per pixel is kept by one scatter over packed (depth, sample) keys.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F

_EMPTY = torch.iinfo(torch.int64).max
_DEPTH_BITS = 20


@dataclass(frozen=True)
class Hits:
    """The visible samples of B pictures.

    pixel: int64 [n], index into the flattened [B, H, W]. triangle: int64 [n]. frame: int64 [n].
    weights: float32 [n, 3], barycentric.
    """

    pixel: torch.Tensor
    triangle: torch.Tensor
    frame: torch.Tensor
    weights: torch.Tensor

    def interpolate(self, triangles: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        """Vertex values [V, C] or [B, V, C] at the hits: [n, C]."""
        corners = triangles.index_select(0, self.triangle)
        if values.ndim == 3:
            corners = corners + (self.frame * values.shape[1])[:, None]
            values = values.reshape(-1, values.shape[2])
        # a weighted sum of three rows: several times faster than gathering them
        return F.embedding_bag(corners, values, per_sample_weights=self.weights, mode="sum")


def rasterise(
    vertices: torch.Tensor, depth: torch.Tensor, triangles: torch.Tensor, keep: torch.Tensor, height: int, width: int
) -> Hits:
    """Visible samples of triangle meshes.

    vertices: float32 [B, V, 2] px (pixel centres at .5). depth: float32 [B, V], smaller is nearer.
    triangles: int64 [F, 3]. keep: bool [B, F]; others are not drawn.
    """
    device = vertices.device
    corner = vertices[:, triangles]  # [B, F, 3, 2]
    low = (corner.amin(2) - 0.5).ceil().clamp_min(0)
    high = (corner.amax(2) - 0.5).floor()
    high = torch.minimum(high, torch.tensor([width - 1.0, height - 1.0], device=device))
    extent = (high - low + 1).amax(-1)
    visible = keep & ((high - low) >= 0).all(-1)
    edge_1, edge_2 = corner[:, :, 1] - corner[:, :, 0], corner[:, :, 2] - corner[:, :, 0]
    area = edge_1[..., 0] * edge_2[..., 1] - edge_1[..., 1] * edge_2[..., 0]
    visible &= area.abs() > 1e-6
    depth_corner = depth[:, triangles]  # [B, F, 3]
    nearest, farthest = depth.min(), depth.max()
    to_key = (2**_DEPTH_BITS - 1) / (farthest - nearest).clamp_min(1e-6)

    triangles_per_frame = len(triangles)
    found: list[tuple[torch.Tensor, ...]] = []
    size = 4
    smaller = 0
    while bool((visible & (extent > smaller)).any()):
        frame, triangle = torch.nonzero(visible & (extent > smaller) & (extent <= size), as_tuple=True)
        if len(frame):
            found.append(_bucket(corner, area, low, high, frame, triangle, size, height, width))
        smaller, size = size, size * 2
    if not found:
        none = torch.zeros(0, dtype=torch.long, device=device)
        return Hits(none, none, none, torch.zeros(0, 3, device=device))
    pixel, triangle, frame, weights = (torch.cat(parts) for parts in zip(*found, strict=True))
    row = frame * triangles_per_frame + triangle
    z = (depth_corner.reshape(-1, 3).index_select(0, row) * weights).sum(1)
    key = ((z - nearest) * to_key).long().clamp_(0, 2**_DEPTH_BITS - 1) << 40
    key |= torch.arange(len(pixel), device=device)
    best = torch.full((len(vertices) * height * width,), _EMPTY, device=device)
    best.scatter_reduce_(0, pixel, key, "amin")
    winner = best[best != _EMPTY] & ((1 << 40) - 1)
    return Hits(*(part.index_select(0, winner) for part in (pixel, triangle, frame, weights)))


def _bucket(corner, area, low, high, frame, triangle, size, height, width):
    """All samples inside the triangles whose box is at most size x size."""
    step = torch.arange(size, device=corner.device, dtype=torch.float32)
    points, base = corner[frame, triangle], low[frame, triangle]
    x = base[:, 0, None] + step  # [n, size]
    y = base[:, 1, None] + step
    ax, ay = points[:, 0, 0, None], points[:, 0, 1, None]
    e1, e2 = points[:, 1] - points[:, 0], points[:, 2] - points[:, 0]
    inverse = 1 / area[frame, triangle]
    dx, dy = x + 0.5 - ax, y + 0.5 - ay
    # weight_1 = cross(d, e2) / area, weight_2 = cross(e1, d) / area; both are sums of an x and a y part
    w1 = (dx * (e2[:, 1] * inverse)[:, None])[:, None, :] - (dy * (e2[:, 0] * inverse)[:, None])[:, :, None]
    w2 = (dy * (e1[:, 0] * inverse)[:, None])[:, :, None] - (dx * (e1[:, 1] * inverse)[:, None])[:, None, :]
    slack = -1e-5
    top = high[frame, triangle]
    inside = (w1 >= slack) & (w2 >= slack) & (w1 + w2 <= 1 - slack)
    inside &= (x <= top[:, 0, None])[:, None, :] & (y <= top[:, 1, None])[:, :, None]
    hit = inside.view(-1).nonzero()[:, 0]
    n, cell = hit // (size * size), hit % (size * size)
    b1, b2 = w1.reshape(-1).index_select(0, hit), w2.reshape(-1).index_select(0, hit)
    start = (frame * height + base[:, 1].long()) * width + base[:, 0].long()
    steps = torch.arange(size, device=corner.device)
    pixel = start.index_select(0, n) + (steps[:, None] * width + steps).reshape(-1).index_select(0, cell)
    weights = torch.stack([1 - b1 - b2, b1, b2], 1)
    return pixel, triangle.index_select(0, n), frame.index_select(0, n), weights
