"""Filling of unknown parts of pictures and grids."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F


def pull_push(values: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    """Smoothly fills unknown pixels from the known ones around them, coarse to fine.

    values: float32 [C, H, W]; known: float32 [H, W] 0..1. Known pixels (1) stay as they are.
    (The pull-push pyramid of Gortler et al. 1996, "The Lumigraph".)
    """
    value, weight = (values * known)[None], known[None, None].clone()
    stack = []
    while max(value.shape[-2:]) > 1:
        stack.append((value, weight))
        pad = (0, value.shape[-1] % 2, 0, value.shape[-2] % 2)
        total = F.avg_pool2d(F.pad(value, pad), 2)
        mass = F.avg_pool2d(F.pad(weight, pad), 2)
        weight = (mass * 4).clamp_max(1)
        value = total / mass.clamp_min(1e-8) * weight
    result = value / weight.clamp_min(1e-8)
    for value, weight in reversed(stack):
        coarse = F.interpolate(result, size=value.shape[-2:], mode="bilinear", align_corners=False)
        result = value + coarse * (1 - weight)
    return result[0]


def solve_smooth(
    known: np.ndarray, values: np.ndarray, domain: np.ndarray, pull: float = 0.0, toward: np.ndarray | None = None
) -> np.ndarray:
    """The smoothest grid that takes given values where `known`: Laplace's equation on the nodes of `domain`.

    known, domain: bool [h, w]; values, toward: float [h, w]; pull >= 0 draws free nodes to `toward` (screened
    Poisson). Nodes outside the domain are returned as 0. Borders of the domain are free (zero normal slope).
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.linalg import spsolve

    free = domain & ~known
    number = np.full(known.shape, -1)
    number[free] = np.arange(free.sum())
    out = np.where(known & domain, values, 0).astype(np.float64)
    if not free.any():
        return out
    rows, columns, data = [], [], []
    diagonal = np.full(known.shape, pull, dtype=np.float64)
    right = np.zeros(known.shape)
    if toward is not None:
        right += pull * toward
    h, w = known.shape
    for dy, dx in ((0, 1), (0, -1), (1, 0), (-1, 0)):
        here = (slice(max(0, -dy), h - max(0, dy)), slice(max(0, -dx), w - max(0, dx)))
        there = (slice(max(0, dy), h - max(0, -dy)), slice(max(0, dx), w - max(0, -dx)))
        joined = domain[here] & domain[there]
        diagonal[here] += joined
        both = joined & free[here] & free[there]
        rows.append(number[here][both])
        columns.append(number[there][both])
        data.append(np.full(both.sum(), -1.0))
        fixed = joined & free[here] & known[there]
        right[here] += np.where(fixed, values[there], 0)
    count = int(free.sum())
    rows.append(np.arange(count))
    columns.append(np.arange(count))
    data.append(diagonal[free] + 1e-9)
    matrix = coo_matrix((np.concatenate(data), (np.concatenate(rows), np.concatenate(columns))), (count, count))
    out[free] = spsolve(matrix.tocsc(), right[free])
    return out
