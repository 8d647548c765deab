"""Normals of triangle meshes at their vertices."""

from __future__ import annotations

import torch


def vertex_normals(points: torch.Tensor, triangles: torch.Tensor) -> torch.Tensor:
    """Sum of the normals of the triangles around each vertex, each twice as long as its triangle's area is large:
    float32 [B, V, 3] for points [B, V, 3] and triangles int64 [F, 3]. Their side follows the winding."""
    corner = points[:, triangles]
    normal = torch.linalg.cross(corner[:, :, 1] - corner[:, :, 0], corner[:, :, 2] - corner[:, :, 0])
    return torch.zeros_like(points).index_add_(1, triangles.reshape(-1), normal.repeat_interleave(3, dim=1))
