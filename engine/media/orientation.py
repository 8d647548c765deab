"""The display matrix that phones write: how a stored picture is turned for the viewer."""

from __future__ import annotations

import struct

import numpy as np


def of_frame(frame) -> tuple[int, bool]:
    """(degrees clockwise, mirrored) to show a decoded frame upright: mirror left-right first, then turn.

    The matrix maps a stored point (p, q) to x = a p + c q, y = b p + d q (y down); only quarter turns count.
    """
    for data in frame.side_data:
        if "DISPLAYMATRIX" in str(data.type):
            a, b, _, c, d = struct.unpack("=5i", bytes(data)[:20])
            mirrored = a * d - b * c < 0
            if mirrored:
                a, b = -a, -b
            if abs(a) >= abs(b):
                return (0 if a >= 0 else 180), mirrored
            return (90 if b > 0 else 270), mirrored
    return 0, False


def turn(plane: np.ndarray, rotation: int, mirrored: bool) -> np.ndarray:
    """A view of a [H, W, ...] picture, mirrored left-right, then turned clockwise by `rotation` degrees."""
    if mirrored:
        plane = plane[:, ::-1]
    return np.rot90(plane, -rotation // 90) if rotation else plane
