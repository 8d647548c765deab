"""The smooth step from 0 to 1."""

from __future__ import annotations

import torch


def ease(value: torch.Tensor, start: float = 0.0, full: float = 1.0) -> torch.Tensor:
    """0 up to `start`, 1 from `full` (which may be the smaller one), between them a curve level at both ends."""
    part = ((value - start) / (full - start)).clamp(0, 1)
    return part * part * (3 - 2 * part)
